"""Metrics of weighted rows: what a metric would be if some kinds of rows were more frequent, or rarer, than they are.

Many weightings of the same rows at once: whatever does not depend on the weights – cells, losses, orders – is found once.
"""

from __future__ import annotations

__all__ = ["Weighing", "complete", "weighted"]

from collections.abc import Callable, Mapping
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.metrics import median_absolute_error

from .groups import Codes
from .intervals import Floats
from .outcomes import ClassOutcomes, RegressionOutcomes, binary_outcomes, multiclass_outcomes, regression_outcomes
from .outcomes import weights as row_weights
from .scores import brier_scores, calibration_error, confidence, log_losses, one_against_rest

_SAME = 1e-12  # of the squares: a spread below it is rounding, and all labels are equal


def complete(frame: pa.Table) -> pa.Table:
    """The rows (of `Store.frame`'s shape) that have a label and everything that the model gave, as far as it gives it at all."""
    gave = [name for name in frame.column_names if name in ("@prediction", "@score") or name.startswith("@score:")]
    needed = ["@label", *(name for name in gave if frame[name].null_count < frame.num_rows)]
    valid = [pc.is_valid(frame[name]) for name in needed]
    finite = [pc.fill_null(pc.is_finite(frame[name]), False) for name in needed if pa.types.is_floating(frame[name].type)]
    return frame.filter(reduce(pc.and_, valid + finite))


def weighted(metric: str, frame: pa.Table, weights: Floats, *, task: str, positive_label: str | None) -> Floats | None:
    """The overall value of a metric under each row of `weights` (one column per row of `frame`, which is `complete`).

    With weights of 1 it is the value of `measure`. NaN where it is undefined; None for a metric or task that has no weighted form.
    """
    return Weighing(frame, task=task, positive_label=positive_label).of(metric, weights)


class Weighing:
    """`weighted` of several metrics of the same rows."""

    def __init__(self, frame: pa.Table, *, task: str, positive_label: str | None) -> None:
        self._own = row_weights(frame)  # what a row already stands for
        self._rows, self._task = frame.num_rows, task
        self._classes: ClassOutcomes | None = None
        self._errors: RegressionOutcomes | None = None
        if task == "regression":
            self._errors = regression_outcomes(frame)
        elif task in ("binary", "multiclass"):
            self._classes = binary_outcomes(frame, positive_label=positive_label) if task == "binary" else multiclass_outcomes(frame)

    def of(self, metric: str, weights: Floats) -> Floats | None:
        """See `weighted`."""
        measure = self._measuring(metric)
        if measure is None:
            return None
        weights = weights if self._own is None else weights * self._own
        some = weights.sum(axis=1) > 0
        found = np.full(len(weights), np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):  # where it is undefined
            found[some] = measure(weights[some])
        return found

    def _measuring(self, metric: str) -> Callable[[Floats], Floats] | None:
        errors, classes = self._errors, self._classes
        if errors is not None:
            of_errors = _OF_ERRORS.get(metric)
            return (lambda w: of_errors(errors, w)) if of_errors and len(errors.label) == self._rows else None
        if classes is None:
            return None
        if metric in _OF_DECISIONS and len(classes.label) == self._rows:
            return lambda w: _of_decisions(metric, classes, w)
        if metric in _RANKED and len(classes.scored_label) == self._rows:
            truths, scores = one_against_rest(classes)
            return lambda w: np.mean([_RANKED[metric](truths[:, j], scores[:, j], w) for j in range(truths.shape[1])], axis=0)
        if metric not in _OF_SCORES or len(classes.scored_label) != self._rows:
            return None
        if metric == "expected_calibration_error":
            return lambda w: calibration_error(*confidence(classes), w)
        return lambda w: _mean(_OF_SCORES[metric](classes), w)


def _mean(values: Floats, weights: Floats) -> Floats:
    total: Floats = weights.sum(axis=1)
    return np.asarray((weights @ values) / total)


_OF_DECISIONS = frozenset({"accuracy", "precision", "recall", "f1"})
_OF_SCORES: Mapping[str, Callable[[ClassOutcomes], Floats]] = {
    "log_loss": log_losses, "brier": brier_scores, "expected_calibration_error": lambda _: np.empty(0),
}  # fmt: skip


def _of_decisions(metric: str, outcomes: ClassOutcomes, weights: Floats) -> Floats:
    """NaN without a row of the positive class; multiclass: the mean over classes that occur.

    From the margins and the diagonal of the confusion matrix of each weighting: the whole has a cell per pair of classes.
    """
    label, decision = outcomes.label, outcomes.decision
    right = label == decision
    hits, decided, actual = (_per_class(codes, w, len(outcomes.classes)) for codes, w in
                             ((label[right], weights[:, right]), (decision, weights), (label, weights)))  # fmt: skip
    if metric == "accuracy":
        return np.asarray(hits.sum(axis=1) / actual.sum(axis=1))
    top, under = {"precision": (hits, decided), "recall": (hits, actual), "f1": (2 * hits, decided + actual)}[metric]
    each = np.where(under > 0, top / under, 0.0)
    if outcomes.positive is not None:
        there = actual[:, outcomes.positive] + (decided[:, outcomes.positive] if metric != "recall" else 0) > 0
        return np.where(there, each[:, outcomes.positive], np.nan)
    there = decided + actual > 0
    return np.asarray((each * there).sum(axis=1) / there.sum(axis=1))


def _per_class(codes: Codes, weights: Floats, many: int) -> Floats:
    """The weight of each class under each weighting."""
    return np.array([np.bincount(codes, weights=one, minlength=many) for one in weights]).reshape(len(weights), many)


def _area(truth: Floats, score: Floats, weights: Floats) -> Floats:
    """ROC AUC under each weighting; NaN where a class has no weight."""
    order = np.argsort(score, kind="stable")
    y, w, ends = truth[order], weights[:, order], _ends(score[order])
    ones, zeros = w * y, w * (1 - y)
    below = np.cumsum(zeros, axis=1)[:, ends]
    of_step, through = np.diff(np.cumsum(ones, axis=1)[:, ends], axis=1, prepend=0.0), np.diff(below, axis=1, prepend=0.0)
    return np.asarray((of_step * (below - through / 2)).sum(axis=1) / (ones.sum(axis=1) * zeros.sum(axis=1)))


def _average_precision(truth: Floats, score: Floats, weights: Floats) -> Floats:
    """Average precision under each weighting; NaN where a class has no weight."""
    order = np.argsort(-score, kind="stable")
    y, w, ends = truth[order], weights[:, order], _ends(score[order])
    above, shown = np.cumsum(w * y, axis=1)[:, ends], np.cumsum(w, axis=1)[:, ends]
    precision = np.where(shown > 0, above / shown, 0.0)
    value = (np.diff(above, axis=1, prepend=0.0) * precision).sum(axis=1) / above[:, -1]
    return np.where(shown[:, -1] > above[:, -1], value, np.nan)


_RANKED: Mapping[str, Callable[[Floats, Floats, Floats], Floats]] = {"roc_auc": _area, "average_precision": _average_precision}


def _ends(ordered: Floats) -> Codes:
    """The last place of each run of equal values."""
    return np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True])


def _r2(o: RegressionOutcomes, w: Floats) -> Floats:
    around = o.label - o.label.mean()  # of any number near it, so that the squares keep their digits
    squares = w @ around**2
    spread = squares - (w @ around) ** 2 / w.sum(axis=1)
    return np.where(spread > _SAME * squares, 1 - w @ (o.label - o.prediction) ** 2 / spread, np.nan)


_OF_ERRORS: Mapping[str, Callable[[RegressionOutcomes, Floats], Floats]] = {
    "mae": lambda o, w: _mean(np.abs(o.prediction - o.label), w),
    "rmse": lambda o, w: np.sqrt(_mean((o.prediction - o.label) ** 2, w)),
    "mape": lambda o, w: _mean(100 * np.abs(o.prediction - o.label) / np.maximum(np.abs(o.label), np.finfo(float).eps), w),
    "r2": _r2,
    "mean_error": lambda o, w: _mean(o.prediction - o.label, w),
    "median_absolute_error": lambda o, w: np.array([float(median_absolute_error(o.label, o.prediction, sample_weight=one)) for one in w]),
}
