"""Regression: errors of prediction - label, in the target's unit; and the same by their sign."""

from __future__ import annotations

__all__ = ["measure_regression"]

from math import exp, sqrt

import numpy as np
from sklearn.metrics import median_absolute_error

from .found import MINIMUM_LABELLED, Measured, nothing, too_few
from .intervals import Floats, Interval, of_jackknife, of_mean, of_quantile, rows_worth, wilson
from .outcomes import RegressionOutcomes

_METRICS = ("mae", "rmse", "mape", "r2", "mean_error", "median_absolute_error")
_BY_SIGN = ("overprediction_share", "overprediction_error", "underprediction_error")


def measure_regression(outcomes: RegressionOutcomes) -> dict[tuple[str, str], Measured]:
    """mae, rmse, mape (in percent), r2, mean_error (prediction - label), median_absolute_error, and errors by sign, with intervals."""
    n = len(outcomes.label)
    if not n:
        return {(metric, ""): nothing("no row of the window has both a prediction and a label") for metric in (*_METRICS, *_BY_SIGN)}
    scarce = too_few(n, "labelled rows", MINIMUM_LABELLED)
    weighted = outcomes.weight is not None
    found: dict[tuple[str, str], Measured] = {}
    for metric in _METRICS:
        if reason := _undefined(metric, outcomes.label):
            found[metric, ""] = nothing(reason, rows=n)
            continue
        value, interval = _measured(metric, outcomes)
        found[metric, ""] = Measured(value=value, interval=interval, n=n, rows=n, scarce=scarce, weighted=weighted)
    return found | _by_sign(outcomes, scarce)


def _undefined(metric: str, label: Floats) -> str | None:
    if metric == "mape" and (zeros := int((label == 0).sum())):
        return f"percentage errors are undefined for labels of zero, and {zeros} of {len(label)} labels are"
    if metric == "r2" and len(label) < 2:
        return "R² needs at least two labelled rows"
    if metric == "r2" and np.ptp(label) == 0:
        return "R² is undefined where all labels are equal"
    return None


def _measured(metric: str, outcomes: RegressionOutcomes) -> tuple[float, Interval | None]:
    label, weight = outcomes.label, outcomes.weight
    error = outcomes.prediction - label
    if metric == "r2":
        return _explained(label, error, weight)
    if metric == "median_absolute_error":
        value = float(median_absolute_error(label, outcomes.prediction, sample_weight=weight))
        return value, of_quantile(np.abs(error), 0.5, weight)
    if metric == "rmse":
        squared = of_mean(error**2, weight, low=0.0)
        return sqrt(float(np.average(error**2, weights=weight))), squared.mapped(sqrt) if squared else None
    per_row = {"mae": np.abs(error), "mean_error": error}.get(metric)
    if per_row is None:
        per_row = 100 * np.abs(error) / np.abs(label)
    return float(np.average(per_row, weights=weight)), of_mean(per_row, weight, low=-np.inf if metric == "mean_error" else 0.0)


def _explained(label: Floats, error: Floats, weight: Floats | None) -> tuple[float, Interval | None]:
    """R², and the interval of 1 - R², a ratio of two sums of squares, by the jackknife on the scale of its logarithm."""
    w = np.ones(len(label)) if weight is None else weight
    around = label - np.average(label, weights=w)  # about the mean, so that the differences below keep their digits
    squares, first, second, total = w * error**2, w * around, w * around**2, w.sum()
    left = float(squares.sum() / second.sum())
    rest = total - w
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (first.sum() - first) / rest
        without = np.log((squares.sum() - squares) / (second.sum() - second - rest * mean**2))
        return 1 - left, of_jackknife(float(np.log(left)), without, lambda logarithm: 1 - exp(logarithm))


def _by_sign(outcomes: RegressionOutcomes, scarce: str | None) -> dict[tuple[str, str], Measured]:
    """How often the model predicts too much, and by how much it is off where it predicts too much, and too little."""
    error, n = outcomes.prediction - outcomes.label, len(outcomes.label)
    weight = np.ones(n) if outcomes.weight is None else outcomes.weight
    weighted = outcomes.weight is not None
    over, worth = error > 0, rows_worth(outcomes.weight, n)
    share = float(np.average(over, weights=weight))
    found = {("overprediction_share", ""): Measured(value=share, interval=wilson(share * worth, worth), n=n, rows=n, scarce=scarce,
                                                    weighted=weighted)}  # fmt: skip
    for metric, side, word in (("overprediction_error", over, "above"), ("underprediction_error", error < 0, "below")):
        there = int(side.sum())
        if not there:
            found[metric, ""] = nothing(f"no prediction of the window lies {word} its label", rows=n)
            continue
        size, own = np.abs(error[side]), weight[side]
        found[metric, ""] = Measured(
            value=float(np.average(size, weights=own)), interval=of_mean(size, own, low=0.0), n=there, rows=n, weighted=weighted,
            scarce=scarce or too_few(there, f"predictions {word} their label", MINIMUM_LABELLED))  # fmt: skip
    return found
