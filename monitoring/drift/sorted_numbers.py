"""Distances of two sorted samples of numbers that look at few of their values closely. Pure.

Both functions cut the smaller sample into blocks of neighbouring values, judge each block by its ends, and look into those blocks
only where the ends do not decide. Their results are those of looking at every value.
"""

from __future__ import annotations

__all__ = ["area", "largest_gap"]

import numpy as np
import numpy.typing as npt

from monitoring.drift.samples import Floats, Sample

Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_BLOCK = 16  # values of the smaller sample: large enough that its blocks are cheap, small enough that most are decided by their ends
_GAP_BLOCK = 32


def area(reference: Sample, window: Sample) -> float:
    """The area between the two cumulative distributions: the first Wasserstein distance, in the column's unit.

    It is the integral of the difference of both quantile functions over their common argument (Vallender 1974). Over a stretch
    in which one of them lies above the other throughout, that is the difference of their integrals there, which running sums give.
    """
    small, large = (window, reference) if window.n <= reference.n else (reference, window)
    values, ratio = small.values - large.centre, large.n / small.n
    whole = small.n - small.n % _BLOCK
    blocks = _Stretches(large, np.arange(0, whole + 1, _BLOCK), small.n)
    crossed = blocks.cross(values[:whole:_BLOCK], values[_BLOCK - 1 : whole : _BLOCK])
    # a product with ones sums many short blocks several times faster than `np.add.reduceat` does
    areas = np.abs(blocks.integrals - values[:whole].reshape(-1, _BLOCK) @ np.full(_BLOCK, ratio))
    edges = np.append(np.flatnonzero(crossed)[:, None] * _BLOCK + np.arange(_BLOCK + 1), np.arange(whole, small.n + 1))
    return float((areas[~crossed].sum() + _of_single_values(values, large, edges)) / large.n)


def _of_single_values(values: Floats, large: Sample, edges: Places) -> float:
    """n times the area over the stretches of single values: those between edges that are neighbouring places."""
    held = values.take(edges[:-1], mode="clip")
    stretches, single = _Stretches(large, edges, len(values)), edges[1:] - edges[:-1] == 1
    crossed = stretches.cross(held, held) & single
    areas = np.abs(stretches.integrals - held * (large.n / len(values)))
    places = crossed.nonzero()[0]
    return float(areas[single & ~crossed].sum() + stretches.across(places, held[places]).sum())


class _Stretches:
    """n times the larger sample's quantile function, less its centre, on stretches that begin and end at places of the m values of the
    smaller one.

    The i-th of m values holds the stretch (i / m, (i + 1) / m); sizes are multiplied exactly, as integers.
    """

    def __init__(self, large: Sample, edges: Places, m: int) -> None:
        self._large = large
        exact = edges * large.n
        self._place = exact // m  # `np.divmod` takes three times as long
        rest = exact - self._place * m
        self._part = rest / m
        sums, lost = large.sums
        values = large.centred.take(self._place, mode="clip")
        self._sums, self._lost = sums[self._place], lost[self._place] + self._part * values
        self._low, self._high = values[:-1], large.centred[(self._place - (rest == 0))[1:]]

    @property
    def integrals(self) -> Floats:
        """The integral over each."""
        return (self._sums[1:] - self._sums[:-1]) + (self._lost[1:] - self._lost[:-1])

    def cross(self, least: Floats, most: Floats) -> Flags:
        """Whether the smaller sample's values there, which go from `least` to `most`, may lie on both sides of the larger one's."""
        return np.asarray((self._low < most) & (self._high > least))

    def across(self, places: Places, values: Floats) -> Floats:
        """The area over these stretches, each of one value that lies between the larger sample's."""
        sums, lost = self._large.sums
        turn = np.searchsorted(self._large.centred, values)  # how many of the larger sample lie below
        sum_below, lost_below = sums[turn], lost[turn]
        below = (sum_below - self._sums[places]) + (lost_below - self._lost[places])
        above = (self._sums[places + 1] - sum_below) + (self._lost[places + 1] - lost_below)
        widths = (turn - self._place[places] - self._part[places]) - (self._place[places + 1] - turn + self._part[places + 1])
        return above - below + values * widths


def _inside(blocks: Places, size: int, n: int) -> Places:
    """The places of all values in blocks of this size, of n values."""
    places = (blocks[:, None] * size + np.arange(size)).ravel()
    return places[places < n]


def largest_gap(reference: Sample, window: Sample) -> float:
    """The largest difference of the two cumulative distributions, as the quotients of counts that it is.

    It lies at a value of the smaller sample or just before one (Conover 1999, Practical Nonparametric Statistics, 6.3).
    """
    small, large = (window.values, reference.values) if window.n <= reference.n else (reference.values, window.values)
    m, n = len(small), len(large)
    first = np.arange(0, m, _GAP_BLOCK)
    last = np.append(first[1:], m)
    until, before = np.searchsorted(large, small[first], "right") / n, np.searchsorted(large, small[last - 1], "left") / n
    best = max(((first + 1) / m - until).max(), (before - (last - 1) / m).max(), 0.0)
    undecided = np.flatnonzero(np.maximum(last / m - until, before - first / m) > best)
    if len(undecided):
        places = _inside(undecided, _GAP_BLOCK, m)
        values = small[places]
        best = max(best, ((places + 1) / m - np.searchsorted(large, values, "right") / n).max(),
                   (np.searchsorted(large, values, "left") / n - places / m).max())  # fmt: skip
    return float(best)
