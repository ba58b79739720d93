"""A row of the last day there is – a usual word for "never" – is a row like others: its model is planned, and so are those beside it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitoring import ModelSchema, PredictionLogger, planning, runner
from monitoring.retention import cuts
from monitoring.windows import WindowSpec, later
from storage.collector import Collector
from storage.home import Home
from storage.store import Store

DAY = datetime(2026, 1, 1, tzinfo=UTC)
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
NOW = datetime(2026, 2, 1, tzinfo=UTC)
MODEL = {"version": "1", "task": "binary", "features": {"amount": "numerical"}, "label_delay": "30d"}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Two models that were counted, before one of them logged a row of the last day."""
    with Store.open(Home(tmp_path / "home")) as opened:
        for model in ("never", "other"):
            log(opened, model, *(DAY + timedelta(hours=number) for number in range(5)))
            opened.count(model)
        log(opened, "never", NEVER)
        yield opened


def log(store: Store, model: str, *moments: datetime) -> None:
    schema = ModelSchema.from_dict({**MODEL, "name": model})
    with PredictionLogger(model, version="1", schema=schema, home=store.home, strict=True) as logger:
        for moment in moments:
            logger.prediction({"amount": 1.0}, 1, timestamp=moment)
    Collector(store).once()


def due(store: Store, model: str | None = None, window: str | None = None) -> list[planning.Due]:
    return runner._due(store, model, window, None, None, False, NOW)[0]


def test_its_model_is_counted_and_planned_as_any_other(store: Store) -> None:
    assert [row["rows"] for row in store.counted_versions("never").to_pylist()] == [5]
    store.count("never")
    assert store.counted_versions("never") == store.versions("never")
    assert {one.subject.model: one.rows for one in due(store) if one.rows} == {"never": 5, "other": 5}


@pytest.mark.parametrize("window", ["1h", "1w", "3mo", "999w", "9999mo", "rows:2", "range"])
def test_windows_of_every_kind_are_planned(store: Store, window: str) -> None:
    assert sum(one.rows for one in due(store, "never", window)) == (6 if window in ("rows:2", "range") else 5)


def test_rows_may_be_pruned_however_long_they_are_kept(store: Store) -> None:
    assert list(cuts(store, "never", older_than=timedelta(days=2_000_000), now=NOW)) == []


def test_whatever_breaks_the_planning_of_one_model_stops_no_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planning.plan_model

    def breaking(store: Store, model: str, **options: Any) -> Any:
        if model == "never":
            raise OverflowError("date value out of range")
        return plan(store, model, **options)

    monkeypatch.setattr(runner, "plan_model", breaking)
    assert {one.subject.model for one in due(store)} == {"other"}
    event = store.events().to_pylist()[0]
    assert (event["level"], event["model"]) == ("error", "never")
    assert "cannot be planned: date value out of range" in event["text"]
    with pytest.raises(OverflowError):
        due(store, "never")


def test_what_is_beyond_the_last_moment_ends_there() -> None:
    last, first = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
    assert (later(NEVER, timedelta(days=1)), later(first, -timedelta(days=1))) == (last, first)
    assert later(DAY, timedelta(days=1)) == datetime(2026, 1, 2, tzinfo=UTC)
    for name in ("1d", "1w", "1mo", "5mo"):
        spec = WindowSpec.parse(name)
        assert spec.floor(NEVER) <= NEVER < spec.after(spec.floor(NEVER)) <= last
        assert spec.floor(first) == first < spec.after(first)
