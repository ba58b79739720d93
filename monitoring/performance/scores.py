"""Classification by scores: ranking (ROC AUC, average precision) and probability (log loss, Brier, calibration)."""

from __future__ import annotations

__all__ = ["SCORE_METRICS", "calibration_error", "confidence", "measure_scores"]

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, roc_auc_score

from .found import MINIMUM_LABELLED, MINIMUM_OF_CLASS, Measured, nothing, too_few
from .intervals import Floats, Interval, Resamples, draw, spread
from .outcomes import ClassOutcomes

SCORE_METRICS = ("roc_auc", "average_precision", "log_loss", "brier", "expected_calibration_error")
_BINS = 10  # equal-width; Naeini, Cooper & Hauskrecht 2015 and Guo et al. 2017 use the same
_TINY = float(np.finfo(float).eps)  # scores of 0 and 1 are moved by this much before the logarithm, as scikit-learn does
_MOST_CLASSES = 20  # with more the resampled multiclass AUC is skipped: it is one sort per class and draw
Truth = npt.NDArray[np.intp]


def measure_scores(outcomes: ClassOutcomes, *, only: frozenset[str] | None = None) -> dict[str, Measured]:
    """The score metrics of a window; `average_precision` for binary models only."""
    metrics = [m for m in SCORE_METRICS if (only is None or m in only) and (m != "average_precision" or outcomes.positive is not None)]
    n = len(outcomes.scored_label)
    if not n:
        return dict.fromkeys(metrics, nothing("no row of the window has both a score and a label"))
    resamples = draw(n)
    return {metric: _measure(metric, outcomes, resamples) for metric in metrics}


def _measure(metric: str, outcomes: ClassOutcomes, resamples: Resamples) -> Measured:
    n = len(outcomes.scored_label)
    binary = outcomes.positive is not None
    if metric in {"roc_auc", "average_precision"}:
        if reason := _one_sided(outcomes, metric):
            return nothing(reason, rows=n)
        value, drawn = _ranked(metric, outcomes, resamples)
        return Measured(value=value, interval=drawn, n=n, rows=n, scarce=_scarce(outcomes))
    if outside := int(((outcomes.scores < 0) | (outcomes.scores > 1)).any(axis=1).sum()):
        return nothing(f"{outside} of {n} rows have a score outside 0 to 1, which is no probability", rows=n)
    if metric == "expected_calibration_error":
        score, right = confidence(outcomes)
        value = float(calibration_error(score, right, np.ones((1, n)))[0])
        drawn_errors = calibration_error(score[resamples.rows], right[resamples.rows], resamples.counts)
        interval = spread(value, drawn_errors, resamples, low=0.0, high=1.0)
    else:
        per_row = (_log_losses if metric == "log_loss" else _brier_scores)(outcomes)
        value = float(per_row.mean())
        high = np.inf if metric == "log_loss" else 1.0 if binary else 2.0
        interval = spread(value, resamples.counts @ per_row[resamples.rows] / resamples.counts.sum(axis=1), resamples, low=0.0, high=high)
    return Measured(value=value, interval=interval, n=n, rows=n, scarce=_scarce(outcomes))


def calibration_error(score: Floats, outcome: Floats, counts: Floats) -> Floats:
    """Expected calibration error of each draw: |mean score - observed rate| per score bin, weighted by rows (Naeini et al. 2015)."""
    bins = np.minimum((score * _BINS).astype(int), _BINS - 1)
    gaps = np.eye(_BINS)[bins] * (score - outcome)[:, None]
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
    if few is not None or outcomes.positive is None:
        return few
    positives = int(outcomes.scored_label.sum())
    return too_few(min(positives, n - positives), "labels of the rarer class", MINIMUM_OF_CLASS)


def _ranked(metric: str, outcomes: ClassOutcomes, resamples: Resamples) -> tuple[float, Interval | None]:
    """ROC AUC (multiclass: the mean of one class against the rest) or average precision, and its interval."""
    truths, scores = _one_against_rest(outcomes)
    value = (roc_auc_score if metric == "roc_auc" else average_precision_score)(truths, scores, average="macro")
    if truths.shape[1] > _MOST_CLASSES:
        return float(value), None
    of_draws: Callable[[Floats, Floats], Floats] = _auc if metric == "roc_auc" else _average_precision
    rows = resamples.rows
    drawn = [of_draws(*_steps(truths[rows, j], scores[rows, j], resamples.counts)) for j in range(truths.shape[1])]
    return float(value), spread(float(value), np.mean(drawn, axis=0), resamples, low=0.0, high=1.0)


def _one_against_rest(outcomes: ClassOutcomes) -> tuple[Floats, Floats]:
    if outcomes.positive is not None:
        return outcomes.scored_label[:, None].astype(float), outcomes.scores
    return np.eye(len(outcomes.scored_classes))[outcomes.scored_label], outcomes.scores


def _steps(truth: Floats, score: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Positives and negatives of each draw at each distinct score, from the highest down; equal scores are one step."""
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    weights = counts[:, order]
    positives = np.add.reduceat(weights * truth[order], begins, axis=1)
    return positives, np.add.reduceat(weights, begins, axis=1) - positives


def _auc(positives: Floats, negatives: Floats) -> Floats:
    """Share of (positive, negative) pairs in the right order, ties half (Mann & Whitney 1947); NaN for a draw with one class."""
    below = negatives.sum(axis=1, keepdims=True) - np.cumsum(negatives, axis=1) + negatives / 2
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    return np.asarray(np.divide((positives * below).sum(axis=1), pairs, out=np.full(len(pairs), np.nan), where=pairs > 0))


def _average_precision(positives: Floats, negatives: Floats) -> Floats:
    """Precision at each step weighted by the recall it adds, as scikit-learn defines it."""
    found = np.cumsum(positives, axis=1)
    shown = found + np.cumsum(negatives, axis=1)
    precision = np.divide(found, shown, out=np.zeros_like(found), where=shown > 0)
    total = positives.sum(axis=1)
    return np.asarray(np.divide((precision * positives).sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0))


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
