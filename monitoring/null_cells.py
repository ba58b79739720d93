"""A reference column as cells with shares that samples can be drawn from: bins, categories, or a grid of the sorted column. Pure."""

from __future__ import annotations

__all__ = ["AREAS", "Cells", "cells_of", "new_values", "scores_of"]

from dataclasses import dataclass
from math import ceil, floor, log2

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from monitoring.drift import METHODS, Sample, judged_scores
from monitoring.null_spectrum import seen_shares
from monitoring.null_tail import pareto

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

AREAS = frozenset({"wasserstein", "ed", "ks"})  # methods of cumulative distributions; the others compare bins
_MOST_MISSED = 2_000  # categories that the reference missed; more would only cost time
_BODY_CELLS = 48  # the grid's largest cell holds one 48th of the reference …
_TAIL_GROWTH = 6  # … and a cell r values from the end holds r / 6, at least one: outliers stay themselves
_TAIL_SHARE, _TAIL_LEAST, _TAIL_MOST = 10, 50, 250  # the tail is a tenth of the values, from 50 to 250 of them
_HEAVY = 0.1  # shape of a generalised Pareto distribution from which a tail counts as heavy: a normal column's is below 0
_HEAVIEST = 0.7
_LIMIT_FROM, _KS_PLACES = 1_000, 48


@dataclass(frozen=True)
class Cells:
    """Cells in ascending order of the values: their `shares` (sum 1), and where each begins among the reference's sorted values
    (`starts`; cells of categories that the reference missed come last and have none). On a grid also each cell's mean and variance.

    The last `missed` cells are of categories that the reference missed, of which `once` is what it tells: how many it has just once.
    """

    shares: Floats
    starts: Places
    means: Floats | None = None
    spread: Floats | None = None
    missed: int = 0
    once: int = 0

    def possible(self, rows: int, size: int, rng: np.random.Generator) -> Floats:
        """Shares that `size` pairs are drawn with: the same for all, but for what a reference of so many rows may have missed.

        That is the share seen just once, and one row's (Good 1953; Gelman et al. 2013, Bayesian Data Analysis, 2.6: the rate of what
        was seen `once` times, with a flat prior, is a gamma variable of `once` + 1). With its mean alone a reference of which every
        category is frequent would be taken to have missed none.
        """
        if not self.missed:
            return self.shares
        unseen = np.minimum(rng.gamma(self.once + 1, size=(size, 1)) / rows, 0.5)
        seen = self.shares[: -self.missed]
        return np.concatenate([seen / seen.sum() * (1 - unseen), np.repeat(unseen / self.missed, self.missed, axis=1)], axis=1)


def cells_of(name: str, reference: Sample, n_window: int) -> Cells:
    """The cells that method `name` compares, as a window of this size would get them; `name` is a base method."""
    if name in AREAS:
        return _grid(reference)
    if reference.numbers is not None and (name == "hellinger" or reference.distinct > 20) and METHODS[name].returns == "distance":
        size = reference.distinct + new_values(reference, n_window) if name == "hellinger" else reference.n + n_window
        counts, _ = np.histogram(reference.numbers, bins=ceil(log2(size) + 1))
        return Cells(counts / counts.sum(), np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64))
    counts = np.array([reference.counts[key] for key in sorted(reference.counts)], np.int64)
    shares = _category_shares(counts.astype(np.float64))
    return Cells(shares, np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64), missed=len(shares) - len(counts),
                 once=int(np.count_nonzero(counts == 1)))


def new_values(reference: Sample, n_window: int) -> int:
    """How many values a window brings that the reference does not have: each row one with the share seen just once (Good 1953)."""
    once = sum(1 for count in reference.counts.values() if count == 1)
    return n_window * once // max(reference.n, 1)


def scores_of(name: str, cells: Cells, reference: Floats, window: Floats, sizes: tuple[int, int]) -> Floats:
    """Scores of pairs of samples given as counts per cell (rows are pairs). `sizes` are the rows of reference and window that the method
    would count, which may differ from the counts' own sums."""
    if name not in AREAS:
        return judged_scores(name, reference, window)
    a, b = reference / reference.sum(axis=1, keepdims=True), window / window.sum(axis=1, keepdims=True)
    difference = np.cumsum(a - b, axis=1)[:, :-1]
    if name == "ks":
        return _ks(np.abs(difference).max(axis=1, initial=0.0), sizes[0] * sizes[1] / (sizes[0] + sizes[1]))
    assert cells.means is not None
    assert cells.spread is not None
    steps = np.diff(cells.means)
    if name == "ed":
        return np.asarray(np.sqrt(2 * (difference**2 @ steps)))
    centre = cells.means - cells.means.mean()  # the same deviations with fewer lost digits
    variance = a @ (centre**2 + cells.spread) - (a @ centre) ** 2
    return np.asarray(np.abs(difference) @ steps / np.maximum(np.sqrt(np.maximum(variance, 0)), 0.001))


def _ks(gaps: Floats, rows: float) -> Floats:
    """p-values of the largest gaps between two distribution functions with so many rows (their harmonic mean's half).

    Kolmogorov's limit is too high for small samples (1.4 times at 50 against 500 and p = 0.0002), so those take the distribution of one
    sample of that size, as scipy's test of two does: within 5 % of the exact p-value there. It is dear and smooth, so it is read off a
    few places; its logarithm is nearly a line in the squared gap.
    """
    if rows > _LIMIT_FROM:
        return np.asarray(special.kolmogorov(gaps * np.sqrt(rows)))
    places = np.linspace(gaps.min() ** 2, gaps.max() ** 2, _KS_PLACES)
    logs = np.log(np.maximum(stats.kstwo.sf(np.sqrt(places), max(round(rows), 1)), 1e-300))
    return np.asarray(np.exp(np.interp(gaps**2, places, logs)))


def _category_shares(counts: Floats) -> Floats:
    """Shares of the categories, and of those that the reference missed: its own shares would be too rough a distribution to draw from.

    The seen ones are as uneven as the population's (`seen_shares`). The missed ones together are as likely as the share seen just once
    (Good 1953). They are as many as let references drawn anew miss as large a share again, and at least Chao's lower bound (1984): with
    the bound alone drawn references missed three quarters of it.
    """
    n, once, twice = counts.sum(), np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    if not once or once == n:
        return np.append(seen_shares(counts), 0.0)
    bound = once**2 / (2 * twice) if twice else once * (once - 1) / 2
    unseen = once / n
    seen = seen_shares(counts) * (1 - unseen)
    due = 1 - np.sum(seen * (1 - seen) ** n) / unseen  # the part of it that the missed ones miss again
    alike = once / -np.log(due) if 0 < due < 1 else 0.0
    more = int(np.clip(ceil(max(bound, alike)), 1, _MOST_MISSED))
    return np.concatenate([seen, np.full(more, unseen / more)])


def _grid(reference: Sample) -> Cells:
    """Cells of the sorted column. Fine in the tails, where single values decide; heavy tails go on beyond the largest value."""
    numbers = reference.numbers
    assert numbers is not None
    n = len(numbers)
    largest = max(1.0, n / _BODY_CELLS)
    ends, position = [], 0.0
    while position < n / 2:
        position += min(max(1.0, position / _TAIL_GROWTH), largest)
        ends.append(min(floor(position), n))
    lower = np.unique([0, *(e for e in ends if e < n / 2)])
    starts = np.unique(np.concatenate([lower, n - lower[lower > 0]]))
    counts = np.diff(np.append(starts, n)).astype(np.float64)
    means = np.add.reduceat(numbers, starts) / counts
    spread = np.add.reduceat((numbers - np.repeat(means, counts.astype(np.int64))) ** 2, starts) / counts
    body = Cells(counts / n, starts.astype(np.int64), means, spread)
    return _mirrored(_heavier(_mirrored(_heavier(body, numbers), n), -numbers[::-1]), n)


def _mirrored(cells: Cells, n: int) -> Cells:
    """The same cells of the negated column."""
    assert cells.means is not None
    assert cells.spread is not None
    ends = np.append(cells.starts[1:], n)
    return Cells(cells.shares[::-1], n - ends[::-1], -cells.means[::-1], cells.spread[::-1])


def _heavier(cells: Cells, numbers: Floats) -> Cells:
    """The cells with a heavy upper tail continued by a generalised Pareto distribution, where one fits.

    A sample does not show the largest values of a heavy tail, and pairs drawn from what it shows differ too little (measured on
    lognormal columns with σ = 1.5 and 500 rows: 3.7 % false alarms at 1 %). Fitted to the upper tenth, at most 250 values, by
    probability weighted moments; smaller cells by halves up to a share of 1 / (64 n).
    """
    assert cells.means is not None
    assert cells.spread is not None
    n = len(numbers)
    fitted = min(n // _TAIL_SHARE, _TAIL_MOST)
    if fitted < _TAIL_LEAST:
        return cells
    start = float(numbers[n - fitted - 1])
    scale, shape = pareto(numbers[n - fitted :] - start)
    if not shape > _HEAVY:
        return cells
    shape = min(shape + 0.5 * (1 + shape) / np.sqrt(fitted), _HEAVIEST)  # half a standard error to the cautious side
    kept = cells.starts < n - fitted
    last = int(np.count_nonzero(kept)) - 1
    shares, means, spread = cells.shares[kept].copy(), cells.means[kept].copy(), cells.spread[kept].copy()
    cut = numbers[cells.starts[last] : n - fitted]
    shares[last], means[last], spread[last] = len(cut) / n, cut.mean(), cut.var()
    rest = 2.0 ** (-np.arange(ceil(3 * log2(64 * fitted)) + 1) / 3)  # shares of the tail that lie beyond each cell's lower edge
    upper = np.append(rest[1:], 0.0)
    power = (rest ** (1 - shape) - upper ** (1 - shape)) / ((1 - shape) * (rest - upper))
    places = np.minimum(n - np.floor(rest * fitted + 1e-9), n).astype(np.int64)
    return Cells(np.concatenate([shares, (rest - upper) * fitted / n]), np.concatenate([cells.starts[kept], places]),
                 np.concatenate([means, start + scale * (power - 1) / shape]), np.concatenate([spread, np.zeros(len(rest))]))
