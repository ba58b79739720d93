"""Regression: errors of prediction - label, in the target's unit."""

from __future__ import annotations

__all__ = ["measure_regression"]

import numpy as np
from sklearn.metrics import median_absolute_error

from .found import MINIMUM_LABELLED, Measured, nothing, too_few
from .intervals import Floats, Resamples, draw, spread
from .outcomes import RegressionOutcomes

_METRICS = ("mae", "rmse", "mape", "r2", "mean_error", "median_absolute_error")


def measure_regression(outcomes: RegressionOutcomes) -> dict[tuple[str, str], Measured]:
    """mae, rmse, mape (in percent), r2, mean_error (prediction - label) and median_absolute_error, each with a bootstrap interval."""
    n = len(outcomes.label)
    if not n:
        return {(metric, ""): nothing("no row of the window has both a prediction and a label") for metric in _METRICS}
    resamples = draw(n)
    scarce = too_few(n, "labelled rows", MINIMUM_LABELLED)
    found: dict[tuple[str, str], Measured] = {}
    for metric in _METRICS:
        if reason := _undefined(metric, outcomes.label):
            found[metric, ""] = nothing(reason, rows=n)
            continue
        value = _value(metric, outcomes)
        low, high = {"r2": (-np.inf, 1.0), "mean_error": (-np.inf, np.inf)}.get(metric, (0.0, np.inf))
        interval = spread(value, _resampled(metric, outcomes, resamples), resamples, low=low, high=high)
        found[metric, ""] = Measured(value=value, interval=interval, n=n, rows=n, scarce=scarce)
    return found


def _undefined(metric: str, label: Floats) -> str | None:
    if metric == "mape" and (zeros := int((label == 0).sum())):
        return f"percentage errors are undefined for labels of zero, and {zeros} of {len(label)} labels are"
    if metric == "r2" and len(label) < 2:
        return "R² needs at least two labelled rows"
    if metric == "r2" and np.ptp(label) == 0:
        return "R² is undefined where all labels are equal"
    return None


def _value(metric: str, outcomes: RegressionOutcomes) -> float:
    if metric == "median_absolute_error":
        return float(median_absolute_error(outcomes.label, outcomes.prediction))
    ones = Resamples(np.arange(len(outcomes.label)), np.ones((1, len(outcomes.label))), 1.0)
    return float(_resampled(metric, outcomes, ones)[0])


def _resampled(metric: str, outcomes: RegressionOutcomes, resamples: Resamples) -> Floats:
    """The metric on each draw."""
    label, counts = outcomes.label[resamples.rows], resamples.counts
    error = outcomes.prediction[resamples.rows] - label
    total = counts.sum(axis=1)
    if metric == "median_absolute_error":
        return _medians(np.abs(error), counts)
    if metric == "rmse":
        return np.asarray(np.sqrt(counts @ error**2 / total))
    if metric == "r2":
        mean = counts @ label / total
        around = counts @ label**2 - total * mean**2
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(1 - counts @ error**2 / around)
    per_row = {"mae": np.abs(error), "mean_error": error}.get(metric)
    if per_row is None:
        per_row = 100 * np.abs(error) / np.abs(label)
    return np.asarray(counts @ per_row / total)


def _medians(values: Floats, counts: Floats) -> Floats:
    """The lower median of each draw: the first value at which half of the draw's rows are reached."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(counts[:, order], axis=1)
    at = (reached >= reached[:, -1:] / 2).argmax(axis=1)
    return np.asarray(values[order][at])
