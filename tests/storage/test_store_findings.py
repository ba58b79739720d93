"""Findings: upserted by window, superseded but never deleted, and asked for as they were known."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from storage.errors import StoreError
from storage.points import POINTS, PROFILES
from storage.reading import reading
from storage.store import Reader, Store
from tests.storage.conftest import T0, Span, day, hour

FIRST = day(0)
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def points(*changes: dict[str, Any], window: Span = FIRST, at: datetime = MONDAY, run: str = "first") -> pa.Table:
    """One point per mapping of what sets it apart."""
    common = {
        "model": "fraud", "version": "1", "segment": "", "window_start": window.start, "window_end": window.end, "window": "1d",
        "metric": "accuracy", "column": "", "method": "", "value": 0.5, "n": 10, "status": "ok", "kind": "realised",
        "computed_at": at, "run": run, "partial": False,
    }  # fmt: skip
    return pa.Table.from_pylist([{**common, **change} for change in changes], POINTS)


def profile(value: float, kind: str = "histogram", column: str = "amount") -> dict[str, Any]:
    return {
        "model": "fraud", "version": "1", "segment": "", "window": "1d", "window_start": T0, "window_end": hour(24), "kind": kind,
        "column": column, "series": "current", "x": 0.0, "x_end": 1.0, "value": value, "n": 3,
    }  # fmt: skip


def save(
    store: Store, rows: pa.Table, *, window: Span = FIRST, profiles: pa.Table | None = None, run: str = "first", fingerprint: str = "f"
) -> None:
    store.save_window("fraud", "1", window, rows, profiles, window_name="1d", run=run, fingerprint=fingerprint)


def test_points_come_back_exactly_in_their_shape(store: Store) -> None:
    full = {"metric": "drift", "column": "amount", "method": "ks", "threshold": 0.1, "p_value": 0.02, "detail": '{"a": 1}'}
    given = points(full, {"value": None})
    save(store, given)
    assert store.points().schema == POINTS
    assert sorted(map(str, store.points().to_pylist())) == sorted(map(str, given.to_pylist()))
    assert store.points(model="other").schema == POINTS


def test_a_home_that_nobody_owns_tells_the_same(store: Store) -> None:
    save(store, points({"metric": "drift", "column": "amount"}, {"metric": "rows"}),
         profiles=pa.Table.from_pylist([profile(3.0), profile(1.0), profile(2.0)], PROFILES))  # fmt: skip

    def told(of: Reader) -> list[pa.Table]:
        own = {"fraud": "1d"}
        return [of.recent_points(own, ["drift"]), of.strip_points(own, ["rows"]), of.profiles("fraud", "1", "1d", T0), of.points()]

    owners = told(store)
    assert [len(found) for found in owners] == [1, 1, 3, 2]
    store.close()
    with reading(store.home) as reader:
        assert told(reader) == owners


def test_every_filter_narrows(store: Store) -> None:
    save(store, points({"metric": "drift", "column": "amount"}, {"metric": "drift", "column": "country"}, {"metric": "rows"}))
    save(store, points({"metric": "rows"}, window=day(1)), window=day(1))
    assert store.points().num_rows == 4
    assert store.points(metric="drift").num_rows == 2
    assert store.points(metric="drift", column="country").num_rows == 1
    assert store.points(metric=["drift", "rows", "recall"]).num_rows == 4
    assert store.points(metric=[]).num_rows == 0
    assert store.points(segment="").num_rows == 4
    assert store.points(segment="country=FR").num_rows == 0
    assert store.points(since=hour(24)).column("window_start").to_pylist() == [hour(24)]
    assert store.points(until=hour(24)).num_rows == 3
    assert store.points(model="fraud", version="1", window="1d", since=T0, until=hour(48)).num_rows == 4
    for nothing in ({"model": "price"}, {"version": "2"}, {"window": "1h"}, {"since": hour(48)}):
        assert store.points(**nothing).num_rows == 0


def test_computing_a_window_again_with_equal_values_changes_nothing_that_was_there(store: Store) -> None:
    found: list[dict[str, Any]] = [{"metric": "rows"}, {"metric": "accuracy", "value": None}]
    save(store, points(*found))
    before = store.points()
    save(store, points(*found, at=MONDAY + timedelta(days=1), run="second"), run="second")
    assert store.points() == before
    with store.reading() as cursor:
        assert cursor.execute("SELECT count(*) FROM points").fetchall() == [(2,)]
    (state,) = store.window_states("fraud", "1", "1d").to_pylist()
    assert state["run"] == "second"


def test_monday_can_be_asked_for_as_it_was_known_on_wednesday(store: Store) -> None:
    wednesday, friday = MONDAY + timedelta(days=2), MONDAY + timedelta(days=4)
    save(store, points({"value": 0.5}, {"metric": "rows", "value": 7.0}))
    save(store, points({"value": 0.9}, {"metric": "rows", "value": 7.0}, {"metric": "recall"}, at=friday), run="second")
    assert store.points(metric="accuracy").column("value").to_pylist() == [0.9]
    assert store.points().num_rows == 3
    known = store.points(as_of=wednesday)
    assert {(row["metric"], row["value"]) for row in known.to_pylist()} == {("accuracy", 0.5), ("rows", 7.0)}
    assert store.points(metric="accuracy", as_of=friday).column("value").to_pylist() == [0.9]
    assert store.points(as_of=MONDAY - timedelta(days=1)).num_rows == 0
    save(store, points({"metric": "rows", "value": 7.0}, at=friday + timedelta(days=1)), run="third")
    assert store.points().column("metric").to_pylist() == ["rows"]  # what is no longer found is superseded too
    assert store.points(as_of=friday).num_rows == 3


def test_a_models_first_and_last_computing_by_a_day_are_told_and_each_finding_of_a_window(store: Store) -> None:
    wednesday, friday = MONDAY + timedelta(days=2), MONDAY + timedelta(days=4)
    assert store.computed("fraud", as_of=friday) == {"first": None, "last": None}
    save(store, points({"value": 0.5}, at=MONDAY))
    save(store, points({"value": 0.9}, at=friday), run="second")
    assert store.computed("fraud", as_of=wednesday) == {"first": MONDAY, "last": MONDAY}
    assert store.computed("fraud", as_of=friday, window="1d") == {"first": MONDAY, "last": friday}
    assert store.computed("fraud", as_of=MONDAY - timedelta(days=1)) == {"first": MONDAY, "last": None}
    history = store.point_history("fraud", "1", "1d", day(0).start, "accuracy").to_pylist()
    assert [(row["value"], row["computed_at"], row["superseded_at"]) for row in history] == [(0.5, MONDAY, friday), (0.9, friday, None)]
    assert store.point_history("fraud", "1", "1d", day(0).start, "recall").num_rows == 0


def test_windows_of_other_sizes_and_versions_are_left_alone(store: Store) -> None:
    save(store, points({"metric": "rows"}))
    store.save_window("fraud", "1", day(0), points({"metric": "rows", "window": "1w"}), window_name="1w", run="r")
    store.save_window("fraud", "2", day(0), points({"metric": "rows", "version": "2"}), window_name="1d", run="r")
    save(store, points({"metric": "rows", "value": 1.0}))
    assert store.points().num_rows == 3
    assert store.window_states("fraud", "2", "1d").num_rows == store.window_states("fraud", "1", "1w").num_rows == 1


@pytest.mark.parametrize("broken", ["points", "profiles"])
def test_a_failure_in_the_middle_leaves_what_was_there(store: Store, broken: str) -> None:
    old = pa.Table.from_pylist([profile(0.25)], PROFILES)
    save(store, points({"metric": "rows"}), profiles=old, fingerprint="old")
    bad = pa.table({"model": ["fraud"]})
    with pytest.raises(StoreError, match=f"These {broken} do not have the shape of storage.points.{broken.upper()}"):
        save(
            store, bad if broken == "points" else points({"metric": "rows", "value": 99.0}),
            profiles=bad if broken == "profiles" else None, fingerprint="new",
        )  # fmt: skip
    assert store.points().column("value").to_pylist() == [0.5]
    assert store.profiles("fraud", "1", "1d", T0).column("value").to_pylist() == [0.25]
    (state,) = store.window_states("fraud", "1", "1d").to_pylist()
    assert (state["start"], state["end"], state["fingerprint"], state["state"]) == (T0, hour(24), "old", "done")


def test_profiles_are_replaced_with_their_window_and_keep_their_order(store: Store) -> None:
    first = pa.Table.from_pylist([profile(value / 10) for value in (3, 1, 2)] + [profile(1.0, "roc", "")], PROFILES)
    save(store, points({"metric": "rows"}), profiles=first)
    assert store.profiles("fraud", "1", "1d", T0) == first
    assert store.profiles("fraud", "1", "1d", T0, kind="histogram", column="amount").column("value").to_pylist() == [0.3, 0.1, 0.2]
    save(store, points({"metric": "rows"}), profiles=pa.Table.from_pylist([profile(0.7)], PROFILES))
    assert store.profiles("fraud", "1", "1d", T0).column("value").to_pylist() == [0.7]
    assert store.profiles("fraud", "1", "1d", hour(24)).schema == PROFILES


def test_profiles_of_a_range_of_windows_and_of_every_version_come_in_one_read(store: Store) -> None:
    for version, start in (("1", T0), ("1", hour(24)), ("2", hour(24)), ("2", hour(48))):
        window = Span(start, start + timedelta(days=1))
        row = {**profile(0.5), "version": version, "window_start": window.start, "window_end": window.end}
        made = pa.Table.from_pylist([row], PROFILES)
        store.save_window("fraud", version, window, points({"version": version}, window=window), made, window_name="1d", run="r")
    every = store.profiles("fraud", None, "1d", T0, until=hour(48)).select(["window_start", "version"]).to_pylist()
    assert [tuple(row.values()) for row in every] == [(T0, "1"), (hour(24), "1"), (hour(24), "2")]
    assert store.profiles("fraud", "2", "1d", T0, until=hour(72)).num_rows == 2
    assert store.profiles("fraud", None, "1d", hour(24)).num_rows == 2


def test_readers_and_writers_of_many_threads_do_not_disturb_each_other(store: Store) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(8):
                span = day(number)
                save(store, points({"value": float(turn)}, {"metric": "rows", "value": float(turn)}, window=span), window=span)
                both = store.points(since=span.start, until=span.end).column("value").to_pylist()
                assert both == [float(turn)] * 2, both
                if number == 0:
                    store.reopen()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert store.points().num_rows == 8


def test_verdicts_said_anew_change_the_mark_of_their_model_alone(fraud: Store) -> None:
    fraud.register_model({**fraud.spec("fraud"), "name": "other"})
    save(fraud, points({"metric": "drift", "column": "amount", "status": "warn"}))
    before = fraud.points_marks()
    said = points({"metric": "drift", "column": "amount", "status": "drift"})
    fraud.restate(said)
    after = fraud.points_marks()
    assert {name for name in after if after[name] != before[name]} == {"fraud"}
    fraud.restate(said)
    assert fraud.points_marks()["fraud"] not in (before["fraud"], after["fraud"])


def test_what_was_said_before_verdicts_were_said_anew_is_still_known(fraud: Store) -> None:
    held = points({"metric": "drift", "column": "amount", "status": "warn"}, {"metric": "drift", "column": "age", "status": "ok"})
    save(fraud, held)
    fraud.restate(points({"metric": "drift", "column": "amount", "status": "drift", "value": 99.0}))
    now, before = fraud.points().to_pylist(), fraud.points(as_of=MONDAY)
    assert [(row["column"], row["status"], row["value"]) for row in now] == [("age", "ok", 0.5), ("amount", "drift", 0.5)]
    assert sorted(map(str, before.to_pylist())) == sorted(map(str, held.to_pylist()))
    assert now[1]["computed_at"] > MONDAY


def test_ranges_that_begin_together_are_two_windows_and_one_of_rows_that_grows_is_one(store: Store) -> None:
    for name in ("range", "rows:5000"):
        for value, end in ((0.1, hour(48)), (0.2, hour(72)), (0.3, hour(72))):
            window = Span(T0, end)
            found = points({"value": value, "window": name, "window_end": end}, window=window)
            made = pa.Table.from_pylist([{**profile(value), "window": name, "window_end": end}], PROFILES)
            store.save_window("fraud", "1", window, found, made, window_name=name, run="r", fingerprint="f")
    assert store.points(window="range").column("value").to_pylist() == [0.1, 0.3]
    assert store.profiles("fraud", "1", "range", T0).column("value").to_pylist() == [0.1, 0.3]
    assert store.window_states("fraud", "1", "range").num_rows == 2
    assert store.points(window="rows:5000").column("value").to_pylist() == [0.3]
    assert store.window_states("fraud", "1", "rows:5000").num_rows == 1
