"""What one window's labels say in detail: the lower half of the performance page."""

from __future__ import annotations

__all__ = ["details"]

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from monitoring.charts import curves
from monitoring.charts.labels import cost_by_cut
from monitoring.charts.numbers import aligned, interval, number, span, with_unit
from monitoring.charts.performance import reference_value
from monitoring.charts.status import status_of
from monitoring.metrics import METRICS
from pages.findings.performance import metric_name
from pages.frame import View, plain
from pages.watch.controls import pick, pick_number
from pages.watch.labels_over_time import labels, revisions
from pages.watch.reasons import show_reasons

_DRAWN = {
    "confusion": (curves.confusion, "Confusion matrix", "Counts by actual and predicted class.",
                  "Counts, and shares of each actual class; the stronger the colour, the larger the share."),
    "roc": (curves.roc, "ROC", "True positive rate over false positive rate.", "Further to the upper left is better."),
    "precision_recall": (curves.precision_recall, "Precision and recall", "Precision over recall.",
                         "Further to the upper right is better."),
    "calibration": (curves.calibration, "Calibration", "Observed rate over score.",
                    "On the diagonal, a score of 30 % comes true in 30 % of its rows. Larger dots rest on more rows; whiskers: 95 %."),
    "residuals": (curves.residuals, "Residuals", "The distribution of prediction minus label.",
                  "Right of zero the model predicted too much. The outermost bars hold what lies beyond them."),
    "error_by_decile": (curves.error_by_decile, "Error by decile", "Mean absolute error by tenth of the prediction.",
                        "What predictions above and below their label add to the error. Lower is better; whiskers: 95 %."),
    "popularity": (curves.popularity, "Popularity", "The share of recommendations each item took.",
                   "A steep fall: few items take most of the lists."),
}


def details(view: View, windows: list[tuple[datetime, datetime]], points: pa.Table, *, default: datetime, metric: str, column: str,
            curves_too: bool) -> None:  # fmt: skip
    """Labels, confusion, curves, thresholds, errors – whatever the task has – of one labelled window: by default of that which starts
    there. `metric` and `column` say whose changes are told.

    `points` are those of the selection, for the table of every metric. Without `curves_too` nothing is drawn that is kept only of the
    newest computation.
    """
    names = {start.isoformat(): plain(span(start, end, view.look.zone)).replace("\\", "") for start, end in windows}
    st.subheader("One window in detail", anchor=False)
    at = datetime.fromisoformat(pick("at", "Window", list(names), default=default.isoformat(), words=names.__getitem__))
    labels(view, points, at, curve=curves_too)
    if curves_too:
        revisions(view, metric, column, at)
        _curves(view, at)
    _every_metric(points, at)


def _curves(view: View, at: datetime) -> None:
    profiles = view.profiles(at)
    kinds = set(profiles.column("kind").to_pylist())
    drawn = [kind for kind in _DRAWN if kind in kinds]
    for kind, place in zip(drawn, _places(len(drawn)), strict=True):
        draw, title, alt, note = _DRAWN[kind]
        with place:
            view.chart(view.drawn(draw, _of(profiles, kind)), title, key=f"performance.{kind}", alt=alt, note=note)
    if "threshold" in kinds:
        _threshold(view, _of(profiles, "threshold"))
    if not kinds & {*_DRAWN, "threshold"}:
        st.markdown(":small[:gray[No curves are stored for this window and segment.]]")
    view.export("curves", profiles.filter(pc.is_in(profiles.column("kind"), pa.array([*_DRAWN, "threshold"]))))


def _threshold(view: View, table: pa.Table) -> None:
    """What another cut of the score would have given and cost, by a slider and in words."""
    cuts = [cut for cut in table.column("x").to_pylist() if cut is not None]
    st.markdown("##### Another cut")
    middle = min(cuts, key=lambda value: abs(value - 0.5))
    cut = pick_number("cut", "Cut of the score", default=middle, low=min(cuts), high=max(cuts), step=0.025, slider=True)
    at = curves.at_cut(table, middle if cut is None else cut)
    says = [f"{word} **{plain(with_unit(at.get(name), 'share'))}**" for name, word in curves.CUT_LABELS.items()]
    with_cost = at.get("cost") is not None
    says += [f"Cost **{plain(number(at['cost']))}** per labelled prediction"] if with_cost else []
    st.markdown(f"At the cut {plain(number(at['cut']))}: " + " · ".join(says))
    places = _places(2 if with_cost else 1)
    with places[0]:
        view.chart(view.drawn(curves.threshold, table, cut=at["cut"]), "Metrics by cut", key="performance.threshold",
                   alt="Precision, recall and the like over the cut of the score.",
                   note="What the same scores would have given at another cut. The points above rest on the decisions that were logged.")
    if with_cost:
        with places[1]:
            view.chart(view.drawn(cost_by_cut, table, cut=at["cut"]), "Cost by cut", key="performance.cost",
                       alt="Cost per labelled prediction over the cut of the score, the lowest marked.", note=_prices(view))


def _prices(view: View) -> str:
    costs = view.spec.get("costs") or {}
    return (f"A false positive costs {plain(number(costs.get('false_positive')))}, a false negative "
            f"{plain(number(costs.get('false_negative')))}, as the model's file says. Lower is better.")


def _every_metric(points: pa.Table, at: datetime) -> None:
    """Each metric of the window as a table, exactly the points."""
    of_window = pc.equal(points.column("window_start"), pa.scalar(at, points.column("window_start").type))
    rows = [row for row in points.filter(of_window).to_pylist() if row["metric"] in METRICS and row["metric"] != "label_selection"]
    st.markdown("##### Every metric of this window")
    words = st.column_config.TextColumn
    st.dataframe(
        {
            "Status": [status_of(row["status"]).text for row in rows],
            "Metric": [metric_name(row["metric"], row["column"]) for row in rows],
            "Value": [with_unit(row["value"], METRICS[row["metric"]].unit) for row in rows],
            "95 % interval": [interval(row["lower"], row["upper"], METRICS[row["metric"]].unit) for row in rows],
            "Reference": [with_unit(reference_value(row), METRICS[row["metric"]].unit) for row in rows],
            "n": aligned(row["n"] for row in rows),
        },
        hide_index=True, height="content",
        column_config={"Status": words(width=130), "Metric": words(width=210), "n": words(alignment="right", help="Rows it rests on")}
        | {name: words(alignment="right") for name in ("Value", "95 % interval", "Reference")},
    )
    show_reasons(((row["status"], metric_name(row["metric"], row["column"]), row["reason"]) for row in rows), of="metrics", folded=True)


def _places(count: int) -> list[st.delta_generator.DeltaGenerator]:
    """Places for `count` charts, two in a line; one alone has the whole line."""
    if count == 1:
        return [st.container()]
    places: list[st.delta_generator.DeltaGenerator] = []
    while len(places) < count:
        places += st.columns(2, gap="large")
    return places[:count]


def _of(profiles: pa.Table, kind: str) -> pa.Table:
    return profiles.filter(pc.equal(profiles.column("kind"), kind))
