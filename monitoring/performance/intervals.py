"""Intervals in closed form, each at 95 % (shown) and at 99.9 % (judged): proportions, means, smooth functions of means, quantiles.

Each is computed for many groups of rows at once (`wilsons`, `of_means`, …); `wilson`, `of_mean`, … are the same of one.

Which metric uses which, and how often each holds the true value, is in docs/intervals.md (`benchmarks/coverage.py` measures it).
"""

from __future__ import annotations

__all__ = [
    "LEVEL", "OUTER", "Floats", "Interval", "Intervals", "added", "beyond", "of_influence", "of_influences", "of_jackknives", "of_mean",
    "of_means", "of_normal", "of_normals", "of_quantile", "of_quantiles", "wilson", "wilsons",
]  # fmt: skip

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import hypot, inf
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, stdtrit
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

from .groups import Groups

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Scale = Literal["identity", "log", "logit"]

LEVEL = 0.95
OUTER = 0.999  # the level at which drift is judged too (issue 2): one false alarm in a thousand on one side or the other
_NORMAL = tuple(NormalDist().inv_cdf(0.5 + level / 2) for level in (LEVEL, OUTER))
_FLAT = 1e-24  # variance of influences below which all rows say the same: rounding alone gives 1e-30
_LEAST = float(np.finfo(float).tiny)


@dataclass(frozen=True, slots=True)
class Interval:
    """`lower`..`upper` at 95 %, `outer_lower`..`outer_upper` at 99.9 %, in the metric's units; `method` names how."""

    lower: float
    upper: float
    outer_lower: float
    outer_upper: float
    method: str

    def mapped(self, change: Callable[[float], float]) -> Interval:
        """The interval of a monotone function of the value; a falling one turns it round."""
        a, b, c, d = (change(edge) for edge in (self.lower, self.upper, self.outer_lower, self.outer_upper))
        return Interval(min(a, b), max(a, b), min(c, d), max(c, d), self.method)

    def cut(self, low: float, high: float) -> Interval:
        """The part within [low, high], which is all that the metric can be."""
        return self.mapped(lambda edge: min(max(edge, low), high))


@dataclass(frozen=True, slots=True)
class Intervals:
    """One interval per group: `edges` are rows of lower, upper, outer_lower and outer_upper, NaN where a group has none."""

    edges: Floats
    methods: npt.NDArray[np.object_]

    @classmethod
    def of(cls, edges: Sequence[Floats], method: str, there: Mask) -> Intervals:
        """The four edges of the groups that are `there`."""
        return cls(np.where(there, np.asarray(edges, float), np.nan), np.full(len(there), method, object))

    def at(self, group: int) -> Interval | None:
        """The interval of one group."""
        lower, upper, outer_lower, outer_upper = self.edges[:, group].tolist()
        return None if lower != lower else Interval(lower, upper, outer_lower, outer_upper, self.methods[group])

    def mapped(self, change: Callable[[Floats], Floats]) -> Intervals:
        """As `Interval.mapped`."""
        a, b, c, d = (change(edge) for edge in self.edges)
        return Intervals(np.array([np.minimum(a, b), np.maximum(a, b), np.minimum(c, d), np.maximum(c, d)]), self.methods)

    def cut(self, low: float | Floats, high: float | Floats) -> Intervals:
        """As `Interval.cut`."""
        return Intervals(np.clip(self.edges, low, high), self.methods)

    def otherwise(self, other: Intervals, where: Mask | None = None) -> Intervals:
        """The other's for groups that have none here, as far as `where` says so."""
        taken = np.isnan(self.edges[0]) if where is None else np.isnan(self.edges[0]) & where
        return Intervals(np.where(taken, other.edges, self.edges), np.where(taken, other.methods, self.methods))


def beyond(value: float, interval: Interval, usual: float, usual_interval: Interval | None) -> tuple[float, float]:
    """The 99.9 % interval of `value` widened by the error of `usual`, which it is compared with.

    If `usual` lies outside, the two differ by more than both samples' errors explain: each side's distances are squared and added
    (Newcombe 1998, method 10, for proportions; Zou & Donner 2008, MOVER, for other parameters). Without an interval `usual` is taken
    as exact.
    """
    below, above = value - interval.outer_lower, interval.outer_upper - value
    if usual_interval is not None:
        below = hypot(below, usual_interval.outer_upper - usual)
        above = hypot(above, usual - usual_interval.outer_lower)
    return value - below, value + above


@lru_cache(maxsize=10_000)
def wilson(successes: float, n: float) -> Interval:
    """The interval of successes/n: 95 % by Wilson's score (Wilson 1927), 99.9 % exactly (Clopper & Pearson 1934). n > 0; both may be
    fractions, where rows are weighted.

    Far out Wilson's is too short where few rows meet a share near 0 or 1: windows without a loss would be named up to 24 times as
    often as 1 in 2,000 (n = 30, share 0.99, 3,000 reference rows); with the exact edges never more often (n = 10 to 1,000, 0.5 to 0.99).
    """
    found = wilsons(np.array([successes], float), np.array([n], float)).at(0)
    assert found is not None, "a share of no rows has no interval"
    return found


def wilsons(successes: Floats, n: Floats) -> Intervals:
    """`wilson` of many shares; none where n is 0."""
    there = n > 0
    edges = np.full((4, len(n)), np.nan)
    for first, level, method in ((0, LEVEL, "wilson"), (2, OUTER, "beta")):
        lower, upper = proportion_confint(successes[there], n[there], alpha=1 - level, method=method)
        # Without a success the formula's lower edge is 0 (and 1 above without a failure), but for the last bit of the arithmetic.
        edges[first, there] = np.where(successes[there] == 0, 0.0, lower)
        edges[first + 1, there] = np.where(successes[there] == n[there], 1.0, upper)
    return Intervals.of(tuple(edges), "wilson", there)


def of_mean(values: Floats, weight: Floats | None = None, *, low: float = -inf, high: float = inf) -> Interval | None:
    """The interval of a mean. Where the metric is bounded by 0 and 1 and all rows agree, Wilson's stands in: a share's variance is the
    largest that a bounded value of this mean can have."""
    return of_means(values, Groups.whole(len(values)), weight, low=low, high=high).at(0)


def of_means(values: Floats, groups: Groups, weight: Floats | None = None, *, low: float = -inf, high: float = inf) -> Intervals:
    """`of_mean` of each group."""
    mean = groups.means(values, weight)
    influence = values - mean[groups.of]
    if weight is not None:
        influence *= weight / groups.means(weight)[groups.of]
    found = of_influences(mean, influence, groups).cut(low, high)
    if (low, high) == (0.0, 1.0):
        return found.otherwise(wilsons(np.nan_to_num(mean) * groups.sizes, groups.sizes.astype(float)))
    return found


def of_influence(value: float, influence: Floats, *, scale: Scale = "identity") -> Interval | None:
    """The interval of a smooth function of means from each row's first-order effect on it (the delta method; mean of `influence` is 0).

    Student's quantiles, with the skewness of the rows taken out by a cubic transformation (Hall 1992, J. R. Stat. Soc. B 54, g₁), which
    makes it right to second order like a studentised bootstrap, without drawing. `scale` is where it is symmetric: `log` for ratios,
    `logit` for shares; `value` must lie inside. None where all rows agree.
    """
    return of_influences(np.array([value], float), influence, Groups.whole(len(influence)), scale=scale).at(0)


def of_influences(value: Floats, influence: Floats, groups: Groups, *, scale: Scale = "identity") -> Intervals:
    """`of_influence` of each group."""
    n = groups.sizes.astype(float)
    with np.errstate(all="ignore"):  # groups that have no interval are left out at the end
        slope = {"identity": np.ones_like(value), "log": value, "logit": value * (1 - value)}[scale]
        moved = influence / slope[groups.of]
        squares = moved * moved
        variance = groups.means(squares) * n / (n - 1)
        skewness = groups.means(squares * moved) / variance**1.5 / np.sqrt(n)
        centre = value if scale == "identity" else np.log(value) - (np.log1p(-value) if scale == "logit" else 0.0)
        spread = np.sqrt(variance / n)
        edges = [centre - spread * _unskewed(point, skewness) for point in _points(n)]
        back = {"identity": np.asarray, "log": np.exp, "logit": expit}[scale]
        least = _FLAT * (np.maximum(1.0, value * value) if scale == "identity" else 1.0)
    there = (n >= 2) & np.isfinite(value) & (slope != 0) & np.isfinite(variance) & (variance >= least)
    return Intervals.of([back(edge) for edge in edges], "delta" if scale == "identity" else f"delta_{scale}", there)


def of_jackknives(value: Floats, without: Floats, groups: Groups, back: Callable[[Floats], Floats]) -> Intervals:
    """The interval of `back(value)` of each group from the values without each of its rows in turn, with their bias taken off
    (Tukey 1958)."""
    n = groups.sizes.astype(float)
    with np.errstate(all="ignore"):
        mean = groups.means(without)
        spread = np.sqrt((n - 1) / n * groups.sums((without - mean[groups.of]) ** 2))
        centre = value - (n - 1) * (mean - value)
        edges = [back(centre - spread * point) for point in _points(n)]
    there = (n >= 3) & np.isfinite(spread) & (spread**2 >= _FLAT)
    return Intervals.of(edges, "jackknife", there).mapped(np.asarray)


def of_normal(value: float, spread: float, method: str) -> Interval | None:
    """value ± the normal quantiles of `spread`, a standard error; None where it is 0."""
    return of_normals(np.array([value], float), np.array([spread], float), method).at(0)


def of_normals(value: Floats, spread: Floats, method: str) -> Intervals:
    """`of_normal` of each group."""
    inner, outer = _NORMAL[0] * spread, _NORMAL[1] * spread
    return Intervals.of([value - inner, value + inner, value - outer, value + outer], method, (spread > 0) & np.isfinite(spread))


def _points(n: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Student's quantiles, in the order of an Interval's edges (the upper quantile bounds from below)."""
    inner, outer = stdtrit(n - 1, 0.5 + LEVEL / 2), stdtrit(n - 1, 0.5 + OUTER / 2)
    return inner, -inner, outer, -outer


def _unskewed(point: Floats, skewness: Floats) -> Floats:
    """The quantile of the studentised mean: the inverse of Hall's g₁; `skewness` is that of a row over √n."""
    a = skewness / 3
    return np.where(np.abs(a) < 1e-6, point, (np.cbrt(1 + 3 * a * (point - skewness / 6)) - 1) / a)


def added(*parts: tuple[Floats, Intervals], method: str = "mover") -> Intervals:
    """The intervals of sums of independent estimates, given as (values, intervals): distances are squared and added (Zou & Donner 2008)."""
    total = sum(value for value, _ in parts)
    edges = [total + sign * np.sqrt(sum((intervals.edges[place] - value) ** 2 for value, intervals in parts))
             for place, sign in enumerate((-1, 1, -1, 1))]  # fmt: skip
    return Intervals.of(edges, method, ~np.isnan(edges[0]))


def of_quantile(values: Floats, share: float, weight: Floats | None = None) -> Interval | None:
    """Between the order statistics that a binomial count brackets the quantile with (Conover 1999, §3.2).

    None where 95 % ask for a rank beyond the sample, as for the 99th percentile of fewer than 368 values: whatever the largest value is,
    nothing says how much larger they can be. Where 99.9 % do, that edge is infinite. Weighted rows: the same shares of the weight, with as
    many rows as they are worth (Woodruff 1952).
    """
    return of_quantiles(values, share, Groups.whole(len(values)), weight).at(0)


def of_quantiles(values: Floats, share: float, groups: Groups, weight: Floats | None = None) -> Intervals:
    """`of_quantile` of each group."""
    order = groups.order(values)
    ordered, n = values[order], groups.sizes
    worth, reached = n, None
    if weight is not None:
        worth = np.maximum(2, np.nan_to_num(groups.sums(weight) ** 2 / np.maximum(groups.sums(weight**2), _LEAST)).astype(np.intp))
        reached = [np.cumsum(weight[order[a:b]]) / weight[order[a:b]].sum() for a, b in zip(groups.edges, groups.edges[1:], strict=False)]
    there = n >= 2
    edges: list[Floats] = []
    for edge in (edge for level in (LEVEL, OUTER) for edge in ((1 - level) / 2, (1 + level) / 2)):
        rank = np.nan_to_num(binom.ppf(edge, worth, share)) - (edge < 0.5)
        beyond = (rank < 0) | (rank >= worth)
        if reached is not None:
            rank = np.array([np.searchsorted(part, (wanted + 1) / many) for part, wanted, many in zip(reached, rank, worth, strict=True)])
        place = np.clip(groups.edges[:-1] + np.clip(rank, 0, np.maximum(n - 1, 0)), 0, max(len(ordered) - 1, 0)).astype(np.intp)
        found = ordered[place] if len(ordered) else np.zeros(len(n))
        if len(edges) < 2:
            there &= ~beyond
        edges.append(np.where(beyond, -inf if edge < 0.5 else inf, found))
    return Intervals.of(edges, "order_statistics", there)
