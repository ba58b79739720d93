"""Metrics of weighted rows: what a metric would be if some kinds of rows were more frequent, or rarer, than they are."""

from __future__ import annotations

__all__ = ["complete", "weighted"]

from collections.abc import Callable, Mapping
from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn import metrics as of_sklearn

from .intervals import Floats
from .outcomes import ClassOutcomes, RegressionOutcomes, binary_outcomes, multiclass_outcomes, regression_outcomes
from .outcomes import weights as row_weights
from .scores import calibration_error, confidence

_TINY = float(np.finfo(float).eps)  # scores of 0 and 1 are moved by this much before the logarithm, as scikit-learn does


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
    of, own = _measuring(metric, frame, task, positive_label), row_weights(frame)
    if of is None:
        return None
    weights = weights if own is None else weights * own  # what a row already stands for
    return np.array([of(weight) if weight.sum() > 0 else np.nan for weight in weights])


def _measuring(metric: str, frame: pa.Table, task: str, positive_label: str | None) -> Callable[[Floats], float] | None:
    if task == "regression" and metric in _OF_ERRORS:
        errors = regression_outcomes(frame)
        return (lambda weight: _OF_ERRORS[metric](errors, weight)) if len(errors.label) == frame.num_rows else None
    if task not in ("binary", "multiclass"):
        return None
    outcomes = binary_outcomes(frame, positive_label=positive_label) if task == "binary" else multiclass_outcomes(frame)
    if metric in _OF_DECISIONS and len(outcomes.label) == frame.num_rows:
        return lambda weight: _of_decisions(metric, outcomes, weight)
    if metric in _OF_SCORES and len(outcomes.scored_label) == frame.num_rows:
        return lambda weight: _of_scores(metric, outcomes, weight)
    return None


_OF_DECISIONS = frozenset({"accuracy", "precision", "recall", "f1"})
_OF_SCORES = frozenset({"roc_auc", "average_precision", "log_loss", "brier", "expected_calibration_error"})
_OF_ERRORS: Mapping[str, Callable[[RegressionOutcomes, Floats], float]] = {
    "mae": lambda o, w: float(of_sklearn.mean_absolute_error(o.label, o.prediction, sample_weight=w)),
    "rmse": lambda o, w: float(of_sklearn.root_mean_squared_error(o.label, o.prediction, sample_weight=w)),
    "mape": lambda o, w: 100 * float(of_sklearn.mean_absolute_percentage_error(o.label, o.prediction, sample_weight=w)),
    "r2": lambda o, w: float(of_sklearn.r2_score(o.label, o.prediction, sample_weight=w)),
    "mean_error": lambda o, w: float(np.average(o.prediction - o.label, weights=w)),
    "median_absolute_error": lambda o, w: float(of_sklearn.median_absolute_error(o.label, o.prediction, sample_weight=w)),
}


def _of_decisions(metric: str, outcomes: ClassOutcomes, weight: Floats) -> float:
    if metric == "accuracy":
        return float(np.average(outcomes.label == outcomes.decision, weights=weight))
    there, codes = weight > 0, None
    if outcomes.positive is not None:
        codes = [outcomes.positive]
        if not np.any((outcomes.label[there] == codes[0]) | ((outcomes.decision[there] == codes[0]) & (metric != "recall"))):
            return float("nan")
    of = {"precision": of_sklearn.precision_score, "recall": of_sklearn.recall_score, "f1": of_sklearn.f1_score}[metric]
    return float(of(outcomes.label[there], outcomes.decision[there], sample_weight=weight[there], labels=codes, average="macro",
                    zero_division=0))  # fmt: skip


def _of_scores(metric: str, outcomes: ClassOutcomes, weight: Floats) -> float:
    if metric == "expected_calibration_error":
        return float(calibration_error(*confidence(outcomes), weight[None])[0])
    truths = (outcomes.scored_label[:, None].astype(float) if outcomes.positive is not None
              else np.eye(len(outcomes.scored_classes))[outcomes.scored_label])  # fmt: skip
    if metric == "brier":
        return float(np.average(((outcomes.scores - truths) ** 2).sum(axis=1), weights=weight))
    if metric == "log_loss":
        given = np.where(truths == 1, outcomes.scores, 1 - outcomes.scores)
        given = given[:, 0] if outcomes.positive is not None else (given * truths).sum(axis=1)
        return float(np.average(-np.log(np.clip(given, _TINY, 1 - _TINY)), weights=weight))
    there = weight > 0
    if np.any(np.ptp(truths[there], axis=0) == 0):
        return float("nan")
    of = of_sklearn.roc_auc_score if metric == "roc_auc" else of_sklearn.average_precision_score
    return float(of(truths[there], outcomes.scores[there], sample_weight=weight[there], average="macro"))
