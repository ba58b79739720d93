"""Which ids a table may hold already, without looking at it: most that come are new, and a look costs what the table has grown to.

Bloom filters over DuckDB's own hash of an id: a "no" is always right, a "yes" is wrong about once in ten million times and then costs
one look. They live as long as a connection, are made from the table when first asked, and may know too much – rows that were rolled
back, erased or pruned – but never too little.

All of them together take `_MOST_BITS`. Beyond that room is made, a step at a time and by the first of these that can be:

1. A table's filter is forgotten where its ids were numbered, and those that come now lie outside of its numbers: what remains of it are
   the numbers. So it is with the ids that loggers make, for ever and at no cost.
2. A filter is folded to half its bits: the one with the most bits for each of its ids, down to `_FEWEST`. It errs more often.
3. All of a table's ids are forgotten, of the one that takes most: each of its batches looks, as if there were no filters.

None of them makes a "no" wrong.
"""

from __future__ import annotations

__all__ = ["KnownIds"]

from collections.abc import Iterable, Iterator
from functools import cached_property

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from storage.store._bloom import Filter
from storage.store._id_spans import Spans, numbered

_Numbers = npt.NDArray[np.uint64]

_LEAST, _MOST = 1 << 18, 1 << 26  # bits of the first filter of a table, and of one that is not made larger (8 MiB)
# 64 MiB, little beside what DuckDB and Evidently take: ten million ids of no order at 48 bits. Of 16 million a part has 24: one new id
# in 4,000 leads to a look in vain (measured), every eighth batch of 500.
_MOST_BITS = 1 << 29
_FEWEST = 12  # bits an id, below which a filter says yes so often that its room is wasted
_HEADS = 1 << 16  # beginnings of ids whose numbers a table remembers (1.5 MiB)
_PIECE = 1 << 18  # ids that are read at once


class _Ids:
    """Some ids: a hash of each, and their text, which says what they are within."""

    def __init__(self, hashes: _Numbers, texts: pa.Array) -> None:
        self.hashes, self._texts = hashes, texts

    @cached_property
    def numbered(self) -> tuple[_Numbers, _Numbers]:
        """The beginning and the number of each. Only where asked: of ids of no order nobody does."""
        return numbered(self._texts)

    def split(self, first: int) -> tuple[_Ids, _Ids]:
        """The first so many, and the others."""
        return _Ids(self.hashes[:first], self._texts[:first]), _Ids(self.hashes[first:], self._texts[first:])


class KnownIds:
    """The ids of the tables of one connection. Used by its one writer at a time."""

    def __init__(self) -> None:
        self._tables: dict[str, _Table] = {}

    def meet(self, cursor: duckdb.DuckDBPyConnection, table: str, *within: str) -> bool:
        """Whether any row of `staged` may have an id that `table` holds, or that another of them has; afterwards all of them are known.

        An id is one within the columns `within`, such as `version`; it is null in a row whose subject was erased. Ask before the rows
        are inserted.
        """
        known = self._tables.get(table)
        if known is None:
            known = _Table()
            for ids in _read(cursor, table, within):
                self._add(known, ids)
                if known.given_up:
                    break
            self._tables[table] = known  # only now: a reading that was broken off knows too little
        coming = [*_read(cursor, "staged", within)]
        hashes = np.concatenate([ids.hashes for ids in coming]) if coming else np.empty(0, np.uint64)
        met = len(np.unique(hashes)) < len(hashes) or any(known.may_hold(ids) for ids in coming)
        for ids in coming:
            self._add(known, ids)
        return met

    def _add(self, known: _Table, ids: _Ids) -> None:
        """Into the last filter of a table, and into new ones where it is full, for which room is made."""
        while len(ids.hashes) and not known.given_up:
            if not known.parts[-1].filter.room:
                known.grow()
                _make_room({*self._tables.values(), known}, known.parts[-1])
                continue
            taken, ids = ids.split(known.parts[-1].filter.room)
            known.parts[-1].add(taken)


class _Part:
    """A filter, and the numbers of its ids; None where these would take more than a quarter of the filter's room."""

    def __init__(self, bits: int) -> None:
        self.filter = Filter(bits)
        self.spans: Spans | None = Spans.none()

    def add(self, ids: _Ids) -> None:
        self.filter.add(ids.hashes)
        if self.spans is not None:
            spans = self.spans.joined(Spans.of(*ids.numbered))
            self.spans = spans if spans.bits <= self.filter.bits // 4 else None


class _Table:
    """The ids of one table: what is known of them in full, oldest first, and of what numbers those are of which nothing else is."""

    def __init__(self) -> None:
        self.parts = [_Part(_LEAST)]
        self.given_up = False
        self._forgotten = Spans.none()

    @property
    def bits(self) -> int:
        return sum(part.filter.bits for part in self.parts)

    def may_hold(self, ids: _Ids) -> bool:
        if self.given_up or any(part.filter.may_hold(ids.hashes) for part in self.parts):
            return True
        if not self._forgotten.bits:
            return False
        heads, numbers = ids.numbered
        return self._forgotten.touch(heads, numbers, numbers)

    def grow(self) -> None:
        """A new last filter: four times as large as the one before, up to a limit."""
        self.parts.append(_Part(min(self.parts[-1].filter.bits * 4, _MOST)))

    def forget_one(self) -> bool:
        """The oldest filter whose ids were numbered, and whose numbers are not those of the newest ids. False where there is none."""
        newest = next((part.spans for part in reversed(self.parts) if part.filter.count), None)
        if newest is None:
            return False
        for part in self.parts[:-1]:
            if part.spans is not None and part.spans is not newest:
                spans = self._forgotten.joined(part.spans)
                if len(spans.heads) <= _HEADS and not spans.touch(*newest):
                    self.parts.remove(part)
                    self._forgotten = spans
                    return True
        return False

    def give_up(self) -> None:
        self.given_up, self.parts, self._forgotten = True, [], Spans.none()


def _make_room(tables: Iterable[_Table], newest: _Part) -> None:
    """Until all filters together take what they may. The newest is as large as it is because it is about to be filled."""
    by_size = sorted(tables, key=lambda table: table.bits, reverse=True)
    while sum(table.bits for table in by_size) > _MOST_BITS:
        if any(table.forget_one() for table in by_size):
            continue
        filters = [part.filter for table in by_size for part in table.parts if part is not newest and part.filter.bits > _LEAST]
        loosest = max(filters, key=lambda one: one.bits_an_id, default=None)
        if loosest is not None and loosest.bits_an_id >= 2 * _FEWEST:
            loosest.fold()
        else:
            max(by_size, key=lambda table: table.bits).give_up()


def _read(cursor: duckdb.DuckDBPyConnection, table: str, within: Iterable[str]) -> Iterator[_Ids]:
    """The ids of a table, in pieces: it may be large."""
    key = ", ".join((*within, "id"))
    text = f"concat_ws(chr(0), {key})" if key != "id" else key
    sql = f"SELECT hash({key}) AS hash, {text} AS text FROM {table} WHERE id IS NOT NULL"  # noqa: S608 – surrogate names
    for batch in cursor.sql(sql).to_arrow_reader(_PIECE):
        yield _Ids(batch["hash"].to_numpy(), batch["text"])
