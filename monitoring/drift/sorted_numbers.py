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

_BLOCK = 16  # values of the smaller sample: large enough that its blocks are cheap, small enough that most are decided by their ends
_GAP_BLOCK = 32


def area(reference: Sample, window: Sample) -> float:
    """The area between the two cumulative distributions: the first Wasserstein distance, in the column's unit.

    It is the integral of the difference of both quantile functions over their common argument (Vallender 1974). Over a stretch
    in which one of them lies above the other throughout, that is the difference of their integrals there, which running sums give.
    """
    small, large = (window, reference) if window.n <= reference.n else (reference, window)
    cut = _Cut(small.values, large)
    ends = np.append(np.arange(0, small.n, _BLOCK), small.n)
    values = small.values - cut.centre
    found, undecided = cut.between(ends[:-1], ends[1:], np.add.reduceat(values, ends[:-1]))
    if len(undecided):
        places = _inside(undecided, _BLOCK, small.n)
        more, crossed = cut.between(places, places + 1, values[places])
        found += more + cut.across(places[crossed])
    return found


def _inside(blocks: Places, size: int, n: int) -> Places:
    """The places of all values in blocks of this size, of n values."""
    places = (blocks[:, None] * size + np.arange(size)).ravel()
    return places[places < n]


class _Cut:
    """The quantile functions of a smaller and a larger sample on stretches that begin and end at values of the smaller one.

    The i-th of m values holds the stretch (i / m, (i + 1) / m); sizes are multiplied exactly, as integers.
    """

    def __init__(self, small: Floats, large: Sample) -> None:
        self.centre, self._sums = large.centre, large.sums
        self._small, self._large = small, large.values
        self._m, self._n = len(small), large.n

    def between(self, first: Places, last: Places, totals: Floats) -> tuple[float, Places]:
        """The area over the stretches of the small sample's values [first, last), and which of those it could not decide.

        `totals` are the sums of those values less the centre.
        """
        m, n = self._m, self._n
        place, rest = np.divmod(first * n, m)
        end, end_rest = np.divmod(last * n, m)
        low, high = self._large[place], self._large[end - (end_rest == 0)]
        undecided = (low < self._small[last - 1]) & (high > self._small[first])
        larges = (self._integral(end, end_rest) - self._integral(place, rest)) / n
        areas = np.abs((larges - totals / m).astype(np.float64))
        return float(areas[~undecided].sum()), np.flatnonzero(undecided)

    def across(self, places: Places) -> float:
        """The area over the stretches of single values that lie between the larger sample's values there."""
        m, n = self._m, self._n
        values = self._small[places]
        place, rest = np.divmod(places * n, m)
        end, end_rest = np.divmod((places + 1) * n, m)
        turn = np.searchsorted(self._large, values)  # how many of the larger sample lie below
        below = self._integral(turn, np.zeros_like(turn)) - self._integral(place, rest)
        above = self._integral(end, end_rest) - self._integral(turn, np.zeros_like(turn))
        width_below, width_above = turn - place - rest / m, end + end_rest / m - turn
        areas = above - below + (values - self.centre) * (width_below - width_above)
        return float(areas.sum() / n)

    def _integral(self, place: Places, rest: Places) -> npt.NDArray[np.longdouble]:
        """n times the integral of the larger sample's quantile function up to (place + rest / m) / n."""
        inside = np.minimum(place, self._n - 1)
        return np.asarray(self._sums[place] + (rest / self._m) * (self._large[inside] - self.centre))


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
