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
    starts = np.arange(0, small.n, _BLOCK)
    values = small.values - cut.centre
    found, undecided = cut.between(np.append(starts, small.n)[None], np.add.reduceat(values, starts))
    if len(undecided):
        edges = np.minimum((undecided[:, None] * _BLOCK + np.arange(_BLOCK + 1)), small.n)
        places = edges[:, :-1][edges[:, :-1] < edges[:, 1:]]
        more, crossed = cut.between(edges, values[places])
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
        self.centre, self._centred = large.centre, large.centred
        self._sums, self._lost = large.sums
        self._small, self._large = small, large.values
        self._m, self._n = len(small), large.n

    def between(self, edges: Places, totals: Floats) -> tuple[float, Places]:
        """The area over the stretches between neighbouring edges, each row of them by itself, and which of those it could not decide.

        Edges are places of the small sample's values; stretches without a value do not count. `totals` are the sums of the values in
        each of the others, less the centre.
        """
        m, n = self._m, self._n
        place, rest = np.divmod(edges * n, m)
        first, last = edges[:, :-1], edges[:, 1:]
        counts = first < last
        low = self._large[place[:, :-1][counts]]
        high = self._large[(place - (rest == 0))[:, 1:][counts]]
        undecided = (low < self._small[last[counts] - 1]) & (high > self._small[first[counts]])
        areas = np.abs(self._integrals(place, rest)[counts] / n - totals / m)
        return float(areas[~undecided].sum()), np.flatnonzero(undecided)

    def across(self, places: Places) -> float:
        """The area over the stretches of single values that lie between the larger sample's values there."""
        m, n = self._m, self._n
        values = self._small[places]
        place, rest = np.divmod(places * n, m)
        end, end_rest = np.divmod((places + 1) * n, m)
        turn = np.searchsorted(self._large, values)  # how many of the larger sample lie below
        none = np.zeros_like(turn)
        sides = self._integrals(np.stack([place, turn, end], axis=1), np.stack([rest, none, end_rest], axis=1))
        widths = turn - place - rest / m - (end + end_rest / m - turn)
        areas = sides[:, 1] - sides[:, 0] + (values - self.centre) * widths
        return float(areas.sum() / n)

    def _integrals(self, place: Places, rest: Places) -> Floats:
        """n times the integral of the larger sample's quantile function between neighbouring arguments (place + rest / m) / n of a row."""
        parts = (rest / self._m) * self._centred[np.minimum(place, self._n - 1)]
        return np.asarray(np.diff(self._sums[place]) + (np.diff(self._lost[place]) + np.diff(parts)))


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
