"""A Bloom filter over hashes (Bloom, Communications of the ACM 13 (7), 1970): a "no" is always right, a "yes" is wrong now and then.

It can be folded to half its bits without what was put in: places are counted modulo a power of two, so the upper half is laid over the
lower one. Share of other ids for which a full filter says yes, (1 - exp(-10 / b)) ** 10 at b bits an id: 6e-8 at 48, 2e-5 at 24,
3e-3 at 12.
"""

from __future__ import annotations

__all__ = ["BITS", "Filter"]

from typing import Any, Final

import numpy as np
import numpy.typing as npt

_Hashes = npt.NDArray[np.uint64]

BITS = 48  # of a filter for each id that it has room for, and
_LOOKS = 10  # of them set by an id
_WORD: Final = np.uint64(6)  # a word has 2 ** 6 bits
_HALF: Final = np.uint64(32)
_ONE: Final = np.uint64(1)


class Filter:
    """So many bits, a power of two, and how many ids were put in."""

    def __init__(self, bits: int) -> None:
        self.bits, self.count = bits, 0
        self._words = np.zeros(bits // 64, np.uint64)

    @property
    def room(self) -> int:
        """For how many more ids."""
        return max(self.bits // BITS - self.count, 0)

    @property
    def bits_an_id(self) -> float:
        """What decides how often it errs."""
        return self.bits / max(self.count, 1)

    def add(self, hashes: _Hashes) -> None:
        """Put ids in."""
        self.count += len(hashes)
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

    def fold(self) -> None:
        """Go on with half the bits: it holds the same ids, and errs more often."""
        self.bits //= 2
        half = self.bits // 64
        self._words = self._words[:half] | self._words[half:]

    def _places(self, hashes: _Hashes, look: int) -> tuple[Any, _Hashes]:
        """The word and the bit in it that the `look`th look of each is at: double hashing by the halves of a hash."""
        place = (hashes + np.uint64(look) * (hashes >> _HALF | _ONE)) & np.uint64(self.bits - 1)
        return (place >> _WORD).astype(np.intp), _ONE << (place & np.uint64(63))
