"""ROC AUC and average precision with each row's first-order effect on them, from which their intervals follow; O(n log n)."""

from __future__ import annotations

__all__ = ["auc_influence", "auc_interval", "average_precision_influence"]

from statistics import NormalDist

import numpy as np
from scipy.optimize import brentq

from .intervals import LEVEL, OUTER, Floats, Interval

_END = 1e-9  # 0 and 1 solve the equation too, and are not what is sought


def auc_influence(truth: Floats, score: Floats, weight: Floats) -> tuple[float, Floats]:
    """The share of (positive, negative) pairs in the right order, ties half (Mann & Whitney 1947), and each row's effect on it.

    The effects are DeLong's structural components (DeLong, DeLong & Clarke-Pearson 1988) over the class's share of the weight. Both
    classes must be there; `truth` is 0 or 1.
    """
    positive = truth == 1
    wins = np.empty(len(score))
    for own, other in ((positive, ~positive), (~positive, positive)):
        wins[own] = _share_below(score[own], score[other], weight[other])
    wins[~positive] = 1 - wins[~positive]
    value = float(np.average(wins[positive], weights=weight[positive]))
    share = np.where(positive, weight[positive].sum(), weight[~positive].sum()) / len(score)
    return value, weight * (wins - value) / share


def auc_interval(value: float, positives: float, negatives: float) -> Interval:
    """The interval of an AUC by inverting a score test (Newcombe 2006, Stat. Med. 25:559, method 5), which needs no spread to be seen.

    The variance of an AUC θ is Hanley & McNeil's (1982) for exponential scores with both class sizes replaced by their mean where
    they stand beside θ.
    """
    around = (positives + negatives) / 2 - 1

    def excess(theta: float, z: float) -> float:
        shape = 1 + around * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return (value - theta) ** 2 - z * z * theta * (1 - theta) * shape / (positives * negatives)

    def edges(level: float) -> tuple[float, float]:
        z = NormalDist().inv_cdf(0.5 + level / 2)
        lower = brentq(excess, 0.0, min(value, 1 - _END), args=(z,)) if value > _END else 0.0
        return float(lower), float(brentq(excess, max(value, _END), 1.0, args=(z,)) if value < 1 - _END else 1.0)

    return Interval(*edges(LEVEL), *edges(OUTER), "newcombe")


def _share_below(of: Floats, among: Floats, weight: Floats) -> Floats:
    """For each score the share of the weight `among` that lies below it, ties half."""
    order = np.argsort(among, kind="stable")
    ordered, reached = among[order], np.r_[0.0, np.cumsum(weight[order])]
    return np.asarray((reached[np.searchsorted(ordered, of, "left")] + reached[np.searchsorted(ordered, of, "right")]) / (2 * reached[-1]))


def average_precision_influence(truth: Floats, score: Floats, weight: Floats) -> tuple[float, Floats]:
    """Precision at each step weighted by the recall it adds, as scikit-learn defines it, and each row's effect on it.

    With A and B the weight of positives and of all rows down to a step, the value is the positives' mean of A/B. More weight on row j
    moves A and B at every step at or below j: the derivatives of the weighted formula, summed from below (infinitesimal jackknife;
    Efron 1982, §6). At least one positive; `truth` is 0 or 1.
    """
    order = np.argsort(-score, kind="stable")
    ordered, y, w = score[order], truth[order], weight[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])  # equal scores are one step
    step = np.repeat(np.arange(len(begins)), np.diff(np.r_[begins, len(ordered)]))
    positives = np.add.reduceat(w * y, begins)
    above, shown = np.cumsum(positives), np.cumsum(np.add.reduceat(w, begins))
    total = above[-1]
    with np.errstate(divide="ignore", invalid="ignore"):  # rows of weight zero at the top
        precision = np.where(shown > 0, above / shown, 0.0)
        by_positive = np.where(shown > 0, positives / shown, 0.0)
        by_any = np.where(shown > 0, positives * precision / shown, 0.0)
    value = float((precision * positives).sum() / total)
    below_positive, below_any = (np.cumsum(part[::-1])[::-1] for part in (by_positive, by_any))
    effect = (y * (precision[step] - value) + y * below_positive[step] - below_any[step]) * len(score) / total
    influence = np.empty(len(score))
    influence[order] = w * effect
    return value, influence
