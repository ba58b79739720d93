"""The memory that known ids take has a bound, beyond which more is looked for: never is an id called new that is there."""

from __future__ import annotations

import random
from collections.abc import Iterator

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from storage.collector import Collector
from storage.store import Store, _known_ids
from storage.store._bloom import BITS, Filter
from storage.store._id_spans import numbered
from storage.store._known_ids import KnownIds
from tests.storage.conftest import Log, prediction, truth

BATCH = 1_000
ROOM = 1 << 20  # bits: twenty thousand ids in full
FEW = 0.02  # of batches: two hashes of an id meet in a small filter more often than in a large one


@pytest.fixture(autouse=True)
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_known_ids, "_LEAST", 1 << 14)
    monkeypatch.setattr(_known_ids, "_MOST", 1 << 17)
    monkeypatch.setattr(_known_ids, "_MOST_BITS", ROOM)


@pytest.fixture
def cursor() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for table in ("t", "u"):
            connection.execute(f"CREATE TABLE {table} (id VARCHAR)")
        yield connection


def met(cursor: duckdb.DuckDBPyConnection, known: KnownIds, ids: list[str], *, table: str = "t") -> bool:
    cursor.register("staged", pa.table({"id": ids}))
    return known.meet(cursor, table)


def filled(cursor: duckdb.DuckDBPyConnection, known: KnownIds, ids: list[str], *, table: str = "t") -> float:
    """Batch by batch; the share of batches in which an id was met. The bound holds after each."""
    found = 0
    for first in range(0, len(ids), BATCH):
        found += met(cursor, known, ids[first : first + BATCH], table=table)
        assert taken(known) <= ROOM
    return found * BATCH / len(ids)


def taken(known: KnownIds) -> int:
    """Bits of all filters."""
    return sum(table.bits for table in known._tables.values())


def of_loggers(count: int, *, loggers: int = 3) -> list[str]:
    """As `PredictionLogger` makes them: by several processes at once, each of which begins anew now and then."""
    return [f"{number % loggers:08x}{number // 30_000:08x}-{number % 30_000 // loggers}" for number in range(count)]


def of_no_order(count: int, *, seed: int) -> list[str]:
    return [f"{number:032x}" for number in (random.Random(f"{seed} {place}").getrandbits(128) for place in range(count))]


def test_ids_that_loggers_make_cost_no_more_room_and_no_look_however_many_come(cursor: duckdb.DuckDBPyConnection) -> None:
    known = KnownIds()
    ids = of_loggers(90_000)
    assert filled(cursor, known, ids) <= FEW
    assert all(met(cursor, known, [one]) for one in ids[::4999])
    assert not met(cursor, known, [f"another-{number}" for number in range(1_000)])


def test_ids_without_an_order_are_known_by_fewer_bits_each_and_then_by_none(cursor: duckdb.DuckDBPyConnection) -> None:
    known = KnownIds()
    ids = of_no_order(110_000, seed=1)
    assert filled(cursor, known, ids[:20_000]) <= FEW
    assert filled(cursor, known, ids[20_000:40_000]) <= 0.2
    assert all(met(cursor, known, [one]) for one in ids[:40_000:4999])
    assert not met(cursor, known, of_no_order(20, seed=2))
    filled(cursor, known, ids[40_000:])
    assert all(met(cursor, known, [one]) for one in ids[::4999])
    assert taken(known) == 0


def test_numbers_that_come_in_no_order_are_not_forgotten_by_their_numbers(cursor: duckdb.DuckDBPyConnection) -> None:
    """They lie inside of each other's span, so that each batch would look."""
    known = KnownIds()
    ids = [f"order-{number}" for number in random.Random(3).sample(range(10**9), 40_000)]
    assert filled(cursor, known, ids) <= 0.2
    assert all(met(cursor, known, [one]) for one in ids[::997])


def test_the_bound_is_for_all_tables_together(cursor: duckdb.DuckDBPyConnection) -> None:
    known = KnownIds()
    ids, others = of_loggers(60_000), of_no_order(15_000, seed=4)
    assert filled(cursor, known, others, table="u") <= FEW
    assert filled(cursor, known, ids) <= FEW
    assert filled(cursor, known, of_no_order(3_000, seed=5), table="u") <= FEW  # it lost nothing: the others made room
    assert all(met(cursor, known, [one]) for one in ids[::4999])
    assert all(met(cursor, known, [one], table="u") for one in others[::4999])


def test_a_table_that_is_read_at_the_start_is_held_to_the_bound_too(
    cursor: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_known_ids, "_PIECE", 10_000)
    cursor.execute("INSERT INTO t SELECT 'a-' || i FROM range(100000) r(i)")
    cursor.execute("INSERT INTO u SELECT md5(i::VARCHAR) FROM range(100000) r(i)")
    known = KnownIds()
    assert not met(cursor, known, ["a-100000"])
    assert met(cursor, known, ["a-5"])
    assert met(cursor, known, ["no such id"], table="u")  # given up
    assert 0 < taken(known) <= ROOM


def test_a_batch_of_one_beginning_is_judged_id_by_id(cursor: duckdb.DuckDBPyConnection) -> None:
    """Not by the span of the batch, which may lie around one that is known by its numbers alone."""
    known = KnownIds()
    filled(cursor, known, [f"a-{number}" for number in range(100_000, 200_000)])
    assert not met(cursor, known, ["a-5", "a-900000"])
    assert met(cursor, known, ["a-5", "a-100001"])


def test_an_id_is_its_beginning_and_the_number_at_its_end() -> None:
    ids = pa.array(["skipped", "a-1", "a-0017", "a-", "b", "", "42", "é-7", "a-" + "9" * 30]).slice(1)
    heads, numbers = numbered(ids)
    assert numbers.tolist() == [1, 17, 0, 0, 0, 42, 7, 10**18 - 1]
    a, b, none, accented = heads[0], heads[3], heads[4], heads[6]
    assert heads.tolist() == [a, a, a, b, none, none, accented, a]
    assert len({*heads.tolist()}) == 4


def test_a_folded_filter_holds_what_was_put_in() -> None:
    hashes = np.random.default_rng(6).integers(0, 1 << 63, 4_000, dtype=np.uint64)
    one = Filter(1 << 18)
    one.add(hashes)
    others = np.random.default_rng(7).integers(0, 1 << 63, 2_000, dtype=np.uint64)
    for bits in (1 << 17, 1 << 16):
        one.fold()
        assert (one.bits, one.room) == (bits, max(bits // BITS - len(hashes), 0))
        assert all(one.may_hold(hashes[place : place + 1]) for place in range(len(hashes)))
        wrong = sum(one.may_hold(others[place : place + 1]) for place in range(len(others)))
        assert wrong <= 20, bits  # 16 bits an id: one in 2,000


def test_repeats_are_counted_exactly_where_only_their_numbers_are_known(
    fraud: Store, log: Log, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_known_ids, "_LEAST", 1 << 10)  # of twenty ids
    monkeypatch.setattr(_known_ids, "_MOST", 1 << 10)
    monkeypatch.setattr(_known_ids, "_MOST_BITS", 1 << 12)
    for first in range(0, 300, 30):
        batch = range(first, first + 30)
        log.write(*(("pred", prediction(number)) for number in batch), *(("label", truth(number, 1)) for number in batch))
        assert collector.once() == {"ingested": 60, "duplicates": 0, "quarantined": 0, "pending": 0}
    again = (0, 1, 150, 299)
    log.write(*(("pred", prediction(number)) for number in (*again, 300)), *(("label", truth(number, 1)) for number in (*again, 300)))
    assert collector.once() == {"ingested": 2, "duplicates": 8, "quarantined": 0, "pending": 0}
    assert taken(fraud.known_ids) <= 1 << 12
