"""Performance: how good the model was, since when it is worse, and what its labels say in detail."""

from datetime import UTC, datetime
from shlex import quote
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from monitoring.charts.labels import decisions_over_time
from monitoring.charts.numbers import moment, span
from monitoring.charts.performance import metric_over_time, pending_from, segments, worst_first
from monitoring.metrics import METRICS, metrics_of
from monitoring.schema import ModelSchema
from pages.findings.performance import metric_name, verdict
from pages.frame import View, page, plain
from pages.frame.states import empty
from pages.watch.controls import pick
from pages.watch.labels_in_detail import details
from pages.watch.labels_over_time import as_known, say_as_known
from pages.watch.newest_value import show_newest
from pages.watch.why import open_causes, show_causes

_LABELS = ("label_coverage", "label_delay_p50")  # drawn below the metric
_READ = ["metric", "status", "window_start", "window_end", "detail"]
_FIRST = {"binary": "recall", "multiclass": "accuracy", "regression": "mae", "ranking": "ndcg_at_k"}


def _over_time(view: View, everything: pa.Table, own: pa.Table, place: DeltaGenerator, known: datetime | None,
               causes: list[dict[str, Any]]) -> tuple[str, str]:  # fmt: skip
    """The chosen metric over time; returns it and its column. `place` is where its selectors go, `known` as of when the findings are,
    `causes` say since when what is open is open."""
    names = [metric.name for metric in metrics_of(view.spec["task"], "classification", "regression", "ranking")]
    there = [name for name in names if name in set(own.column("metric").to_pylist())]
    left, right = place.columns(2)
    with left:
        metric = pick("metric", "Metric", there, default=_FIRST[view.spec["task"]], words=lambda name: METRICS[name].label)
    columns = sorted(set(own.filter(pc.equal(own.column("metric"), metric)).column("column").to_pylist()), key=lambda it: (len(it), it))
    with right:
        whole = "All classes (mean)" if METRICS[metric].column == "class" else "–"
        what = METRICS[metric].column
        label = what if what == "k" else what.capitalize() or "Column"
        default = columns[-1] if what == "k" else ""  # the largest k, as on the overview
        column = pick("column", label, columns, default=default, words=lambda name: name or whole) if columns != [""] else ""
    show_newest(view, own, metric, column, causes)
    delay = ModelSchema.from_dict(view.spec).label_delay
    pending = pending_from(own, delay=delay, now=known or datetime.now(UTC), segment=view.selection.segment) if delay else None
    better = {"higher": "Higher is better.", "lower": "Lower is better.", "none": "Neither direction is better by itself."}
    says = f"{METRICS[metric].description} {better[METRICS[metric].direction]}"
    view.chart(
        view.drawn(metric_over_time, everything.filter(pc.field("metric").isin([metric, *_LABELS])), metric, column=column,
                   segment=view.selection.segment, pending=pending, releases=view.releases),
        f"{metric_name(metric, column)} over time", key="performance.over-time",
        alt=f"{metric_name(metric, column)} per window with its 95 % interval; label coverage and label delay below.",
        note=f"{says} Band: 95 % interval. Hollow: fewer than half of the labels are known. Dotted: the window is still running.",
    )
    if {"true_positives", "false_positives"} & set(own.column("metric").to_pylist()):
        with st.expander("Decisions over time: found, missed, false alarms", icon=":material/stacked_bar_chart:"):
            view.chart(view.drawn(decisions_over_time, own, segment=view.selection.segment), "Decisions over time",
                       key="performance.decisions", alt="Positives found and missed and false alarms per window, stacked.",
                       note="Found and missed together are all positives of the window; true negatives are left out.")
    return metric, column


def _by_segment(view: View, metric: str, column: str, newest: datetime, known: datetime | None) -> None:
    """The chosen metric of every segment in the newest judged window, which starts at `newest`, worst first."""
    table = view.points(metric, every_segment=True, as_of=known)
    table = table.filter((pc.field("window_start") <= newest) & (pc.field("column") == column))
    own = table.filter((pc.field("segment") != "") & pc.field("value").is_valid() & ~pc.field("partial"))
    here = table.filter(pc.field("window_start") == pc.max(own.column("window_start")))
    rows = worst_first(here, metric, column=column)
    if not rows:
        st.markdown("##### Segments")
        st.markdown(":small[:gray[No segment of this model has this metric in the range. Name segments in the model's file: "
                    "`segments: [country]`.]]")
        return
    overall = next((row["value"] for row in here.to_pylist() if not row["segment"]), None)
    when = plain(span(rows[0]["window_start"], rows[0]["window_end"], view.look.zone))
    view.chart(view.drawn(segments, rows, overall=overall), "Segments, worst first", key="performance.segments",
               alt=f"{metric_name(metric, column)} by segment with intervals, worst at the top.",
               note=f"{metric_name(metric, column)} with 95 % intervals, {when}.")
    view.export("segments", table.filter(pc.not_equal(table.column("segment"), "")))


with page("performance") as view:
    selectors, day = st.columns([3, 1])
    with day:
        known = as_known()
    wanted = [metric.name for metric in metrics_of(view.spec["task"], "classification", "regression", "ranking", "labels")]
    everything = view.points(wanted, every_version=True, as_of=known)
    own = view.of_selection(everything)
    if known is not None:
        say_as_known(view, own, known)
    view.need(own, "No window of this selection has been computed yet.", f"python -m monitoring run {quote(view.selection.model)}")
    view.export("points", everything)
    about_labels = [metric.name for metric in metrics_of(view.spec["task"], "labels")]
    found = own.filter(pc.field("value").is_valid() & ~pc.field("metric").isin(about_labels)).select(_READ).to_pylist()
    if found:
        causes = open_causes(view, {"classification", "regression", "ranking"}, known)
        newest, status = verdict(found, _FIRST[view.spec["task"]])
        where = f"of {view.selection.segment} " if view.selection.segment else ""
        view.status(status, f"{where}in the newest judged window, {moment(newest, view.look.zone)}")
        metric, column = _over_time(view, everything, own, selectors, known, causes)
        show_causes(view, causes)
        details(view, sorted({(row["window_start"], row["window_end"]) for row in found}, reverse=True), own, default=newest,
                metric=metric, column=column, curves_too=known is None)
        _by_segment(view, metric, column, newest, known)
    else:
        empty("No label of these predictions is known yet, so nothing can be said about performance.",
              code=f"python -m monitoring label {quote(view.selection.model)} labels.parquet   # columns: id, label")
