"""Drift that must last: k of n windows, whatever the order in which they were computed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from monitoring import ModelSchema, PredictionLogger, runner
from monitoring.checks import judge
from monitoring.errors import SchemaError
from monitoring.persistence import METRICS, hold, kept, lasting_share, settle
from monitoring.schema.settings import Persistence
from storage.collector import Collector
from storage.home import Home
from storage.points import POINTS
from storage.store import Store
from tests.no_pages import NoPages

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
TWO_OF_THREE = Persistence(windows=2, of=3)


def point(day: int, status: str, *, column: str = "a", metric: str = "drift", **more: Any) -> dict[str, Any]:
    plain = dict.fromkeys(POINTS.names) | {"model": "m", "version": "1", "segment": "", "method": "ks", "kind": "realised", "window": "1d"}
    at = {"window_start": START + day * DAY, "window_end": START + (day + 1) * DAY, "computed_at": START, "reason": "It is past."}
    return plain | at | {"metric": metric, "column": column, "status": status, "partial": False} | more


def settled(*rows: dict[str, Any], asked: Persistence = TWO_OF_THREE) -> dict[tuple[str, str, int], str]:
    """Verdicts by metric, column and day once settled."""
    table = pa.Table.from_pylist(list(rows), schema=POINTS)
    said = {_key(row): row["status"] for row in table.to_pylist()}
    return said | {_key(row): row["status"] for row in settle(table, asked, share=lambda _: 0.001).to_pylist()}


def _key(row: dict[str, Any]) -> tuple[str, str, int]:
    return row["metric"], row["column"], (row["window_start"] - START) // DAY


def verdicts(statuses: str, asked: Persistence = TWO_OF_THREE) -> str:
    """`o` ok, `x` past its threshold, `-` not judged → `d` drift, `w` warn, the rest as it was."""
    names = {"o": "ok", "x": "warn", "-": "insufficient_data"}
    found = settled(*(point(day, names[letter]) for day, letter in enumerate(statuses)), asked=asked)
    letters = {"ok": "o", "warn": "w", "drift": "d", "insufficient_data": "-"}
    return "".join(letters[found["drift", "a", day]] for day in range(len(statuses)))


@pytest.mark.parametrize(("past", "expected"), [
    ("oxoo", "owoo"), ("xx", "wd"), ("xox", "wod"), ("xoox", "woow"), ("xxoox", "wdoow"), ("x-ox", "w-od"), ("xxxx", "wddd"),
])  # fmt: skip
def test_a_drift_is_named_once_it_was_found_in_two_of_the_last_three_judged_windows(past: str, expected: str) -> None:
    assert verdicts(past) == expected


def test_one_of_one_is_what_there_is_without_persistence() -> None:
    assert verdicts("xoxxo", Persistence(windows=1, of=1)) == "doddo"


def test_settling_is_the_same_from_any_state_and_says_nothing_twice() -> None:
    points = pa.Table.from_pylist([point(day, "drift") for day in range(3)], schema=POINTS)
    first = settle(points, TWO_OF_THREE, share=lambda _: 0.001)
    assert first.column("status").to_pylist() == ["warn", "drift", "drift"]
    assert settle(first, TWO_OF_THREE, share=lambda _: 0.001).num_rows == 0
    held = settle(hold(points, share=lambda _: 0.001), TWO_OF_THREE, share=lambda _: 0.001)
    assert held.column("reason").to_pylist() == first.column("reason").to_pylist()
    assert first.column("reason")[1].as_py() == (
        "It is past. Persistence: past it in 2 of the last 2 windows, 2 of 3 are asked for; without drift about 0.1 % of windows name "
        "any feature so.")  # fmt: skip


def test_columns_do_not_help_each_other_and_the_share_is_drift_where_one_of_them_lasts() -> None:
    share = {"metric": "drift_share", "column": "", "method": ""}
    found = settled(
        point(0, "warn", column="a"), point(1, "warn", column="b"), point(2, "warn", column="b"),
        *(point(day, "warn", **share, detail=json.dumps({"drifted": [name]})) for day, name in enumerate("abb")),
    )  # fmt: skip
    assert [found["drift", name, day] for day, name in enumerate("abb")] == ["warn", "warn", "drift"]
    assert [found["drift_share", "", day] for day in range(3)] == ["warn", "warn", "drift"]


def test_every_windows_share_keeps_the_rate_that_its_reason_promises() -> None:
    """Whether anything lasts or not: pages tell it beside each verdict."""
    said = {"metric": "drift_share", "column": "", "method": ""}
    alone = {"judged": 4, "false_alarms": 0.05, "false_alarms_of_anything": 0.1}
    points = pa.Table.from_pylist([
        point(0, "warn"), point(0, "warn", **said, detail=json.dumps(alone | {"drifted": ["a"]})),
        point(1, "ok"), point(1, "ok", **said, detail=json.dumps(alone | {"drifted": []})),
    ], schema=POINTS)  # fmt: skip
    found = settle(points, TWO_OF_THREE, share=lambda _: 0.002)
    keeps = [json.loads(row["detail"]) for row in found.to_pylist() if row["metric"] == "drift_share"]
    assert [row["false_alarms"] for row in keeps] == [0.002, 0.002]
    assert [row["false_alarms_of_anything"] for row in keeps] == pytest.approx([0.004, 0.004])
    assert sorted(row["drifted"] for row in keeps) == [[], ["a"]]
    held = hold(points, share=lambda _: 0.002)
    assert json.loads(held.column("detail")[3].as_py())["false_alarms"] == 0.002
    assert settle(settle(held, TWO_OF_THREE, share=lambda _: 0.002), TWO_OF_THREE, share=lambda _: 0.002).num_rows == 0


def test_the_share_without_drift_is_what_independent_windows_show() -> None:
    """Of a million windows of five columns at one in fifty each."""
    past = np.random.default_rng(1).random((200_000, 5)) < 0.02
    lasts = past[2:] & (past[1:-1] | past[:-2])
    assert lasting_share(0.02, 5, TWO_OF_THREE) == pytest.approx(lasts.any(axis=1).mean(), rel=0.1)
    assert lasting_share(0.02, 5, Persistence(windows=1, of=1)) == pytest.approx(0.1)


@pytest.mark.parametrize("times", [1, 2, 10])
def test_windows_that_share_a_reference_raise_false_alarms_together(times: int) -> None:
    """Of two million means of windows, three beside each mean of a reference `times` as large; all without drift."""
    random, level = np.random.default_rng(2), 0.01
    error = random.normal(size=(2_000_000, 1)) / np.sqrt(times)
    scores = (random.normal(size=(2_000_000, 3)) - error) / np.sqrt(1 + 1 / times)
    past = np.abs(scores) > stats.norm.isf(level / 2)
    assert past.mean() == pytest.approx(level, rel=0.02)
    named = (past[:, 2] & past[:, :2].any(axis=1)).mean()
    assert lasting_share(level, 1, TWO_OF_THREE, 1 / (1 + times)) == pytest.approx(named, rel=0.2 if times == 10 else 0.1)
    assert named > 1.1 * lasting_share(level, 1, TWO_OF_THREE)
    assert lasting_share(level, 1, Persistence(windows=1, of=1), 1 / (1 + times)) == pytest.approx(level)


def test_a_reason_tells_the_rate_for_its_own_rows() -> None:
    asked, rows = Persistence(windows=1, of=2), pa.Table.from_pylist([point(0, "warn", n=300, n_reference=300)], schema=POINTS)
    said = settle(rows, asked, share=lambda shared: shared / 100).column("reason")[0].as_py()
    assert "without drift about 0.5 % of windows" in said


def test_a_held_point_that_was_settled_before_is_the_same_finding() -> None:
    one = pa.Table.from_pylist([point(0, "drift", value=0.3, threshold=0.1)], schema=POINTS)
    before = settle(one, Persistence(windows=1, of=2), share=lambda _: 0.001)
    one = hold(one, share=lambda _: 0.001)
    assert kept(one, before).equals(settle(one, Persistence(windows=1, of=2), share=lambda _: 0.001))
    other = one.set_column(one.schema.get_field_index("value"), "value", pa.array([0.31], one.schema.field("value").type))
    assert kept(other, before).equals(other)


@pytest.mark.parametrize(("said", "expected"), [
    ({"windows": 3, "of": 2}, "can never be"), ({"windows": 0, "of": 2}, "whole number"), ({"windows": True, "of": 2}, "whole number"),
    ({"window": 2}, "window"), (2, "mapping"), ({"of": 3}, "windows must be"),
])  # fmt: skip
def test_what_cannot_be_asked_for_is_said(said: object, expected: str) -> None:
    with pytest.raises(SchemaError, match=expected):
        ModelSchema.from_dict({"task": "binary", "features": {"a": "numerical"}, "drift": {"persistence": said}})


def test_it_is_written_as_it_was_read() -> None:
    asked = {"persistence": {"windows": 2, "of": 3}}
    schema = ModelSchema.from_dict({"task": "binary", "features": {"a": "numerical"}, "drift": asked})
    assert schema.drift.persistence == TWO_OF_THREE
    assert schema.to_dict()["drift"] == asked


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Six days; the feature has moved on the third, fifth and sixth."""
    schema = ModelSchema.from_dict({
        "task": "regression", "features": {"a": "numerical"}, "window": "1d",
        "drift": {"method": "wasserstein", "false_alarms": 0.001, "persistence": {"windows": 2, "of": 3}},
    })  # fmt: skip
    random = np.random.default_rng(4)
    with Store.open(Home(tmp_path / "home")) as opened:
        with PredictionLogger("m", version="1", schema=schema, home=opened.home, strict=True) as log:
            for day in range(6):
                for place, value in enumerate(random.normal(float(day in {2, 4, 5}), 1, 450)):
                    log.prediction({"a": float(value)}, 0.0, timestamp=START + day * DAY + place * timedelta(minutes=3))
        Collector(opened).once()
        opened.put_reference("m", pa.table({"a": random.normal(size=5_000), "prediction": np.zeros(5_000)}), "made for the test")
        yield opened


def drift_of(store: Store) -> list[str]:
    return store.points(model="m", metric=["drift"], column="a").column("status").to_pylist()


def test_points_and_check_wait_for_what_lasts_in_any_order_of_computing(store: Store) -> None:
    now = START + 30 * DAY
    runner.run(store, workers=[NoPages()], jobs=1, now=now, since=START + 4 * DAY)
    assert drift_of(store) == ["warn", "drift"]
    runner.run(store, workers=[NoPages()], jobs=1, now=now)
    assert drift_of(store) == ["ok", "ok", "warn", "ok", "drift", "drift"]
    points = store.points(model="m")
    assert judge(points, "m", size="1d", window="2026-03-04T00:00:00Z").verdict == "warn"
    assert judge(points, "m", size="1d").verdict == "drift"
    rates = {json.loads(row["detail"])["false_alarms"] for row in points.to_pylist() if row["metric"] == "drift_share"}
    assert rates == {lasting_share(0.001, 1, TWO_OF_THREE, 0.08)}  # 450 rows against 5,000
    store.restate(settle(store.points(model="m", metric=list(METRICS)), TWO_OF_THREE, share=lambda _: 0.5))
    shares = store.points(model="m", metric="drift_share").to_pylist()
    assert {json.loads(row["detail"])["false_alarms"] for row in shares} == {0.5}
    store.restate(settle(store.points(model="m", metric=list(METRICS)), TWO_OF_THREE,
                         share=lambda shared: lasting_share(0.001, 1, TWO_OF_THREE, shared)))  # fmt: skip
    reasons = store.points(model="m", metric=["drift"], column="a").column("reason").to_pylist()
    runner.run(store, workers=[NoPages()], jobs=1, now=now, everything=True)
    assert store.points(model="m", metric=["drift"], column="a").column("reason").to_pylist() == reasons


def test_a_run_that_ends_early_leaves_warnings_and_the_next_one_settles_them(store: Store) -> None:
    def stop(told: dict[str, Any]) -> None:
        if told["done"] == told["total"]:
            raise RuntimeError("stopped before the windows were settled")

    now = START + 30 * DAY
    with pytest.raises(RuntimeError, match="stopped"):
        runner.run(store, workers=[NoPages()], jobs=1, now=now, progress=stop)
    assert drift_of(store) == ["ok", "ok", "warn", "ok", "warn", "warn"]
    assert runner.run(store, workers=[NoPages()], jobs=1, now=now).windows == 0
    assert drift_of(store) == ["ok", "ok", "warn", "ok", "drift", "drift"]


def test_computing_what_lasts_again_supersedes_nothing(store: Store) -> None:
    now = START + 30 * DAY
    runner.run(store, workers=[NoPages()], jobs=1, now=now)
    for _ in range(2):
        runner.run(store, workers=[NoPages()], jobs=1, now=now, everything=True)
    day = START + 5 * DAY
    for metric, column in (("drift", "a"), ("drift_share", "")):
        history = store.point_history(model="m", version="1", window="1d", start=day, metric=metric, column=column).to_pylist()
        assert [row["status"] for row in history] == ["warn", "drift"]  # as it was saved, and as the end of the first run settled it


def test_a_verdict_that_late_rows_changed_is_still_known_as_it_was(store: Store) -> None:
    """Day 4 stays as it is itself; late rows take away what was found on day 2, so that on day 4 drift had not lasted."""
    now = START + 30 * DAY
    runner.run(store, workers=[NoPages()], jobs=1, now=now, until=START + 5 * DAY)
    before = datetime.now(UTC)
    assert drift_of(store)[-1] == "drift"
    with PredictionLogger("m", version="1", schema=ModelSchema.from_dict(store.spec("m")), home=store.home, strict=True) as log:
        for place, value in enumerate(np.random.default_rng(5).normal(-0.1, 1, 3_000)):
            log.prediction({"a": float(value)}, 0.0, timestamp=START + 2 * DAY + place * timedelta(seconds=20))
    Collector(store).once()
    runner.run(store, workers=[NoPages()], jobs=1, now=now, until=START + 5 * DAY)
    known = store.points(model="m", metric="drift", column="a", as_of=before).column("status").to_pylist()
    assert (drift_of(store)[-1], known[-1]) == ("warn", "drift")


def test_a_range_has_no_windows_before_it_and_is_judged_alone(store: Store) -> None:
    runner.run(store, workers=[NoPages()], jobs=1, now=START + 30 * DAY, window="range", since=START + 4 * DAY, until=START + 6 * DAY)
    found = [row for row in store.points(model="m", window="range", metric=list(METRICS)).to_pylist() if row["column"] in ("a", "")]
    assert {row["metric"]: row["status"] for row in found}["drift"] == "drift"
    assert {row["metric"]: row["status"] for row in found}["drift_share"] == "drift"
    assert not any("Persistence" in (row["reason"] or "") for row in found)
