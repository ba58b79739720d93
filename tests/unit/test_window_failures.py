"""A window that cannot be counted fails alone; one that is too large is not read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from monitoring import ModelSchema, PredictionLogger, runner
from monitoring.windows import Window
from storage.collector import Collector
from storage.errors import StorageError
from storage.home import Home
from storage.store import Store
from tests.no_pages import NoPages

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
SCHEMA = ModelSchema.from_dict({"task": "regression", "features": {"a": "numerical"}, "window": "1d"})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Two models of three days."""
    with Store.open(Home(tmp_path / "home")) as opened:
        for name in ("m", "other"):
            with PredictionLogger(name, version="1", schema=SCHEMA, home=opened.home, strict=True) as log:
                for place in range(60):
                    at = START + place % 3 * DAY + place * timedelta(minutes=9)
                    log.prediction({"a": float(place)}, 1.0, id=str(place), timestamp=at)
                    log.ground_truth(str(place), 1.5)
        Collector(opened).once()
        yield opened


def states(store: Store, model: str) -> list[str]:
    return [row["state"] for row in store.window_states(model, "1", "1d").to_pylist()]


def run(store: Store, **more: Any) -> Any:
    return runner.run(store, workers=[NoPages()], jobs=1, now=START + 30 * DAY, **more)


def test_a_window_that_cannot_be_counted_fails_alone_and_says_why(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Store.outcomes

    def outcomes(self: Store, model: str, version: str, windows: Sequence[Window]) -> pa.Table:
        if model == "m" and any(window.start == START + DAY for window in windows):
            raise MemoryError("cannot allocate 9 GB")
        return whole(self, model, version, windows)

    monkeypatch.setattr(Store, "outcomes", outcomes)
    run(store)
    assert states(store, "other") == ["done"] * 3
    assert states(store, "m") == ["done", "failed", "done"]
    mae = {row["window_start"]: (row["status"], row["reason"]) for row in store.points(model="m", metric=["mae"]).to_pylist()}
    assert mae[START + DAY] == ("failed", "Computing failed: MemoryError: cannot allocate 9 GB.")
    assert {status for at, (status, _) in mae.items() if at != START + DAY} == {"not_applicable"}


def test_a_reference_that_cannot_be_read_stops_no_other_model(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("m", "other"):
        store.put_reference(name, pa.table({"a": [float(one) for one in range(60)], "prediction": [1.0] * 60, "label": [1.5] * 60}), "x")
    whole = Store.reference

    def reference(self: Store, model: str, *more: Any, **named: Any) -> pa.Table | None:
        if model == "m":
            raise StorageError("The reference of m is damaged.")
        return whole(self, model, *more, **named)

    monkeypatch.setattr(Store, "reference", reference)
    run(store)
    assert states(store, "other") == ["done"] * 3
    assert states(store, "m") == ["failed"] * 3
    assert {row["reason"] for row in store.points(model="m", metric=["mae"]).to_pylist()} == {
        "It could not be read: The reference of m is damaged."}  # fmt: skip


def test_a_window_that_is_too_large_is_refused_before_its_rows_are_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, read = Store.outcomes, list[str]()

    def outcomes(self: Store, model: str, version: str, windows: Sequence[Window]) -> pa.Table:
        read.append(model)
        return whole(self, model, version, windows)

    monkeypatch.setattr(Store, "outcomes", outcomes)
    run(store, memory_limit=10_000)
    assert read == []
    assert states(store, "other") == ["failed"] * 3
    assert all("MONITORING_MEMORY_LIMIT" in row["reason"] for row in store.points(model="other").to_pylist())
