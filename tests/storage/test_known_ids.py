"""Ids are known without a look at the table: what is there is always met, what is new hardly ever, and repeats are flagged all the same."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from storage.collector import Collector
from storage.home import Home
from storage.store import Store, _ground_truth, _known_ids, _predictions
from storage.store._known_ids import KnownIds
from tests.storage.conftest import Log, prediction, truth

THERE = 100_000  # enough for three filters


@pytest.fixture
def cursor() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t AS SELECT '1' AS version, 'p' || i AS id FROM range({THERE}) r(i)")
        connection.execute("INSERT INTO t VALUES ('1', NULL)")  # a subject was erased
        yield connection


def met(cursor: duckdb.DuckDBPyConnection, known: KnownIds, *ids: str, version: str = "1") -> bool:
    cursor.register("staged", pa.table({"version": [version] * len(ids), "id": list(ids)}))
    return known.meet(cursor, "t", "version")


def test_an_id_that_is_there_is_met(cursor: duckdb.DuckDBPyConnection) -> None:
    known = KnownIds()
    for number in [*range(0, THERE, 997), THERE - 1]:
        assert met(cursor, known, "new", f"p{number}", version="1"), number


def test_an_id_that_came_before_is_met_although_the_table_never_got_it(cursor: duckdb.DuckDBPyConnection) -> None:
    known = KnownIds()
    assert not met(cursor, known, *(f"q{number}" for number in range(30_000)))
    assert all(met(cursor, known, f"q{number}") for number in range(0, 30_000, 997))


def test_what_is_new_is_hardly_ever_met(cursor: duckdb.DuckDBPyConnection) -> None:
    known = KnownIds()
    assert sum(met(cursor, known, *(f"new{turn}-{number}" for number in range(1_000))) for turn in range(50)) <= 1
    assert not met(cursor, known, "p1", "p2", "p3", version="2")  # another version's ids are others


def test_an_id_twice_in_one_batch_is_met(cursor: duckdb.DuckDBPyConnection) -> None:
    assert met(cursor, KnownIds(), "a", "b", "a")


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_a_first_reading_that_is_broken_off_begins_anew(
    cursor: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """As by Ctrl-C in a notebook that goes on: filters that hold only a part of the table would say "no" to ids that are there."""
    adding, turns = KnownIds._add, itertools.count()

    def broken_off(*given: Any) -> None:
        if next(turns) == 1:
            raise error
        adding(*given)

    known = KnownIds()
    monkeypatch.setattr(_known_ids, "_PIECE", THERE // 4)
    monkeypatch.setattr(KnownIds, "_add", broken_off)
    with pytest.raises(error):
        met(cursor, known, "new")
    assert met(cursor, known, f"p{THERE - 1}")


def test_nothing_is_looked_for_where_all_ids_are_new(fraud: Store, log: Log, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write(*(("pred", prediction(number)) for number in range(50)), *(("label", truth(number, 1)) for number in range(50)))
    collector.once()
    monkeypatch.setattr(_predictions, "dicts", _nobody_looks)
    monkeypatch.setattr(_ground_truth, "dicts", _nobody_looks)
    log.write(*(("pred", prediction(number)) for number in range(50, 90)), *(("label", truth(number, 1)) for number in range(50, 90)))
    assert collector.once() == {"ingested": 80, "duplicates": 0, "quarantined": 0, "pending": 0}
    log.predictions([7])
    assert collector.once()["quarantined"] == 1  # a row that the database refuses, as it seems


def _nobody_looks(*_: Any) -> Any:
    raise AssertionError("looked")


def test_repeats_are_flagged_by_an_owner_that_never_saw_the_first(home: Home, log: Log) -> None:
    both = [("pred", prediction(1)), ("label", truth(1, 1, known=5))]
    for turn, expected in enumerate(((2, 0), (0, 2), (0, 2))):
        with Store.open(home) as store:
            log.write(*both)
            told = Collector(store).once()
            assert (told["ingested"], told["duplicates"]) == expected, turn
            assert store.health()["accounting"]["duplicates"] == 2 * turn


def test_two_collectors_of_one_store_know_the_same(fraud: Store, log: Log) -> None:
    one, other = Collector(fraud), Collector(fraud)
    log.predictions([1])
    assert one.once()["ingested"] == 1
    log.predictions([1, 2])
    assert other.once()["duplicates"] == 1
    log.predictions([2])
    assert one.once()["duplicates"] == 1


def test_ids_of_a_batch_that_failed_are_new_when_it_comes_again(fraud: Store, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def once(place: str) -> None:
        if place == "before commit" and not told:
            told.append(place)
            raise duckdb.IOException("for once")

    log.predictions(range(20))
    found = Collector(fraud, at=once).once()
    assert told and (found["ingested"], found["duplicates"]) == (20, 0)
