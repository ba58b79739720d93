"""From which number to which ids of one beginning go: `9f2c51d0a3b4c6e8-17` is number 17 of its beginning.

A logger numbers the ids that it makes, and so do most who give their own; a million of them are one span then. An id outside of all
spans was not among them; one inside may have been.
"""

from __future__ import annotations

__all__ = ["Spans", "numbered"]

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_Numbers = npt.NDArray[np.uint64]

_DIGITS = 18  # of a number that are read: the last ones, as many as 64 bits surely hold
_ZERO: Final = np.uint64(ord("0"))


def numbered(ids: pa.Array) -> tuple[_Numbers, _Numbers]:
    """Of each id the hash of its beginning – all before the digits at its end –, which is one within this process, and its number.

    By Arrow and numpy: DuckDB's own `rtrim` costs ten times what hashing the id does.
    """
    beginnings = pc.ascii_rtrim(ids, characters="0123456789")
    encoded = pc.dictionary_encode(beginnings)
    hashes = np.array([hash(one) & 0xFFFF_FFFF_FFFF_FFFF for one in encoded.dictionary.to_pylist()], np.uint64)
    size = pc.binary_length(ids).to_numpy().astype(np.int64)
    digits = np.minimum(size - pc.binary_length(beginnings).to_numpy(), _DIGITS)
    whole = pa.concat_arrays([ids.cast(pa.large_string())])
    offsets, text = (np.frombuffer(buffer, kind) for buffer, kind in zip(whole.buffers()[1:], (np.int64, np.uint8), strict=True))
    ends = offsets[whole.offset + 1 : whole.offset + 1 + len(whole)]
    return hashes[encoded.indices.to_numpy()], _numbers(text, ends, digits)


def _numbers(text: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64], digits: npt.NDArray[np.int64]) -> _Numbers:
    """The numbers of so many digits that end before each of these places of a text."""
    found = np.zeros(len(ends), np.uint64)
    for place in range(int(digits.max(initial=0))):
        rows = np.flatnonzero(digits > place)
        found[rows] += (text[ends[rows] - 1 - place] - _ZERO) * np.uint64(10**place)
    return found


class Spans(NamedTuple):
    """One span for each beginning: its hash, in order, and the lowest and the highest number. Immutable."""

    heads: _Numbers
    low: _Numbers
    high: _Numbers

    @classmethod
    def of(cls, heads: _Numbers, numbers: _Numbers) -> Spans:
        """The spans of some ids."""
        return cls._joined(heads, numbers, numbers)

    @classmethod
    def none(cls) -> Spans:
        """No span."""
        empty = np.empty(0, np.uint64)
        return cls(empty, empty, empty)

    @property
    def bits(self) -> int:
        """What they take in memory."""
        return 3 * 64 * len(self.heads)

    def joined(self, other: Spans) -> Spans:
        """Spans around both: what lies between two of one beginning counts as inside."""
        return self._joined(*(np.concatenate(pair) for pair in zip(self, other, strict=True)))

    def touch(self, heads: _Numbers, low: _Numbers, high: _Numbers) -> bool:
        """Whether any number is inside of one of these and of some others', which need no order."""
        if not len(self.heads):
            return False
        place = np.minimum(np.searchsorted(self.heads, heads), len(self.heads) - 1)
        return bool(np.any((self.heads[place] == heads) & (self.low[place] <= high) & (low <= self.high[place])))

    @classmethod
    def _joined(cls, heads: _Numbers, low: _Numbers, high: _Numbers) -> Spans:
        if not len(heads):
            return cls(heads, low, high)
        order = np.argsort(heads, kind="stable")
        heads = heads[order]
        begins = np.flatnonzero(np.concatenate([[True], heads[1:] != heads[:-1]]))
        return cls(heads[begins], np.minimum.reduceat(low[order], begins), np.maximum.reduceat(high[order], begins))
