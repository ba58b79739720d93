"""A home, a store and a log of one's own for each test; frames are written by the logger's own writer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from storage.collector import Collector
from storage.home import Home
from storage.spool import SegmentWriter
from storage.store import Store

T0 = datetime(2026, 3, 1, tzinfo=UTC)

FRAUD: dict[str, Any] = {
    "name": "fraud", "version": "1", "task": "binary", "positive_label": 1,
    "features": {"amount": "numerical", "country": "categorical", "opened": "datetime"}, "segments": ["channel"],
    "timestamp": "at", "id": "key", "prediction": "decision", "score": "risk", "label": "is_fraud", "latency": "ms", "timezone": "UTC",
}  # fmt: skip

# The columns that every frame begins with.
META = ["@id", "@t", "@version", "@prediction", "@score", "@label", "@labelled_at", "@latency_ms", "@error", "@weight"]


class Span(NamedTuple):
    """A window as the store takes it."""

    start: datetime
    end: datetime
    rows: tuple[int, int] | None = None


def micros(moment: datetime) -> int:
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))


def hour(number: float) -> datetime:
    return T0 + timedelta(hours=number)


def day(number: int) -> Span:
    return Span(T0 + timedelta(days=number), T0 + timedelta(days=number + 1))


def prediction(number: int, **changes: Any) -> dict[str, Any]:
    """The payload of the prediction made `number` hours after T0."""
    record = {
        "m": "fraud", "ver": "1", "id": f"p{number}", "e": micros(hour(number)), "p": number % 2, "s": number / 100, "lat": 5.0,
        "f": {"amount": float(number), "country": "FR", "opened": "2026-01-01T00:00:00+00:00"}, "x": {"channel": "web"},
    }  # fmt: skip
    return {**record, **changes}


def truth(number: int, value: Any, *, known: float | None = None, **changes: Any) -> dict[str, Any]:
    """The payload of the ground truth of prediction `number`, known `known` hours after T0."""
    return {"m": "fraud", "id": f"p{number}", "y": value, "e": None if known is None else micros(hour(known)), **changes}


def rows(store: Store, model: str = "fraud", version: str = "1", **options: Any) -> list[dict[str, Any]]:
    """A frame as dicts."""
    found: list[dict[str, Any]] = store.frame(model, version, **options).to_pylist()
    return found


class Log:
    """What a serving process would have written."""

    def __init__(self, home: Home) -> None:
        home.make()
        self.spool = home.spool

    def write(self, *records: tuple[str, Mapping[str, Any]]) -> Path:
        """One segment, closed cleanly, of (kind, payload) records; its path."""
        before = set(self.spool.iterdir())
        writer = SegmentWriter(self.spool)
        for kind, payload in records:
            assert writer.append(kind, orjson.dumps(payload)) is None
        writer.close()
        (path,) = set(self.spool.iterdir()) - before
        return path

    def predictions(self, numbers: Sequence[int], **changes: Any) -> Path:
        return self.write(*(("pred", prediction(number, **changes)) for number in numbers))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A spool that is not there yet."""
    return tmp_path / "home" / "spool"


@pytest.fixture
def writer(folder: Path) -> Iterator[SegmentWriter]:
    writer = SegmentWriter(folder)
    yield writer
    writer.close()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def log(home: Home) -> Log:
    return Log(home)


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    with Store.open(home) as opened:
        yield opened


@pytest.fixture
def fraud(store: Store) -> Store:
    """A store that knows the model fraud."""
    store.register_model(FRAUD)
    return store


@pytest.fixture
def collector(store: Store) -> Collector:
    return Collector(store)
