"""Intervals: Wilson's for proportions, the bootstrap elsewhere; each at 95 % (shown) and at 99.9 % (judged; proportions exactly)."""

from __future__ import annotations

__all__ = ["LEVEL", "OUTER", "Interval", "Resamples", "beyond", "draw", "spread", "wilson"]

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import hypot, inf, isfinite, sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
from statsmodels.stats.proportion import proportion_confint

Floats = npt.NDArray[np.float64]

LEVEL = 0.95
OUTER = 0.999  # the level at which drift is judged too (issue 2): one false alarm in a thousand on one side or the other
_RESAMPLES = 200  # enough for a standard error within 5 %; Efron & Tibshirani 1993, §6.4
_MOST_ROWS = 10_000  # per resample; the spread of more rows follows from theirs by 1/√n
_SEED = 20_260_101
_Z_OUTER = NormalDist().inv_cdf(0.5 + OUTER / 2)


@dataclass(frozen=True, slots=True)
class Interval:
    """`lower`..`upper` at 95 %, `outer_lower`..`outer_upper` at 99.9 %, in the metric's units; `method` names how."""

    lower: float
    upper: float
    outer_lower: float
    outer_upper: float
    method: str

    def mapped(self, change: Callable[[float], float]) -> Interval:
        """The interval of a rising function of the value."""
        return Interval(change(self.lower), change(self.upper), change(self.outer_lower), change(self.outer_upper), self.method)


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


@dataclass(frozen=True, slots=True)
class Resamples:
    """Bootstrap draws as counts: `counts[b, i]` is how often draw b holds row `rows[i]`; draw 0 is the sample itself (ones).

    `shrink` is √(rows resampled / rows there are).
    """

    rows: npt.NDArray[np.intp]
    counts: Floats
    shrink: float


@lru_cache(maxsize=10_000)
def wilson(successes: float, n: int) -> Interval:
    """The interval of successes/n: 95 % by Wilson's score (Wilson 1927), 99.9 % exactly (Clopper & Pearson 1934). n ≥ 1.

    Far out Wilson's is too short where few rows meet a share near 0 or 1: windows without a loss would be named up to 24 times as
    often as 1 in 2,000 (n = 30, share 0.99, 3,000 reference rows); with the exact edges never more often (n = 10 to 1,000, 0.5 to 0.99).
    """
    return Interval(*_proportion(successes, n, LEVEL, "wilson"), *_proportion(successes, n, OUTER, "beta"), "wilson")


def _proportion(successes: float, n: int, level: float, method: str) -> tuple[float, float]:
    lower, upper = proportion_confint(successes, n, alpha=1 - level, method=method)
    # Without a success the formula's lower edge is 0 (and 1 above without a failure), but for the last bit of the arithmetic.
    return 0.0 if successes == 0 else float(lower), 1.0 if successes == n else float(upper)


def draw(n: int) -> Resamples:
    """200 seeded resamples of n rows; of a seeded 10,000 of them where there are more."""
    random = np.random.default_rng([_SEED, n])
    rows = np.arange(n) if n <= _MOST_ROWS else np.sort(random.choice(n, _MOST_ROWS, replace=False))
    size = len(rows)
    picked = random.integers(0, size, (_RESAMPLES, size)) + np.arange(_RESAMPLES)[:, None] * size
    counts = np.bincount(picked.ravel(), minlength=_RESAMPLES * size).reshape(_RESAMPLES, size).astype(float)
    return Resamples(rows, np.vstack([np.ones(size), counts]), sqrt(size / n))


def spread(value: float, resampled: Floats, resamples: Resamples, *, low: float = -inf, high: float = inf) -> Interval | None:
    """The interval around `value` from a statistic of every draw (0: the sample itself); None where too few draws define it.

    95 %: the draws' percentiles. 99.9 %: ±3.29 standard errors, because 200 draws have no such percentile. Cut to [low, high]. Draws are
    taken around their own mean: resampled rows repeat, which alone raises a calibration error or an RMSE's bias.
    """
    drawn = resampled[1:][np.isfinite(resampled[1:])]
    if len(drawn) < 0.9 * _RESAMPLES or not isfinite(value):
        return None
    around = (drawn - drawn.mean()) * resamples.shrink
    below, above = np.quantile(around, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    outer = _Z_OUTER * float(np.std(around, ddof=1))

    def cut(edge: float) -> float:
        return float(min(max(edge, low), high))

    return Interval(cut(value + below), cut(value + above), cut(value - outer), cut(value + outer), "bootstrap")
