"""Curves of a window's outcomes: confusion, ROC, precision-recall, calibration, thresholds; residuals and error by decile."""

from __future__ import annotations

__all__ = ["outcomes"]

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sklearn.metrics import precision_recall_curve, roc_curve

from monitoring.performance.decisions import confusion
from monitoring.performance.groups import Groups
from monitoring.performance.intervals import of_means, wilson
from monitoring.performance.outcomes import ClassOutcomes, RegressionOutcomes, binary_outcomes, multiclass_outcomes, regression_outcomes

from .distributions import OTHER
from .rows import Row, row

Floats = npt.NDArray[np.float64]

_POINTS = 100  # of a curve: more than a chart 600 px wide can show apart
_CUTS = np.round(np.linspace(0, 1, 41), 3)  # with four metrics 164 rows
_CLASSES = 14  # 14² = 196 cells; rarer classes are one
_CALIBRATION_BINS = 10
_RESIDUAL_BINS = 30


def outcomes(frame: pa.Table, *, task: str, positive_label: str | None = None, costs: Mapping[str, float] | None = None) -> list[Row]:
    """The curves that the task has, of the rows with labels; none where there are none. Ranking has no curves here.

    With `costs` (of one `false_positive` and one `false_negative`) the threshold table has what each cut would have cost.
    """
    if task == "regression":
        found = regression_outcomes(frame)
        return [*_residuals(found), *_error_by_decile(found)] if len(found.label) else []
    if task == "ranking":
        return []
    classes = binary_outcomes(frame, positive_label=positive_label) if task == "binary" else multiclass_outcomes(frame)
    rows = _confusion(classes) if len(classes.label) else []
    if not len(classes.scored_label) or ((classes.scores < 0) | (classes.scores > 1)).any():
        return rows
    if classes.positive is None:
        right = (classes.scores.argmax(axis=1) == classes.scored_label).astype(float)
        return rows + _calibration(classes.scores.max(axis=1), right)
    return rows + _of_scores(classes.scored_label.astype(float), classes.scores[:, 0], costs)


def _of_scores(truth: Floats, score: Floats, costs: Mapping[str, float] | None) -> list[Row]:
    rows = _calibration(score, truth) + _thresholds(truth, score, costs)
    if 0 < truth.sum() < len(truth):
        false_rate, true_rate, _ = roc_curve(truth, score)
        rows += _curve("roc", false_rate, true_rate, len(truth))
        precision, recall, _ = precision_recall_curve(truth, score)
        rows += _curve("precision_recall", recall[::-1], precision[::-1], len(truth))
    return rows


def _curve(kind: str, x: Floats, y: Floats, n: int) -> list[Row]:
    """At most a hundred points of a curve, even in its length, with both ends."""
    if len(x) > _POINTS:
        length = np.r_[0, np.cumsum(np.hypot(np.diff(x), np.diff(y)))]
        kept = np.unique(np.searchsorted(length, np.linspace(0, length[-1], _POINTS)).clip(0, len(x) - 1))
        x, y = x[kept], y[kept]
    return [row(kind, x=a, value=b, n=n) for a, b in zip(x, y, strict=True)]


def _calibration(score: Floats, outcome: Floats) -> list[Row]:
    """Per score bin: x is the mean score, value the observed rate, n the rows; empty bins are left out.

    Series `lower` and `upper` are the rate's 95 % interval (Wilson).
    """
    bins = np.minimum((score * _CALIBRATION_BINS).astype(int), _CALIBRATION_BINS - 1)
    rows = []
    for number in np.unique(bins):
        inside = bins == number
        x, n = score[inside].mean(), int(inside.sum())
        around = wilson(float(outcome[inside].sum()), n)
        for series, value in (("current", outcome[inside].mean()), ("lower", around.lower), ("upper", around.upper)):
            rows.append(row("calibration", series=series, x=x, value=value, n=n))
    return rows


def _thresholds(truth: Floats, score: Floats, costs: Mapping[str, float] | None) -> list[Row]:
    """What deciding "positive" at score ≥ x would have given: precision, recall, f1, the share of rows decided positive, cost per row."""
    n, actual = len(truth), truth.sum()
    rows = []
    for cut in _CUTS:
        decided = score >= cut
        yes, hits = int(decided.sum()), float(truth[decided].sum())
        said = {"positive_share": yes / n}
        if yes:
            said["precision"] = hits / yes
        if actual:
            said["recall"] = hits / actual
        if yes + actual:
            said["f1"] = 2 * hits / (yes + actual)
        if costs:
            said["cost"] = ((yes - hits) * costs["false_positive"] + (actual - hits) * costs["false_negative"]) / n
        rows += [row("threshold", x=cut, label=label, value=value, n=yes) for label, value in sorted(said.items())]
    return rows


def _confusion(found: ClassOutcomes) -> list[Row]:
    """Counts: series is the actual class, label the decided one; beyond fourteen classes the rarest are "(other)"."""
    cells, names = confusion(found), list(found.classes)
    if len(names) > _CLASSES:
        order = np.argsort(-(cells.sum(axis=0) + cells.sum(axis=1)), kind="stable")
        kept = np.sort(order[: _CLASSES - 1])
        place = np.full(len(names), len(kept))
        place[kept] = np.arange(len(kept))
        folded = np.zeros((len(kept) + 1, len(kept) + 1), np.int64)
        np.add.at(folded, (place[:, None], place[None, :]), cells)
        cells, names = folded, [*(names[i] for i in kept), OTHER]
    total = int(cells.sum())
    return [
        row("confusion", series=actual, label=decided, value=cells[i, j], n=total)
        for i, actual in enumerate(names)
        for j, decided in enumerate(names)
    ]


def _residuals(found: RegressionOutcomes) -> list[Row]:
    """Shares of prediction - label in thirty bins between the 0.5 % tails; what lies beyond counts in the outermost."""
    error = found.prediction - found.label
    low, high = np.quantile(error, [0.005, 0.995])
    if not high > low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _RESIDUAL_BINS + 1)
    counts = np.histogram(np.clip(error, low, high), edges)[0]
    return [row("residuals", x=edges[i], x_end=edges[i + 1], value=count / len(error), n=int(count)) for i, count in enumerate(counts)]


def _error_by_decile(found: RegressionOutcomes) -> list[Row]:
    """Mean absolute error per tenth of the rows by rising prediction: label is the tenth (1 to 10), x and x_end its least and greatest.

    Series `above` and `below` are what predictions above and below their label add to it; `lower` and `upper` its 95 % interval, made
    as that of all rows' is; a tenth of rows that err alike has none.

    By prediction and not by label, because that is what is known when the error matters, and sorting by label shows regression to
    the mean as if it were a fault of the model.
    """
    order = np.argsort(found.prediction, kind="stable")
    parts = np.array_split(order, min(10, len(order)))
    tenths = Groups(order, np.cumsum([0, *(len(part) for part in parts)]))
    prediction, error = found.prediction[order], (found.prediction - found.label)[order]
    around = of_means(np.abs(error), tenths, low=0.0).edges
    series = {"current": tenths.means(np.abs(error)), "above": tenths.means(error.clip(min=0)), "below": tenths.means((-error).clip(min=0)),
              "lower": around[0], "upper": around[1]}  # fmt: skip
    return [row("error_by_decile", series=name, x=prediction[first], x_end=prediction[last - 1], label=str(number + 1),
                value=values[number], n=last - first)
            for number, (first, last) in enumerate(zip(tenths.edges[:-1], tenths.edges[1:], strict=True))
            for name, values in series.items() if np.isfinite(values[number])]  # fmt: skip
