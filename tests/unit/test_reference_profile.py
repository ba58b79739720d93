"""A reference is worked out once: what is kept of it says exactly what its rows say, and a run with it reads no row."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from time import sleep
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring import runner
from monitoring.analysis.baseline import Baseline
from monitoring.drift import Sample, comparable
from monitoring.own_windows import OwnWindows, Span, own_windows
from monitoring.reference.column import Beside, Block, ReferenceColumn, Rows, block_of
from monitoring.segments.columns import Columns
from monitoring.segments.slices import matching
from storage.custody.reference_profiles import Fact, ReferenceProfile
from storage.home import Home
from storage.store import Store
from tests.no_pages import NoPages
from tests.unit.test_runner import DAY, LATER, SCHEMAS, START, calls, log, put_reference

_DAY = timedelta(days=1)


def _after(microseconds: int) -> datetime:
    return datetime(1990, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


_NUMBERS = st.one_of(st.none(), st.integers(-(2**53), 2**53).map(float), st.floats(width=64), st.sampled_from([0.0, -0.0, 1.0, 2.0]))
_WORDS = st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=4), st.sampled_from(["True", "", "a", "b"]))
_TIMES = st.one_of(st.none(), st.integers(0, 1_600_000_000_000_000).map(_after),
                   st.integers(0, 90).map(lambda day: START - timedelta(days=day)))  # fmt: skip
_COUNTRIES, _CHANNELS = st.sampled_from([None, "FR", "DE"]), st.sampled_from(["web", "app", ""])
_ROWS = st.lists(st.tuples(_TIMES, _NUMBERS, _WORDS, _TIMES, _COUNTRIES, _CHANNELS), max_size=60)
_KINDS = {"number": "numerical", "word": "categorical", "long": "text", "moment": "datetime", "flag": "categorical", "absent": "numerical"}
_MOMENT = pa.timestamp("us", "UTC")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(Home(tmp_path / "home")) as opened:
        yield opened


def table_of(rows: list[tuple[Any, ...]]) -> pa.Table:
    at, number, word, moment, country, channel = (list(column) for column in zip(*rows, strict=True)) if rows else [[]] * 6
    return pa.table({
        "@t": pa.array(at, _MOMENT), "number": pa.array(number, pa.float64()), "word": pa.array(word, pa.string()),
        "long": pa.array(word, pa.string()), "moment": pa.array(moment, _MOMENT),
        "flag": pa.array([None if one is None else one > 0 for one in number], pa.bool_()),
        "country": pa.array(country, pa.string()), "channel": pa.array(channel, pa.string()),
    })  # fmt: skip


def same(a: Sample, b: Sample) -> bool:
    """The same values; categories in the same order too."""
    if a.categories is not None or b.categories is not None:
        return list((a.categories or {}).items()) == list((b.categories or {}).items())
    return np.array_equal(a.values, b.values)


@settings(max_examples=60, deadline=None)
@given(rows=_ROWS, days=st.sampled_from([1, 7, 31]))
def test_a_column_that_was_kept_says_what_the_rows_say(rows: list[tuple[Any, ...]], days: int) -> None:
    table = table_of(rows)
    span = Span(datetime(2025, 2, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC) + days * _DAY)
    beside = Beside((Block(86_400_000_000), Block(3, of_rows=True)), ("country", "channel"))
    columns = Columns(table)
    with tempfile.TemporaryDirectory() as folder:
        files = ReferenceProfile(Home(Path(folder)), "m", "digest")
        for name, kind in _KINDS.items():
            files.write(name, Fact(ReferenceColumn.of(Rows(table, beside), name, kind).rows, {"n": float("inf")}))
            fact = ReferenceProfile(Home(Path(folder)), "m", "digest").read(name)
            assert fact is not None
            assert fact.said == {"n": float("inf")}
            timed = table["@t"].null_count < table.num_rows
            kept = ReferenceColumn(fact.table, timed)
            assert kept.has(beside)
            assert same(kept.sample, Sample.of_column(table, name, kind))
            for cut in (span, Span(span.start, span.end, rows=3)):
                assert windows(kept.own_windows(cut)) == windows(own_windows(comparable(table, name, kind), table["@t"], cut))
            for where in ((("country", "FR"),), (("channel", ""),), (("country", "DE"), ("channel", "web")), (("country", "IT"),)):
                mask, found = matching(table, where), kept.segment(where)
                assert mask is not None
                assert found is not None
                assert same(found, columns.sample(name, kind, mask))


def windows(found: OwnWindows | str | None) -> Any:
    return (found.of.tolist(), found.count) if isinstance(found, OwnWindows) else found


def test_own_windows_of_many_days_are_those_of_the_rows() -> None:
    random = np.random.default_rng(3)
    at = sorted(START + _DAY * float(day) for day in random.uniform(0, 400, 16_000))
    table = pa.table({"@t": pa.array(at, _MOMENT), "n": random.integers(0, 50, 16_000).astype(float),
                      "c": random.choice(["x", "y", "z", None], 16_000).tolist()})  # fmt: skip
    rows = Rows(table, Beside((Block(86_400_000_000), Block(500, of_rows=True))))
    for name, kind in {"n": "numerical", "c": "categorical"}.items():
        kept = ReferenceColumn.of(rows, name, kind)
        for days, count in ((1, None), (7, None), (30, None), (1, 500)):
            span = Span(START, START + days * _DAY, rows=count)
            found = own_windows(comparable(table, name, kind), table["@t"], span)
            assert isinstance(found, OwnWindows)
            assert windows(kept.own_windows(span)) == windows(found)


def test_a_large_segment_is_stood_for_by_the_same_rows() -> None:
    random = np.random.default_rng(4)
    n = 25_000
    table = pa.table({"n": random.normal(0, 1, n), "a": random.choice(["x", "y"], n, p=[0.9, 0.1]).tolist(), "b": ["z"] * n})
    kept = ReferenceColumn.of(Rows(table, Beside(segments=("a", "b"))), "n", "numerical")
    for where in ((("a", "x"),), (("b", "z"),), (("a", "x"), ("b", "z"))):
        mask = matching(table, where)
        assert mask is not None
        rows = np.flatnonzero(mask)
        chosen = np.random.default_rng([20_260_102, len(rows)]).choice(rows, 10_000, replace=False)
        found = kept.segment(where)
        assert found is not None
        assert np.array_equal(found.values, np.sort(table["n"].to_numpy()[chosen]))


@pytest.mark.parametrize(("hours", "length", "block"), [
    (0, 24, Block(86_400_000_000)), (48, 31 * 24, Block(86_400_000_000)), (3, 1, Block(3_600_000_000)), (0.5, 24, None),
])  # fmt: skip
def test_windows_are_put_together_of_days_or_of_themselves(hours: float, length: float, block: Block | None) -> None:
    start = START + timedelta(hours=hours)
    assert block_of(Span(start, start + timedelta(hours=length))) == block


def points(store: Store) -> list[dict[str, Any]]:
    return sorted(store.points("m").drop_columns(["computed_at", "run"]).to_pylist(), key=str)


def profiles(store: Store) -> list[dict[str, Any]]:
    return sorted(store.profiles("m", None, "1d", START).to_pylist(), key=str)


def run(store: Store, *, everything: bool = False) -> runner.RunResult:
    return runner.run(store, workers=[NoPages()], jobs=1, now=LATER, everything=everything)


@pytest.mark.slow
@pytest.mark.parametrize("task", SCHEMAS)
def test_a_second_run_reads_no_row_of_the_reference_and_finds_the_same(store: Store, task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log(store, task, calls(task, 200, seed=1, shift=2.0))
    put_reference(store, task, n=1_500)
    assert run(store).failed == 0
    first, drawn = points(store), profiles(store)
    assert any(point["status"] == "drift" for point in first)
    monkeypatch.setattr(Store, "reference", lambda *_: pytest.fail("the reference was read"))
    assert run(store, everything=True).failed == 0
    assert points(store) == first
    assert profiles(store) == drawn
    assert drawn
    log(store, task, calls(task, 150, seed=2, start=START + DAY))
    assert run(store).failed == 0  # a new day asks for nothing that the first did not


def test_a_damaged_or_missing_fact_is_worked_out_anew(store: Store) -> None:
    log(store, "binary", calls("binary", 120, seed=1))
    put_reference(store, "binary", n=400)
    run(store)
    first = points(store)
    files = sorted(store.home.references.rglob("*.parquet"))
    assert len(files) > 8
    for place, path in enumerate(files):
        if place % 2:
            path.unlink()
        else:
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
    assert run(store, everything=True).failed == 0
    assert points(store) == first
    assert {path.name for path in store.home.references.rglob("*.parquet")} == {path.name for path in files}


def test_another_reference_takes_the_facts_of_the_old_one_away(store: Store) -> None:
    log(store, "binary", calls("binary", 60, seed=1))
    put_reference(store, "binary", n=200)
    run(store)
    before = {path.parent.name for path in store.home.references.rglob("*.parquet")}
    put_reference(store, "binary", n=220, seed=9)
    assert not list(store.home.references.rglob("*.parquet"))
    run(store)
    assert before.isdisjoint(path.parent.name for path in store.home.references.rglob("*.parquet"))


def test_threads_that_ask_at_once_do_not_wait_for_each_other_for_ever() -> None:
    """One holds what is worked out and asks for a fact, the other holds a fact and asks for what is worked out."""
    table = pa.table({"n": np.arange(50.0)})
    meet = Barrier(2)

    def read() -> pa.Table:
        return table

    baseline = Baseline(read, "digest")

    def choose(rows: pa.Table) -> pa.Table:
        return rows

    def first() -> Any:
        meet.wait(5)
        return baseline.once("first", lambda: (sleep(0.05), baseline.rows("all", choose))[1])

    def second() -> Any:
        meet.wait(5)
        return baseline.kept.say("second", lambda: (sleep(0.05), baseline.table)[1].num_rows)

    threads = [Thread(target=one, daemon=True) for one in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
