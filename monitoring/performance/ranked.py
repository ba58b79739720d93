"""ROC AUC and average precision with each row's first-order effect on them, from which their intervals follow; O(n log n)."""

from __future__ import annotations

__all__ = [
    "auc_influence", "auc_influences", "auc_interval", "auc_intervals", "average_precision_influence", "average_precision_influences",
]  # fmt: skip

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from .groups import Codes, Groups
from .intervals import LEVEL, OUTER, Floats, Interval, Intervals

_HALVINGS = 50  # of an interval of length 1: an edge is known to 1e-15


def auc_influence(truth: Floats, score: Floats, weight: Floats) -> tuple[float, Floats]:
    """The share of (positive, negative) pairs in the right order, ties half (Mann & Whitney 1947), and each row's effect on it.

    The effects are DeLong's structural components (DeLong, DeLong & Clarke-Pearson 1988) over the class's share of the weight. Both
    classes must be there; `truth` is 0 or 1.
    """
    value, influence = auc_influences(truth, score, weight, Groups.whole(len(score)))
    return float(value[0]), influence


def auc_influences(truth: Floats, score: Floats, weight: Floats, groups: Groups) -> tuple[Floats, Floats]:
    """`auc_influence` of each group; NaN where it lacks a class."""
    order = groups.order(score)
    y, w, of = truth[order], weight[order], groups.of
    ones, zeros = groups.sums(w * y), groups.sums(w * (1 - y))
    first, last = _steps(score[order], groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        wins = np.where(y == 1, _below(w * (1 - y), first, last, groups) / (2 * zeros[of]),
                        1 - _below(w * y, first, last, groups) / (2 * ones[of]))  # fmt: skip
        value = groups.sums(w * y * wins) / ones
        value = np.where(zeros > 0, value, np.nan)
        effect = w * (wins - value[of]) * groups.sizes[of] / np.where(y == 1, ones[of], zeros[of])
    influence = np.empty(len(score))
    influence[order] = effect
    return value, influence


def _steps(ordered: Floats, groups: Groups) -> tuple[Codes, Codes]:
    """For each entry, sorted by value within its group, where the run of values equal to its own begins and ends."""
    new = np.ones(len(ordered), bool)
    new[1:] = (ordered[1:] != ordered[:-1]) | (groups.of[1:] != groups.of[:-1])
    begins = np.flatnonzero(new)
    step = np.cumsum(new) - 1
    return begins[step], np.r_[begins[1:], len(ordered)][step]


def _below(part: Floats, first: Codes, last: Codes, groups: Groups) -> Floats:
    """For each entry the sum of `part` below its step, and that up to its step's end: twice its share with ties half."""
    reached = groups.running(part)
    return np.asarray(reached[first + groups.of] + reached[last + groups.of])


def auc_interval(value: float, positives: float, negatives: float) -> Interval:
    """The interval of an AUC by inverting a score test (Newcombe 2006, Stat. Med. 25:559, method 5), which needs no spread to be seen.

    The variance of an AUC θ is Hanley & McNeil's (1982) for exponential scores with both class sizes replaced by their mean where
    they stand beside θ.
    """
    found = auc_intervals(np.array([value]), np.array([positives], float), np.array([negatives], float)).at(0)
    assert found is not None, "an AUC needs both classes"
    return found


def auc_intervals(value: Floats, positives: Floats, negatives: Floats) -> Intervals:
    """`auc_interval` of each group, by halving what lies below and above its value."""
    around = (positives + negatives) / 2 - 1

    def outside(theta: Floats, z: float) -> npt.NDArray[np.bool_]:
        shape = 1 + around * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return np.asarray((value - theta) ** 2 > z * z * theta * (1 - theta) * shape / (positives * negatives))

    def edge(level: float, end: float) -> Floats:
        z = NormalDist().inv_cdf(0.5 + level / 2)
        inner, outer = value.copy(), np.full_like(value, end)
        for _ in range(_HALVINGS):
            middle = (inner + outer) / 2
            out = outside(middle, z)
            inner, outer = np.where(out, inner, middle), np.where(out, middle, outer)
        return inner

    with np.errstate(invalid="ignore", divide="ignore"):
        edges = [edge(level, end) for level in (LEVEL, OUTER) for end in (0.0, 1.0)]
    return Intervals.of(edges, "newcombe", np.isfinite(value))


def average_precision_influence(truth: Floats, score: Floats, weight: Floats) -> tuple[float, Floats]:
    """Precision at each step weighted by the recall it adds, as scikit-learn defines it, and each row's effect on it.

    With A and B the weight of positives and of all rows down to a step, the value is the positives' mean of A/B. More weight on row j
    moves A and B at every step at or below j: the derivatives of the weighted formula, summed from below (infinitesimal jackknife;
    Efron 1982, §6). At least one positive; `truth` is 0 or 1.
    """
    value, influence = average_precision_influences(truth, score, weight, Groups.whole(len(score)))
    return float(value[0]), influence


def average_precision_influences(truth: Floats, score: Floats, weight: Floats, groups: Groups) -> tuple[Floats, Floats]:
    """`average_precision_influence` of each group; NaN where it has no positive."""
    order, of = groups.order(-score), groups.of
    y, w = truth[order], weight[order]
    first, last = _steps(-score[order], groups)
    total = groups.sums(w * y)
    above, shown = (groups.running(part)[last + of] for part in (w * y, w))
    with np.errstate(divide="ignore", invalid="ignore"):  # rows of weight zero at the top, groups without a positive
        precision = np.where(shown > 0, above / shown, 0.0)
        share = np.where(shown > 0, w / shown, 0.0)  # each row's part of its step: summed over a step it is that of the step
        value = groups.sums(precision * w * y) / total
        below_positive, below_any = (_from_below(part, first, groups) for part in (share * y, share * y * precision))
        effect = (y * (precision - value[of]) + y * below_positive - below_any) * groups.sizes[of] / total[of]
    influence = np.empty(len(score))
    influence[order] = w * effect
    return value, influence


def _from_below(part: Floats, first: Codes, groups: Groups) -> Floats:
    """For each entry the sum of `part` from the beginning of its step to the end of its group."""
    reached = groups.running(part)
    return np.asarray(reached[groups.edges[1:] + np.arange(len(groups))][groups.of] - reached[first + groups.of])
