"""Which ids a table may hold already, without looking at it: most that come are new, and a look costs what the table has grown to.

Bloom filters (Bloom, Communications of the ACM 13 (7), 1970) over DuckDB's own hash of an id: a "no" is always right, a "yes" is
wrong about once in ten million times and then costs one look. They live as long as a connection, are made from the table when first
asked, and may know too much – rows that were rolled back, erased or pruned – but never too little.
"""

from __future__ import annotations

__all__ = ["KnownIds"]

from collections.abc import Iterator
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt

_Hashes = npt.NDArray[np.uint64]

_LEAST, _MOST = 1 << 18, 1 << 26  # bits of the first filter of a table, and of one that is not made larger (8 MiB)
_BITS = 48  # of a filter for each of its ids, and
_LOOKS = 10  # of them set by an id: (1 - exp(-10 / 48)) ** 10 = 6e-8 of other ids find all of theirs set in a full filter
_PIECE = 1 << 18  # ids that are read at once
_WORD: Final = np.uint64(6)  # a word has 2 ** 6 bits
_HALF: Final = np.uint64(32)
_ONE: Final = np.uint64(1)


class KnownIds:
    """The ids of the tables of one connection. Used by its one writer at a time."""

    def __init__(self) -> None:
        self._tables: dict[str, list[_Filter]] = {}

    def meet(self, cursor: duckdb.DuckDBPyConnection, table: str, key: str) -> bool:
        """Whether any row of `staged` may have an id that `table` holds, or that another of them has; afterwards all of them are known.

        `key` is SQL for what makes an id one, such as `version, id`; `id` is null in a row whose subject was erased. Ask before
        the rows are inserted.
        """
        filters = self._tables.get(table)
        if filters is None:
            filters = [_Filter(_LEAST)]
            for known in _hashes(cursor, f"SELECT hash({key}) AS h FROM {table} WHERE id IS NOT NULL"):  # noqa: S608 – surrogate names
                _add(filters, known)
            self._tables[table] = filters  # only now: a reading that was broken off knows too little
        coming = cursor.sql(f"SELECT hash({key}) AS h FROM staged").to_arrow_table()["h"].to_numpy()  # noqa: S608 – as above
        met = len(np.unique(coming)) < len(coming) or any(one.may_hold(coming) for one in filters)
        _add(filters, coming)
        return met


def _hashes(cursor: duckdb.DuckDBPyConnection, sql: str) -> Iterator[_Hashes]:
    """One column of a query, in pieces: a table may be large."""
    for batch in cursor.sql(sql).to_arrow_reader(_PIECE):
        yield batch.column(0).to_numpy()


def _add(filters: list[_Filter], hashes: _Hashes) -> None:
    """Into the last filter, and into new ones where it is full: each is four times as large, up to a limit."""
    while len(hashes):
        if not filters[-1].room:
            filters.append(_Filter(min(filters[-1].bits * 4, _MOST)))
        taken, hashes = np.split(hashes, [filters[-1].room])
        filters[-1].add(taken)


class _Filter:
    """So many bits, a power of two; `room` is for how many more ids."""

    def __init__(self, bits: int) -> None:
        self.bits, self.room = bits, bits // _BITS
        self._words = np.zeros(bits // 64, np.uint64)
        self._mask = np.uint64(bits - 1)

    def add(self, hashes: _Hashes) -> None:
        self.room -= len(hashes)
        for look in range(_LOOKS):
            words, bits = self._places(hashes, look)
            while len(words):
                self._words[words] |= bits  # of several bits of one word the last is set
                unset = self._words[words] & bits == 0
                words, bits = words[unset], bits[unset]

    def may_hold(self, hashes: _Hashes) -> bool:
        """Whether any of them may be here."""
        for look in range(_LOOKS):
            words, bits = self._places(hashes, look)
            hashes = hashes[self._words[words] & bits != 0]
            if not len(hashes):
                return False
        return True

    def _places(self, hashes: _Hashes, look: int) -> tuple[Any, _Hashes]:
        """The word and the bit in it that the `look`th look of each is at: double hashing by the halves of a hash."""
        place = (hashes + np.uint64(look) * (hashes >> _HALF | _ONE)) & self._mask
        return (place >> _WORD).astype(np.intp), _ONE << (place & np.uint64(63))
