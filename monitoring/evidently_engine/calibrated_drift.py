"""`CalibratedDrift`: a metric of Evidently's that shows a score, our verdict on it and the true distributions, without any row.

Evidently's own `ValueDrift` computes the score from the rows, draws the rows over their index, and judges by a threshold alone. Here score,
verdict and bars are known beforehand; they come in through `Report.run(additional_data=…)`, and Evidently makes its result, test, page
and snapshot of them. A snapshot names nothing that only this house knows, so that any Evidently 0.7.23 loads it.
"""

from __future__ import annotations

__all__ = ["SAID", "CalibratedDrift", "Shown", "data_of"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from evidently import DataDefinition, Dataset
from evidently.core.metric_types import ColumnMetric, MetricTestResult, SingleValue, SingleValueCalculation, SingleValueMetric
from evidently.core.report import Context
from evidently.legacy.model.widget import BaseWidgetInfo
from evidently.legacy.options import ColorOptions
from evidently.legacy.renderers.html_widgets import CounterData, WidgetSize, WidgetType, counter
from evidently.legacy.tests.base_test import TestStatus

from monitoring.drift import method_label
from monitoring.engine_jobs import Picture

_SCORES, _BARS = "scores", "bars"  # the additional datasets: one row per column, and one per column and bar
SAID = {"drift": "detected", "ok": "not detected", "warn": "possible", "insufficient_data": "not judged: too few data"}
_SAMPLES = ("current", "reference")
_COLOURS = (ColorOptions().get_current_data_color(), ColorOptions().get_reference_data_color())
_BAR = ["column", "label", "low", "high", *_SAMPLES]
# Evidently's ERROR is "cannot calculate the test result, no data"; passing would say that nothing changed.
_TEST = {"drift": TestStatus.FAIL, "warn": TestStatus.WARNING, "ok": TestStatus.SUCCESS, "insufficient_data": TestStatus.ERROR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One column of the page, under its token: `value` is the score, `status` our verdict; `picture` where there is one to draw."""

    column: str
    method: str
    value: float
    status: str
    threshold: float | None
    p_value: float | None
    effect: float | None
    minimum_effect: float | None
    n: int
    n_reference: int
    picture: Picture | None
    reason: str = ""

    def metric(self) -> CalibratedDrift:
        """What Evidently is asked for."""
        return CalibratedDrift(**{name: getattr(self, name) for name in self.__slots__ if name not in ("value", "picture", "reason")})


class CalibratedDrift(ColumnMetric, SingleValueMetric):  # type: ignore[misc]  # Evidently is not typed
    """The drift of one column by a named method, and the verdict on it; the metric's parameters stand in Evidently's JSON as `config`."""

    method: str
    status: str
    threshold: float | None = None
    p_value: float | None = None
    effect: float | None = None
    minimum_effect: float | None = None
    n: int = 0
    n_reference: int = 0


class _Calculation(SingleValueCalculation[CalibratedDrift]):  # type: ignore[misc]  # Evidently is not typed
    def calculate(self, context: Context, current_data: Dataset, reference_data: Dataset | None) -> SingleValue:  # noqa: ARG002
        scores, bars = (context.additional_data[name].as_dataframe() for name in (_SCORES, _BARS))
        known = scores[scores["column"] == self.metric.column].iloc[0]
        result = self.result(float(known["score"]))
        result.widget = [_headline(self.metric, result.value)]
        rows = bars[bars["column"] == self.metric.column]
        if len(rows):
            result.widget.append(_chart(rows))
        result.set_tests([self._test(result.value, str(known["reason"]))])
        return result

    def display_name(self) -> str:
        return f"Drift of {self.metric.column}"

    def _test(self, value: float, reason: str) -> MetricTestResult:
        said = f"{_sentence(self.metric, value)} {reason}".rstrip()
        return MetricTestResult(
            id="drift", name=f"Drift of column {self.metric.column}", description=said,
            status=_TEST[self.metric.status], metric_config=self.to_metric_config(), test_config={"threshold": self.metric.threshold})


def data_of(shown: Sequence[Shown]) -> dict[str, Dataset]:
    """What `CalibratedDrift` reads: `scores` (column, score, reason) and `bars` (column, label, low, high, current, reference).

    A bar has a label, or the two edges of a bin; current and reference are rows.
    """
    scores = pd.DataFrame([(one.column, one.value, one.reason) for one in shown], columns=["column", "score", "reason"])
    bars = pd.DataFrame([row for one in shown if one.picture is not None for row in _rows(one.column, one.picture)], columns=_BAR)
    bars = bars.astype(dict.fromkeys(("low", "high"), float))  # without a single bin they would be objects
    return {
        _SCORES: Dataset.from_pandas(scores, data_definition=DataDefinition(categorical_columns=["column", "reason"],
                                                                            numerical_columns=["score"])),
        _BARS: Dataset.from_pandas(bars, data_definition=DataDefinition(categorical_columns=_BAR[:2], numerical_columns=_BAR[2:])),
    }


def _rows(column: str, picture: Picture) -> list[tuple[Any, ...]]:
    pairs = zip(picture.current, picture.reference, strict=True)
    if picture.edges is not None:
        return [(column, None, low, high, *pair) for low, high, pair in zip(picture.edges[:-1], picture.edges[1:], pairs, strict=True)]
    return [(column, label, None, None, *pair) for label, pair in zip(picture.labels or (), pairs, strict=True)]


def _headline(metric: CalibratedDrift, value: float) -> BaseWidgetInfo:
    return counter(counters=[CounterData(_sentence(metric, value), f"Drift in column '{metric.column}'")])


def _sentence(metric: CalibratedDrift, value: float) -> str:
    """Score, threshold, p-value and rows, as far as they are known."""
    facts = [f"Data drift {SAID[metric.status]}. Drift detection method: {method_label(metric.method)}. Drift score: {value:.6g}"]
    if metric.threshold is not None:
        facts.append(f"threshold: {metric.threshold:.6g}")
    if metric.p_value is not None:
        facts.append(f"p-value: {metric.p_value:.3g}")
    if metric.effect is not None and metric.effect != value and metric.minimum_effect is not None:
        facts.append(f"effect: {metric.effect:.3g}, at least {metric.minimum_effect:g} asked for")
    return f"{', '.join(facts)}. Rows: {metric.n:,} in the window, {metric.n_reference:,} in the reference."


def _chart(rows: pd.DataFrame) -> BaseWidgetInfo:
    """Both distributions as bars, in percent or, by a button, in rows: what `plot_distr_with_perc_button` draws.

    Written out, because Plotly's own checks cost more than all else on the page, and its template is ten times as large as the bars.
    """
    binned = rows["label"].isna().all()
    places = (rows["low"] / 2 + rows["high"] / 2 if binned else rows["label"]).tolist()
    bars = [f"{low:.6g} to {high:.6g}" for low, high in zip(rows["low"], rows["high"], strict=True)] if binned else places
    counts = [rows[name].tolist() for name in _SAMPLES]
    shares = [[round(100 * count / max(sum(one), 1), 4) for count in one] for one in counts]
    percent, absolute = "%{hovertext}: %{y:.3g} %", "%{hovertext}: %{y:,} rows"
    data = [{"type": "bar", "x": places, "y": share, "name": name, "marker": {"color": colour}, "hovertext": bars, "hovertemplate": percent}
            for name, share, colour in zip(_SAMPLES, shares, _COLOURS, strict=True)]  # fmt: skip
    buttons = [{"method": "update", "label": label, "args": [{"y": y, "hovertemplate": hover}, {"yaxis.title.text": title}]}
               for label, y, hover, title in (("perc", shares, percent, "Percent"), ("abs", counts, absolute, "Rows"))]  # fmt: skip
    layout = {
        "xaxis": {"type": "linear" if binned else "category"}, "yaxis": {"title": {"text": "Percent"}}, "bargap": 0.1,
        "updatemenus": [{"type": "buttons", "direction": "right", "buttons": buttons, "x": 1.05, "y": 1.2, "yanchor": "top"}],
    }  # fmt: skip
    return BaseWidgetInfo(type=WidgetType.BIG_GRAPH.value, title="", size=WidgetSize.FULL.value, params={"data": data, "layout": layout})
