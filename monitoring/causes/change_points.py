"""Since when: the change point of a series of scores over windows, with an interval. Pure.

Segments of constant mean by penalised least squares, solved exactly (optimal partitioning; Jackson et al. 2005) with a penalty of
3 σ² log n, which is a little more cautious than BIC's; σ from the median absolute difference of neighbours. The interval is a bootstrap of
the residuals on both sides of the change (Hušková & Kirch 2008).
"""

from __future__ import annotations

__all__ = ["Change", "change_point"]

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_SEED = 20_261_128
_DRAWS = 400
_LEVEL = 0.95
_FEW = 3  # windows: with fewer on one side its own scatter is unknown, and both sides share one


@dataclass(frozen=True, slots=True)
class Change:
    """Places in the series: `at` is the first window after the change, which lies between `lower` and `upper` in 95 % of cases.

    `at_least` says that the whole series is changed: it may have begun before.
    """

    at: int
    lower: int
    upper: int
    at_least: bool = False


def change_point(values: Sequence[float], bad: Sequence[bool]) -> Change:
    """Since when the series has been as bad as it is now; `bad` says which windows were judged so, oldest first, the last one is.

    Neighbouring segments of which more than half the windows are bad belong to the same trouble. Where no segment says so – the last
    window alone is bad – it is the unbroken run of bad windows.
    """
    x, wrong = np.asarray(values, float), np.asarray(bad, bool)
    edges = [*_segments(x), len(x)]
    first = len(edges) - 1
    while first > 0 and wrong[edges[first - 1] : edges[first]].mean() > 0.5:
        first -= 1
    if first == len(edges) - 1:
        run = len(x) - int(np.argmin(wrong[::-1])) if not wrong.all() else 0
        return Change(run, run, run, at_least=run == 0)
    at = edges[first]
    if at == 0:
        return Change(0, 0, 0, at_least=True)
    start, end = edges[first - 1], edges[first + 1]
    lower, upper = _interval(x[start:at], x[at:end])
    return Change(at, start + lower, start + upper)


def _segments(x: Floats) -> list[int]:
    """Starts of the segments of the cheapest partition."""
    n = len(x)
    noise = float(np.median(np.abs(np.diff(x)))) / (0.6745 * np.sqrt(2)) if n > 1 else 0.0
    penalty = 3 * max(noise**2, float(np.finfo(float).tiny)) * np.log(max(n, 2))
    sums, squares = np.concatenate([[0.0], np.cumsum(x)]), np.concatenate([[0.0], np.cumsum(x**2)])
    cost, previous = np.zeros(n + 1), np.zeros(n + 1, dtype=np.int64)
    cost[0] = -penalty
    for end in range(1, n + 1):
        starts = np.arange(end)
        within = squares[end] - squares[:end] - (sums[end] - sums[:end]) ** 2 / (end - starts)
        total = cost[:end] + np.maximum(within, 0) + penalty
        previous[end] = int(np.argmin(total))
        cost[end] = total[previous[end]]
    found, end = [], n
    while end > 0:
        end = int(previous[end])
        found.append(end)
    return found[::-1]


def _interval(before: Floats, after: Floats) -> tuple[int, int]:
    """Places of the change, counted from the beginning of `before`, in 95 % of redrawn series."""
    rng, levels = np.random.default_rng(_SEED), (before.mean(), after.mean())
    residuals = [before - levels[0], after - levels[1]]
    if min(len(before), len(after)) < _FEW:
        residuals = [np.concatenate(residuals)] * 2
    drawn = np.hstack([level + rng.choice(rest, (_DRAWS, len(side)))
                       for level, rest, side in zip(levels, residuals, (before, after), strict=True)])  # fmt: skip
    places = _one_change(drawn)
    lower, upper = np.quantile(places, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2], method="nearest")
    return int(min(lower, len(before))), int(max(upper, len(before)))


def _one_change(series: Floats) -> Ints:
    """For each row the place that splits it best into two means: the one with the largest weighted squared difference of them."""
    n = series.shape[1]
    places = np.arange(1, n)
    left = np.cumsum(series, axis=1)[:, :-1]
    difference = left / places - (series.sum(axis=1, keepdims=True) - left) / (n - places)
    return np.asarray(places[np.argmax(difference**2 * places * (n - places), axis=1)])
