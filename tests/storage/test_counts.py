"""Rows are counted once per bucket of time: what changes is counted anew, and only that, with what a scan would find."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest

from storage.collector import Collector
from storage.home import Home
from storage.store import Store, _activity, _changes
from storage.store._counts import counted
from tests.storage.conftest import FRAUD, T0, Log, day, hour, prediction, truth

DAYS = [(span.start, span.end) for span in (day(0), day(1), day(2), day(3))]


def touched(store: Store, seconds: int = 86_400) -> list[tuple[str, float]]:
    """(version, hours after T0) of the buckets that the next count will look at."""
    with store._model("fraud") as (cursor, model):
        found = counted(cursor, model, seconds)
    if isinstance(found, int):
        return []
    assert found.touched is not None
    rows = found.touched.to_pylist()
    return sorted((row["version"], (row["bucket"] - T0) / timedelta(hours=1)) for row in rows)


def same(store: Store) -> None:
    """What was counted is what is there."""
    now = store.versions("fraud")
    store.count("fraud")
    assert store.counted_activity("fraud", DAYS) == store.activity("fraud", DAYS)
    assert scanned(store) == now == store.counted_versions("fraud") == store.versions("fraud")


def scanned(store: Store) -> pa.Table:
    """The versions as all rows have them."""
    with store._model("fraud") as (cursor, model):
        return _activity.versions(cursor, model)


def test_a_new_day_touches_that_day_and_a_late_row_its_own(fraud: Store, log: Log, collector: Collector) -> None:
    log.predictions(range(48))
    collector.once()
    same(fraud)
    log.predictions(range(48, 60))
    collector.once()
    assert touched(fraud) == [("1", 48)]
    log.write(("pred", prediction(200, e=prediction(3)["e"])))
    collector.once()
    assert touched(fraud) == [("1", 0), ("1", 48)]
    same(fraud)
    assert touched(fraud) == []


def test_a_label_touches_the_windows_of_its_prediction_in_every_version(fraud: Store, log: Log, collector: Collector) -> None:
    log.write(*(("pred", prediction(number)) for number in range(72)), ("pred", prediction(30, ver="2", e=prediction(50)["e"])))
    collector.once()
    fraud.count("fraud")
    log.write(("label", truth(30, 1)), ("label", truth(999, 1)))  # the second belongs to nothing yet
    collector.once()
    assert touched(fraud) == [("1", 24), ("2", 48)]
    same(fraud)
    log.predictions([999], e=prediction(1)["e"])  # its label waits
    collector.once()
    assert touched(fraud) == [("1", 0)]
    same(fraud)
    assert fraud.counted_activity("fraud", DAYS[:1]).column("labelled").to_pylist() == [1]


def test_a_repeat_that_was_written_first_touches_the_window_that_loses_its_row_too(fraud: Store, log: Log, collector: Collector) -> None:
    first = log.predictions([1], e=prediction(60)["e"])
    aside = first.rename(first.parent.parent / first.name)
    log.predictions([1])
    collector.once()
    same(fraud)
    aside.rename(first)
    collector.once()
    assert touched(fraud) == [("1", 0), ("1", 48)]
    same(fraud)
    assert fraud.counted_activity("fraud", DAYS).column("start").to_pylist() == [day(2).start]


def test_buckets_become_finer_when_shorter_windows_are_asked_for(fraud: Store, log: Log, collector: Collector) -> None:
    log.predictions(range(30))
    collector.once()
    same(fraud)
    fraud.count("fraud", 5 * 3600)
    edges = [(hour(number), hour(number + 5)) for number in range(-4, 41, 5)]  # 5h windows count from 1970
    assert fraud.counted_activity("fraud", edges) == fraud.activity("fraud", edges)
    same(fraud)


def test_what_is_settled_holds_until_something_changes_or_the_clock_says_so(fraud: Store, log: Log, collector: Collector) -> None:
    def settle() -> None:
        fraud.settle("fraud", window="", serial=fraud.count("fraud"), code="1", since=hour(0), until=hour(10))

    asked = {"window": "", "code": "1"}
    assert fraud.settled(**asked, now=hour(1)) == set()
    settle()
    assert fraud.settled(**asked, now=hour(1)) == {"fraud"}
    assert fraud.settled(window="1h", code="1", now=hour(1)) == fraud.settled(window="", code="2", now=hour(1)) == set()
    assert fraud.settled(**asked, now=hour(10)) == fraud.settled(**asked, now=hour(-1)) == set()
    log.predictions([1])
    collector.once()
    assert fraud.settled(**asked, now=hour(1)) == set()
    settle()
    fraud.register_model({**FRAUD, "label_delay": "3d"})
    assert fraud.settled(**asked, now=hour(1)) == set()


@pytest.mark.parametrize("place", ["before insert", "before commit", "after commit"])
def test_a_change_that_a_killed_collector_wrote_is_noted_and_no_other(home: Home, log: Log, place: str) -> None:
    """The note is in the transaction of the rows: there are both, or neither."""

    class Killed(BaseException):
        pass

    def die(here: str) -> None:
        if here == place:
            raise Killed

    with Store.open(home) as store:
        store.register_model(FRAUD)
        serial = store.count("fraud")
        log.predictions(range(3))
        with pytest.raises(Killed):
            Collector(store, at=die).once()
    with Store.open(home) as store:
        rows = store.versions("fraud").num_rows
        assert (store.count("fraud") > serial) == bool(rows) == (place == "after commit")
        Collector(store).once()
        same(store)


def test_versions_are_told_from_the_counts_and_what_came_since(
    fraud: Store, log: Log, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.predictions(range(30))
    collector.once()
    fraud.count("fraud")
    monkeypatch.setattr(_activity, "versions", None)  # no scan
    log.predictions(range(30, 40))
    log.write(("pred", prediction(500, ver="2")), ("label", truth(3, 1)))
    collector.once()
    log.predictions([77])
    collector.once()
    told = fraud.versions("fraud")
    assert told.column("rows").to_pylist() == [41, 1]
    assert fraud.health()["models"][0]["predictions"] == 42
    assert fraud.freshness()["newest_prediction"] == told.column("last").to_pylist()[1]
    monkeypatch.undo()
    assert told == scanned(fraud)


@pytest.mark.parametrize("what", ["a repeat", "a pruned row", "a clock that was set back"])
def test_versions_are_counted_anew_where_more_changed_than_rows_that_came(
    fraud: Store, log: Log, collector: Collector, what: str
) -> None:
    log.predictions(range(30))
    collector.once()
    fraud.count("fraud")
    log.predictions([40])
    if what == "a repeat":
        early = log.predictions([1], e=prediction(60)["e"])
        early.rename(early.parent / f"0{early.name}")
    collector.once()
    if what == "a pruned row":
        fraud.prune("fraud", "1", hour(3))
    if what == "a clock that was set back":
        with fraud.writing() as cursor:
            cursor.execute("UPDATE changes SET noted_at = noted_at - INTERVAL 1 HOUR WHERE kind = 'predictions'")
            cursor.execute("UPDATE pred_000001 SET ingested_at = ingested_at - INTERVAL 1 HOUR WHERE id = 'p40'")
    with fraud._model("fraud") as (cursor, model):
        assert _changes.only_predictions(cursor, model.model_id) is None
    assert fraud.versions("fraud") == scanned(fraud)
