"""Intervals in closed form, each at 95 % (shown) and at 99.9 % (judged): proportions, means, smooth functions of means, quantiles.

Which metric uses which, and how often each holds the true value, is in docs/intervals.md (`benchmarks/coverage.py` measures it).
"""

from __future__ import annotations

__all__ = [
    "LEVEL", "OUTER", "Floats", "Interval", "added", "beyond", "of_influence", "of_jackknife", "of_mean", "of_normal",
    "of_quantile", "rows_worth", "wilson",
]  # fmt: skip

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import exp, hypot, inf, isfinite, log, log1p, sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, stdtrit
from scipy.stats import binom
from statsmodels.stats.proportion import proportion_confint

Floats = npt.NDArray[np.float64]
Scale = Literal["identity", "log", "logit"]

LEVEL = 0.95
OUTER = 0.999  # the level at which drift is judged too (issue 2): one false alarm in a thousand on one side or the other
_NORMAL = tuple(NormalDist().inv_cdf(0.5 + level / 2) for level in (LEVEL, OUTER))
_FLAT = 1e-24  # variance of influences below which all rows say the same: rounding alone gives 1e-30


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
    return Interval(*_proportion(successes, n, LEVEL, "wilson"), *_proportion(successes, n, OUTER, "beta"), "wilson")


def _proportion(successes: float, n: float, level: float, method: str) -> tuple[float, float]:
    lower, upper = proportion_confint(successes, n, alpha=1 - level, method=method)
    # Without a success the formula's lower edge is 0 (and 1 above without a failure), but for the last bit of the arithmetic.
    return 0.0 if successes == 0 else float(lower), 1.0 if successes == n else float(upper)


def rows_worth(weight: Floats | None, n: int) -> float:
    """How many equally weighted rows say as much as these n (Kish 1965, §11.7)."""
    return float(n) if weight is None else float(weight.sum() ** 2 / (weight**2).sum())


def of_mean(values: Floats, weight: Floats | None = None, *, low: float = -inf, high: float = inf) -> Interval | None:
    """The interval of a mean. Where the metric is bounded by 0 and 1 and all rows agree, Wilson's stands in: a share's variance is the
    largest that a bounded value of this mean can have."""
    n = len(values)
    weight = np.ones(n) if weight is None else weight
    mean = float(np.average(values, weights=weight))
    found = of_influence(mean, weight * (values - mean) / weight.mean())
    if found is None and (low, high) == (0.0, 1.0):
        return wilson(mean * n, n)
    return found.cut(low, high) if found else None


def of_influence(value: float, influence: Floats, *, scale: Scale = "identity") -> Interval | None:
    """The interval of a smooth function of means from each row's first-order effect on it (the delta method; mean of `influence` is 0).

    Student's quantiles, with the skewness of the rows taken out by a cubic transformation (Hall 1992, J. R. Stat. Soc. B 54, g₁), which
    makes it right to second order like a studentised bootstrap, without drawing. `scale` is where it is symmetric: `log` for ratios,
    `logit` for shares; `value` must lie inside. None where all rows agree.
    """
    n = len(influence)
    if n < 2 or not isfinite(value):
        return None
    slope = {"identity": 1.0, "log": value, "logit": value * (1 - value)}[scale]
    if slope == 0:
        return None
    moved = influence / slope
    variance = float((moved**2).mean()) * n / (n - 1)
    if not isfinite(variance) or variance < _FLAT * max(1.0, value * value if scale == "identity" else 1.0):
        return None
    skewness = float((moved**3).mean()) / variance**1.5
    centre = {"identity": lambda: value, "log": lambda: log(value), "logit": lambda: log(value) - log1p(-value)}[scale]()
    back: Callable[[float], float] = {"identity": float, "log": exp, "logit": lambda x: float(expit(x))}[scale]
    lower, upper, outer_lower, outer_upper = (
        back(centre - sqrt(variance / n) * _unskewed(point, skewness / sqrt(n))) for point in _points(n)
    )
    return Interval(lower, upper, outer_lower, outer_upper, "delta" if scale == "identity" else f"delta_{scale}")


def of_jackknife(value: float, without: Floats, back: Callable[[float], float]) -> Interval | None:
    """The interval of `back(value)` from the values without each row in turn, with their bias taken off (Tukey 1958)."""
    n = len(without)
    if n < 3 or not np.isfinite(without).all():
        return None
    spread = sqrt((n - 1) / n * float(((without - without.mean()) ** 2).sum()))
    if spread**2 < _FLAT:
        return None
    centre = value - (n - 1) * (float(without.mean()) - value)
    lower, upper, outer_lower, outer_upper = (back(centre - spread * point) for point in _points(n))
    return Interval(min(lower, upper), max(lower, upper), min(outer_lower, outer_upper), max(outer_lower, outer_upper), "jackknife")


def of_normal(value: float, spread: float, method: str) -> Interval | None:
    """value ± the normal quantiles of `spread`, a standard error; None where it is 0."""
    if spread <= 0 or not isfinite(spread):
        return None
    inner, outer = _NORMAL[0] * spread, _NORMAL[1] * spread
    return Interval(value - inner, value + inner, value - outer, value + outer, method)


def _points(n: int) -> tuple[float, float, float, float]:
    """Student's quantiles, in the order of an Interval's edges (the upper quantile bounds from below)."""
    inner, outer = float(stdtrit(n - 1, 0.5 + LEVEL / 2)), float(stdtrit(n - 1, 0.5 + OUTER / 2))
    return inner, -inner, outer, -outer


def _unskewed(point: float, skewness: float) -> float:
    """The quantile of the studentised mean: the inverse of Hall's g₁; `skewness` is that of a row over √n."""
    a = skewness / 3
    if abs(a) < 1e-6:
        return point
    return float((np.cbrt(1 + 3 * a * (point - skewness / 6)) - 1) / a)


def added(*parts: tuple[float, Interval], method: str = "mover") -> Interval:
    """The interval of a sum of independent estimates, given as (value, interval): distances are squared and added (Zou & Donner 2008)."""
    total = sum(value for value, _ in parts)

    def edge(name: str, sign: int) -> float:
        return total + sign * hypot(*(getattr(interval, name) - value for value, interval in parts))

    return Interval(edge("lower", -1), edge("upper", 1), edge("outer_lower", -1), edge("outer_upper", 1), method)


def of_quantile(values: Floats, share: float, weight: Floats | None = None) -> Interval | None:
    """Between the order statistics that a binomial count brackets the quantile with (Conover 1999, §3.2); None for fewer than 2 values.

    Where a level needs a rank beyond the sample, the extreme value stands: the interval then holds less than it says, which few rows
    cannot mend. Weighted rows: the same shares of the weight, with as many rows as they are worth (Woodruff 1952).
    """
    n = len(values)
    if n < 2:
        return None
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    worth = max(2, int(rows_worth(weight, n)))
    reached = None if weight is None else np.cumsum(weight[order]) / weight.sum()

    def at(rank: float) -> float:
        place = rank if reached is None else int(np.searchsorted(reached, (rank + 1) / worth))
        return float(ordered[int(np.clip(place, 0, n - 1))])

    def edges(level: float) -> tuple[float, float]:
        low, high = (float(binom.ppf(edge, worth, share)) for edge in ((1 - level) / 2, (1 + level) / 2))
        return at(low - 1), at(high)

    return Interval(*edges(LEVEL), *edges(OUTER), "order_statistics")
