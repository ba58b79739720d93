"""Classification by scores: ranking (ROC AUC, average precision) and probability (log loss, Brier, calibration)."""

from __future__ import annotations

__all__ = ["SCORE_METRICS", "calibration_error", "confidence", "measure_scores"]

from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr
from sklearn.metrics import average_precision_score, roc_auc_score

from .found import MINIMUM_LABELLED, MINIMUM_OF_CLASS, Measured, nothing, too_few
from .intervals import Floats, Interval, of_influence, of_mean, of_normal, rows_worth, wilson
from .outcomes import ClassOutcomes
from .ranked import auc_influence, auc_interval, average_precision_influence

SCORE_METRICS = ("roc_auc", "average_precision", "log_loss", "brier", "expected_calibration_error")
_BINS = 10  # equal-width; Naeini, Cooper & Hauskrecht 2015 and Guo et al. 2017 use the same
_FEW = 50  # of the rarer class: below, the spread that is seen is too small too often (measured: 79 % for 95 % with ten positives)
_TINY = float(np.finfo(float).eps)  # scores of 0 and 1 are moved by this much before the logarithm, as scikit-learn does


def measure_scores(outcomes: ClassOutcomes, *, only: frozenset[str] | None = None) -> dict[str, Measured]:
    """The score metrics of a window; `average_precision` for binary models only."""
    metrics = [m for m in SCORE_METRICS if (only is None or m in only) and (m != "average_precision" or outcomes.positive is not None)]
    if not len(outcomes.scored_label):
        return dict.fromkeys(metrics, nothing("no row of the window has both a score and a label"))
    return {metric: _measure(metric, outcomes) for metric in metrics}


def _measure(metric: str, outcomes: ClassOutcomes) -> Measured:
    n = len(outcomes.scored_label)
    if metric in {"roc_auc", "average_precision"}:
        if reason := _one_sided(outcomes, metric):
            return nothing(reason, rows=n)
        value, interval = _ranked(metric, outcomes)
    elif outside := int(((outcomes.scores < 0) | (outcomes.scores > 1)).any(axis=1).sum()):
        return nothing(f"{outside} of {n} rows have a score outside 0 to 1, which is no probability", rows=n)
    elif metric == "expected_calibration_error":
        value, interval = _calibration(outcomes)
    else:
        per_row = (_log_losses if metric == "log_loss" else _brier_scores)(outcomes)
        high = np.inf if metric == "log_loss" else 1.0 if outcomes.positive is not None else 2.0
        value = float(np.average(per_row, weights=outcomes.scored_weight))
        interval = of_mean(per_row, outcomes.scored_weight, low=0.0, high=high)
    weighted = outcomes.scored_weight is not None
    return Measured(value=value, interval=interval, n=n, rows=n, scarce=_scarce(outcomes), weighted=weighted)


def _calibration(outcomes: ClassOutcomes) -> tuple[float, Interval | None]:
    """The expected calibration error and the interval of what windows of this size show (docs/intervals.md says why of this size).

    It is a sum of sizes of normal variables, one per bin: each has a folded normal distribution (Leone, Nelson & Nottingham 1961).
    """
    score, right = confidence(outcomes)
    n = len(score)
    weight = np.ones(n) if outcomes.scored_weight is None else outcomes.scored_weight
    value = float(calibration_error(score, right, weight[None])[0])
    bins, gaps = _bins(score), weight * (score - right) / n
    mean, squares = (np.bincount(bins, weights=part, minlength=_BINS) for part in (gaps, gaps**2))
    variance = np.maximum(squares - mean**2 / n, 0)
    spread = sqrt(float(_folded_variance(np.sqrt(np.maximum(mean**2 - variance, 0)), variance).sum()))
    interval = of_normal(value, spread, "folded_normal")
    return value, interval.cut(0.0, 1.0) if interval else None


def _folded_variance(mean: Floats, variance: Floats) -> Floats:
    """The variance of |X| for normal X; 0 where `variance` is."""
    spread = np.sqrt(variance)
    over = np.divide(mean, spread, out=np.zeros_like(mean), where=spread > 0)
    size = spread * np.sqrt(2 / np.pi) * np.exp(-(over**2) / 2) + mean * (1 - 2 * ndtr(-over))
    return np.where(spread > 0, np.maximum(mean**2 + variance - size**2, 0), 0.0)


def _bins(score: Floats) -> npt.NDArray[np.int64]:
    return np.minimum((score * _BINS).astype(np.int64), _BINS - 1)


def calibration_error(score: Floats, outcome: Floats, counts: Floats) -> Floats:
    """Expected calibration error of each draw: |mean score - observed rate| per score bin, weighted by rows (Naeini et al. 2015)."""
    gaps = np.eye(_BINS)[_bins(score)] * (score - outcome)[:, None]
    return np.asarray(np.abs(counts @ gaps).sum(axis=1) / counts.sum(axis=1))


def _one_sided(outcomes: ClassOutcomes, metric: str) -> str | None:
    name = "ROC AUC" if metric == "roc_auc" else "average precision"
    classes = 2 if outcomes.positive is not None else len(outcomes.scored_classes)
    there = np.bincount(outcomes.scored_label, minlength=classes)
    if outcomes.positive is not None:
        what = outcomes.scored_classes[0]
        if not there[1]:
            return f'{name} needs both classes, and no label of the window is "{what}"'
        return None if there[0] else f'{name} needs both classes, and every label of the window is "{what}"'
    missing = [outcomes.scored_classes[code] for code in np.flatnonzero(there == 0)]
    return f'{name} needs every class among the labels, and "{missing[0]}" is not' if missing else None


def _scarce(outcomes: ClassOutcomes) -> str | None:
    n = len(outcomes.scored_label)
    few = too_few(n, "labelled rows", MINIMUM_LABELLED)
    if few is not None:
        return few
    there = np.bincount(outcomes.scored_label, minlength=2 if outcomes.positive is not None else len(outcomes.scored_classes))
    return too_few(int(there.min()), "labels of the rarer class" if len(there) == 2 else "labels of the rarest class", MINIMUM_OF_CLASS)


def _ranked(metric: str, outcomes: ClassOutcomes) -> tuple[float, Interval | None]:
    """ROC AUC (multiclass: the mean of one class against the rest) or average precision, and its interval.

    On the logit's scale, so that it stays within 0 and 1 and is short on their side; the AUC of few rows has Newcombe's instead. Where
    all rows agree (a perfect order) no spread is to be seen; Wilson's interval with the rarer class's rows stands in, because the
    variance of an AUC of a given value is at most that of such a share (Birnbaum & Klose 1957).
    """
    truths, scores = _one_against_rest(outcomes)
    weight = np.ones(len(scores)) if outcomes.scored_weight is None else outcomes.scored_weight
    of_class = auc_influence if metric == "roc_auc" else average_precision_influence
    each = [of_class(truths[:, j], scores[:, j], weight) for j in range(truths.shape[1])]
    value = (roc_auc_score if metric == "roc_auc" else average_precision_score)(
        truths, scores, average="macro", sample_weight=outcomes.scored_weight)
    ones = truths.sum(axis=0)
    rarest = float(np.minimum(ones, len(truths) - ones).min())
    if metric == "roc_auc" and outcomes.positive is not None and rarest < _FEW:
        worth = rows_worth(outcomes.scored_weight, len(truths)) / len(truths)
        return float(value), auc_interval(float(value), float(ones[0]) * worth, float(len(truths) - ones[0]) * worth)
    interval = of_influence(float(value), np.mean([influence for _, influence in each], axis=0), scale="logit")
    return float(value), interval or wilson(float(value) * rarest, rarest)


def _one_against_rest(outcomes: ClassOutcomes) -> tuple[Floats, Floats]:
    if outcomes.positive is not None:
        return outcomes.scored_label[:, None].astype(float), outcomes.scores
    return np.eye(len(outcomes.scored_classes))[outcomes.scored_label], outcomes.scores


def _of_truth(outcomes: ClassOutcomes) -> Floats:
    """The probability that was given to what came true."""
    if outcomes.positive is not None:
        return np.where(outcomes.scored_label == 1, outcomes.scores[:, 0], 1 - outcomes.scores[:, 0])
    return np.asarray(outcomes.scores[np.arange(len(outcomes.scores)), outcomes.scored_label])


def _log_losses(outcomes: ClassOutcomes) -> Floats:
    return np.asarray(-np.log(np.clip(_of_truth(outcomes), _TINY, 1 - _TINY)))


def _brier_scores(outcomes: ClassOutcomes) -> Floats:
    """Binary: (score - outcome)², 0 to 1; multiclass: its sum over classes, 0 to 2 (Brier 1950)."""
    truths, scores = _one_against_rest(outcomes)
    return np.asarray(((scores - truths) ** 2).sum(axis=1))


def confidence(outcomes: ClassOutcomes) -> tuple[Floats, Floats]:
    """Binary: score and outcome of the positive class; multiclass: the highest score and whether that class came true (Guo et al. 2017)."""
    if outcomes.positive is not None:
        return outcomes.scores[:, 0], outcomes.scored_label.astype(float)
    top = outcomes.scores.argmax(axis=1)
    return outcomes.scores.max(axis=1), (top == outcomes.scored_label).astype(float)
