"""The columns of many windows are what reading each window's frame would give, for all windows at once."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from monitoring.drift import Sample, comparable
from storage.collector import Collector
from storage.custody.erasing import erase
from storage.reading import reading
from storage.store import Reader, Store
from tests.storage.conftest import FRAUD, T0, Log, Span, day, hour, micros, prediction, truth

MODEL = {**FRAUD, "features": {**FRAUD["features"], "comment": "text", "customer": "categorical"}}
KINDS = {"amount": "numerical", "country": "categorical", "opened": "datetime", "comment": "text", "customer": "categorical",
         "@prediction": "categorical", "@score": "numerical", "@label": "categorical"}  # fmt: skip


def called(number: int, random: np.random.Generator) -> dict[str, Any]:
    """A prediction with something unusual in one of a few."""
    features: dict[str, Any] = {
        "amount": float(np.round(random.normal(0, 5), 1)), "country": str(random.choice(["FR", "DE", ""])),
        "opened": f"2026-0{1 + number % 3}-01T00:00:00.5+00:00", "comment": "é🎉" * (number % 4), "customer": f"c{number % 6}",
    }  # fmt: skip
    for name in random.choice(sorted(features), number % 3, replace=False):
        features[str(name)] = None
    marks = {"amount": str(random.choice(["NaN", "Infinity", "-Infinity"]))} if number % 7 == 0 else None
    if marks:
        features["amount"] = None
    return prediction(number, id=f"p{number}", f=features, s=None if number % 11 == 0 else number / 100, **({"nf": marks} if marks else {}))


@pytest.fixture
def logged(store: Store, log: Log, collector: Collector) -> Store:
    """Ten days, in no order, of two versions, with repeats, corrections and times that several rows share."""
    store.register_model(MODEL)
    random = np.random.default_rng(7)
    numbers = random.permutation(240).tolist()
    made = [called(number, random) for number in numbers]
    made += [{**called(number, random), "e": micros(hour(number - number % 3))} for number in range(300, 330)]
    log.write(*(("pred", one) for one in made[:150]))
    log.write(*(("pred", one) for one in made[150:]), *(("pred", {**one, "s": 9.0}) for one in made[:20]))
    log.write(*(("pred", {**one, "ver": "2"}) for one in made[:30]))
    log.write(*(("label", truth(number, number % 2, known=number + 5)) for number in range(0, 240, 2)),
              *(("label", truth(number, 1, known=number + 90)) for number in range(0, 40, 2)))  # fmt: skip
    collector.once()
    return store


def alike(store: Reader, windows: list[Span], version: str = "1") -> int:
    """Asserts that each column of each window is as in its frame; the rows of all windows."""
    with store.window_columns("fraud", version, windows) as columns:
        assert columns.names == store.frame("fraud", version, limit=0).column_names
        frames = [store.frame("fraud", version, window) for window in windows]
        assert columns.rows == tuple(frame.num_rows for frame in frames)
        for found in columns.read(list(KINDS.items())):
            expected = [Sample.of(comparable(frame, found.name, KINDS[found.name])) for frame in frames]
            if found.numbers is None:
                assert found.categories is not None
                assert list(found.categories) == [dict(sample.counts) for sample in expected]
            else:
                for ours, sample in zip(found.numbers, expected, strict=True):
                    assert np.array_equal(ours, sample.values)
    return sum(columns.rows)


def test_windows_of_time_are_read_column_by_column(logged: Store) -> None:
    assert alike(logged, [day(number) for number in range(14)]) == 270
    assert alike(logged, [day(number) for number in range(14)], "2") == 30


def test_windows_may_overlap_lie_apart_be_empty_and_come_in_any_order(logged: Store) -> None:
    assert alike(logged, [day(8), Span(hour(3), hour(30)), day(1), day(40), Span(hour(5), hour(5))])
    assert alike(logged, []) == 0


def test_windows_of_rows_are_read_column_by_column(logged: Store) -> None:
    found = logged.row_windows("fraud", "1", 32).to_pylist()
    windows = [Span(row["start"], row["end"], (row["first_row"], row["last_row"])) for row in found]
    assert alike(logged, windows) == 270
    assert alike(logged, [windows[4], windows[1]]) == 64


@pytest.mark.parametrize("rows", [False, True])
def test_erased_subjects_are_not_read_and_their_rows_still_count(logged: Store, collector: Collector, rows: bool) -> None:
    erase(logged, collector, "customer", ["c3"])
    windows = [Span(T0, T0, (n, n + 40)) for n in range(0, 280, 40)] if rows else [day(number) for number in range(14)]
    assert 200 < alike(logged, windows) < 240


@pytest.mark.parametrize("rows", [False, True])
def test_pruned_rows_are_gone_and_still_numbered(logged: Store, rows: bool) -> None:
    logged.prune("fraud", "1", day(3).start)
    windows = [Span(T0, T0, (n, n + 40)) for n in range(160, 280, 40)] if rows else [day(number) for number in range(14)]
    assert 90 < alike(logged, windows) < 260


def test_a_column_that_is_not_there_has_no_values(logged: Store) -> None:
    with logged.window_columns("fraud", "1", [day(0), day(1)]) as columns:
        numbers, words = columns.read([("@score:cat", "numerical"), ("nothing", "categorical")])
    assert numbers.numbers is not None
    assert [len(values) for values in numbers.numbers] == [0, 0]
    assert words.categories == ({}, {})


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("waiting", [False, True])
def test_a_home_that_nobody_owns_is_read_column_by_column(logged: Store, log: Log, rows: bool, waiting: bool) -> None:
    """There views stand in the place of the tables: of the file's, and of the file's and what lies in the spool."""
    logged.close()
    if waiting:
        random = np.random.default_rng(8)
        log.write(*(("pred", called(number, random)) for number in range(230, 260)), *(("label", truth(n, 0, known=500)) for n in range(9)))
    windows = [Span(T0, T0, (n, n + 40)) for n in range(0, 240, 40)] if rows else [day(number) for number in range(14)]
    with reading(logged.home) as reader:
        assert alike(reader, windows) == (240 if rows else 270 + 20 * waiting)


def test_all_columns_are_of_one_moment(logged: Store, log: Log, collector: Collector) -> None:
    """Rows that arrive while columns are read belong to none of them."""
    with logged.window_columns("fraud", "1", [day(0)]) as columns:
        [before] = columns.read([("amount", "numerical")])
        log.write(("pred", prediction(1.5, id="late")))
        collecting = threading.Thread(target=collector.once)
        collecting.start()
        collecting.join(60)
        [after] = columns.read([("amount", "numerical")])
        [label] = columns.read([("@label", "categorical")])
    assert before.numbers is not None
    assert after.numbers is not None
    assert np.array_equal(before.numbers[0], after.numbers[0])
    assert label.categories is not None
    assert logged.frame("fraud", "1", day(0)).num_rows == columns.rows[0] + 1


def test_columns_read_together_or_one_by_one_are_the_same(logged: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from storage.store import _window_columns

    monkeypatch.setattr(_window_columns, "_VALUES_AT_ONCE", 600)
    assert alike(logged, [day(number) for number in range(14)]) == 270


@pytest.mark.parametrize("few", [0, 3, 6])
def test_categories_are_counted_alike_be_there_few_or_many(logged: Store, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    from storage.store import _window_columns

    monkeypatch.setattr(_window_columns, "_FEW", few)
    assert alike(logged, [day(number) for number in range(14)]) == 270


def test_a_category_may_be_any_text(store: Store) -> None:
    """Some rows have none, and the texts are such as SQL or a list of them could mistake."""
    store.register_model({**FRAUD, "features": {"amount": "numerical", "country": "categorical"}})
    texts = ["", "'", '"', "a, b", "NULL", "null", " x", "x", "X", "é", "e\u0301", "[]", "$words0", "nul\0in", "nul\0out", None]
    rows = pa.table({"i": list(range(136)), "c": [text for times, text in enumerate(texts, 1) for _ in range(times)]})
    with store.writing() as cursor:
        columns = {field["name"]: field["column"] for field in store.feature_columns("fraud")}
        cursor.register("rows_given", rows)
        cursor.execute(f"""
            INSERT INTO pred_000001 (version, id, t, written_at, n, duplicate, {columns["country"]})
            SELECT '1', 'p' || i, TIMESTAMPTZ '2026-03-01 00:00:00+00' + to_hours(CAST(i AS INTEGER)), now(), i, false, c FROM rows_given
        """)
        cursor.unregister("rows_given")
    with store.window_columns("fraud", "1", [Span(hour(0), hour(136)), Span(hour(-9), hour(0))]) as found:
        [words] = found.read([("country", "categorical")])
    assert words.categories == ({text: times for times, text in enumerate(texts, 1) if text is not None}, {})


def test_a_scan_by_several_threads_keeps_rows_and_windows_together(store: Store) -> None:
    """Half a million rows in five row groups, each row's value saying which window it lies in."""
    store.register_model({**FRAUD, "features": {"amount": "numerical", "country": "categorical"}})
    with store.writing() as cursor:
        columns = {field["name"]: field["column"] for field in store.feature_columns("fraud")}
        cursor.execute(f"""
            INSERT INTO pred_000001 (version, id, t, written_at, n, duplicate, {columns["amount"]}, {columns["country"]})
            SELECT '1', 'p' || i, TIMESTAMPTZ '2026-03-01 00:00:00+00' + to_seconds(i % 600000), now(), i, i % 7 = 0,
                   (i % 600000) // 86400, 'c' || (i % 600000) // 86400
            FROM range(600000) r(i)
        """)  # fmt: skip
    windows = [day(number) for number in range(7)]
    with store.window_columns("fraud", "1", windows) as found:
        numbers, words, empty = found.read([("amount", "numerical"), ("country", "categorical"), ("@label", "categorical")])
    assert numbers.numbers is not None
    for number, values in enumerate(numbers.numbers):
        assert len(values) > 60_000
        assert (values == number).all()
    assert words.categories == tuple({f"c{number}": len(values)} for number, values in enumerate(numbers.numbers))
    assert empty.categories == ({},) * 7
