"""Segments and fairness: which groups the model serves differently, since when, and in which slices it has become worse."""

from __future__ import annotations

from datetime import datetime
from shlex import quote
from typing import Any

import pyarrow.compute as pc
import streamlit as st

from monitoring.charts.fairness import gaps_over_time, worse_slices
from monitoring.charts.numbers import retold, span
from monitoring.charts.status import worst
from monitoring.metrics import METRICS, metrics_of
from monitoring.segments.gaps import MINIMUM_COUNTED, MINIMUM_GROUP
from pages.findings.fairness import (
    Gaps,
    Row,
    as_table,
    drift_of_segments,
    drift_sentence,
    segments_table,
    sentence,
    slice_words,
)
from pages.findings.timeline import windows_of
from pages.frame import View, page, plain
from pages.watch.controls import pick
from pages.watch.reasons import show_reasons

_OTHERS = "The same rate over all rows with another value of that column"
_FIRST = ("tpr_gap", "accuracy_gap", "mae_gap")


def over_time(view: View, gaps: Gaps, start: datetime) -> None:
    """The chosen gap of the chosen column's groups: over time, and in the chosen window as a table."""
    places = st.columns(3)
    with places[0]:
        column = pick("by", "Groups by", gaps.columns())
    names, known = gaps.metrics(column)
    if not names:
        st.markdown(f":small[:gray[No gap between the groups of {plain(column)} has been computed in this range. Choose a longer one.]]")
        return
    with places[1]:
        metric = pick("gap", "Gap of", names, default=next((name for name in _FIRST if name in known), (known or names)[0]),
                      words=lambda name: METRICS[name].label.removesuffix(" gap"))
    classes = gaps.classes(column, metric)
    with places[2]:
        of = pick("class", "Class", classes) if classes != [""] else ""
    groups = gaps.chosen(column, metric, of)
    if any(row["value"] is not None for rows in groups.values() for row in rows):
        view.chart(view.drawn(gaps_over_time, groups, metric, releases=view.releases), f"{METRICS[metric].label} by {column}",
                   key="segments.gaps", alt=f"{METRICS[metric].label} of each {column} per window with intervals; zero is no difference.",
                   note=f"{METRICS[metric].description} Whiskers: 95 % intervals; hollow: the window is still running. "
                        f"Groups of fewer than {MINIMUM_GROUP} rows, and rates over fewer than {MINIMUM_COUNTED}, are suppressed.")
    else:
        st.markdown(f"##### {METRICS[metric].label} by {plain(column)}\n:small[:gray[Suppressed in every window of this range. "
                    "Choose another gap or a longer window.]]")
    here = [(name, row) for name, rows in groups.items() for row in rows if row["window_start"] == start]
    table, words = as_table(here, METRICS[metric].unit), st.column_config.TextColumn
    st.dataframe(table, hide_index=True, alt=f"{METRICS[metric].label} of every group in the chosen window",
                 column_config={name: words(alignment="right") for name in ("Rate", "Gap", "95 % interval", "Gap in the reference")}
                 | {"n": words(alignment="right", help="Rows the rate is over"), "Others": words(alignment="right", help=_OTHERS)})
    show_reasons(((row["status"], name, row["reason"]) for name, row in here), of="groups")
    view.export("gaps", table)


def found_slices(view: View, rows: list[dict[str, Any]], slices: list[dict[str, Any]], start: datetime) -> None:
    """What the search found in the window."""
    words = slice_words(rows, start)
    if slices:
        view.chart(view.drawn(worse_slices, slices), "Worse slices, found by search", key="segments.slices", note=plain(words),
                   alt="Slices whose mean loss has grown compared with all other rows, with intervals and the reference's values.")
    elif words:
        st.markdown("##### Worse slices, found by search")
        st.markdown(plain(retold(words)))


def drift_by_segment(view: View, segments: list[Row], start: datetime) -> None:
    """Segments of the window by drifted features; choosing one opens its drift."""
    if not segments:
        return
    table, words = segments_table(segments), st.column_config.TextColumn
    st.markdown("##### Drift by segment")
    picked = st.dataframe(table, hide_index=True, on_select="rerun", selection_mode="single-row", key="segments.drift", placeholder="–",
                          alt="Drifted features of every segment in the chosen window", height=min(38 + 35 * table.num_rows, 740),
                          column_config={"Rows": words(alignment="right"), "Drifted": words(help="Of the features that could be judged"),
                                         "Features that drifted": words(width=520)})
    st.markdown(":small[:gray[A row opens the segment's drift. Pairs of segments have at least 100 rows.]]")
    show_reasons(((row["status"], row["segment"], row["reason"]) for row in segments if row["value"] is None), of="segments")
    for row in picked.selection.rows:
        view.go("drift", segment=table.column("Segment")[row].as_py(), at=start.isoformat())


with page("segments") as view:
    wanted = [metric.name for metric in metrics_of(view.spec["task"], "fairness")]
    points = view.points([*wanted, "drift_share"], every_segment=True)
    gaps = Gaps.of(points)
    starts = gaps.windows() or windows_of(points.filter(pc.field("segment") != ""))
    if not starts:
        view.need(points.slice(0, 0), "No segment has been computed yet. Name columns in the model's file: segments: [country].",
                  f"python -m monitoring run {quote(view.selection.model)}")
    names = {when.isoformat(): plain(span(when, starts[when], view.look.zone)).replace("\\", "") for when in starts}
    default = (gaps.newest() or max(starts)).isoformat()
    start = datetime.fromisoformat(view.choose("at", list(names), default))
    rows = points.filter(pc.field("window_start") == start).to_pylist()
    here, slices = gaps.at(start), [row for row in rows if row["metric"] == "slice_loss_gap"]
    segments = drift_of_segments(rows, start)
    view.status(worst([row["status"] for row in [*here, *slices, *segments]]), f"in {names[start.isoformat()]}")
    said = [drift_sentence(segments), sentence(here, slices) if gaps.table.num_rows else ""]
    st.markdown(f"**{plain(' '.join(words for words in said if words))}**")
    pick("at", f"Window ({view.look.zone})", list(names), default=default, words=names.__getitem__)
    if start.isoformat() == default and start < max(starts):
        st.markdown(":small[:gray[The newest window whose labels are all in. In newer ones drift is known, gaps are provisional.]]")
    if gaps.table.num_rows:
        over_time(view, gaps, start)
        found_slices(view, rows, slices, start)
    drift_by_segment(view, segments, start)
    view.export("points", points)
