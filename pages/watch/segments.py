"""Segments and fairness: which groups the model serves differently, since when, and in which slices it has become worse."""

from __future__ import annotations

from datetime import datetime
from shlex import quote

import pyarrow as pa
import streamlit as st

from monitoring.charts.fairness import gaps_over_time, worse_slices
from monitoring.charts.numbers import span
from monitoring.charts.status import worst
from monitoring.metrics import METRICS, metrics_of
from monitoring.segments.gaps import MINIMUM_COUNTED, MINIMUM_GROUP
from pages.findings.fairness import Gaps, as_table, segments_table, sentence, slice_words
from pages.frame import View, page, plain
from pages.watch.controls import pick

_FIRST = ("tpr_gap", "accuracy_gap", "mae_gap")


def over_time(view: View, gaps: Gaps, start: datetime) -> None:
    """The chosen gap of the chosen column's groups: over time, and in the chosen window as a table."""
    places = st.columns(3)
    with places[0]:
        column = pick("by", "Groups by", gaps.columns())
    own = [row for row in gaps.rows if row["segment"].startswith(f"{column}=")]
    names = [name for name in METRICS if any(row["metric"] == name for row in own)]
    known = [name for name in names if any(row["metric"] == name and row["value"] is not None for row in own)] or names
    with places[1]:
        metric = pick("gap", "Gap of", names, default=next((name for name in _FIRST if name in known), known[0]),
                      words=lambda name: METRICS[name].label.removesuffix(" gap"))
    classes = sorted({row["column"] for row in own if row["metric"] == metric})
    with places[2]:
        of = pick("class", "Class", classes) if classes != [""] else ""
    groups = gaps.chosen(column, metric, of)
    if any(row["value"] is not None for rows in groups.values() for row in rows):
        view.chart(gaps_over_time(groups, metric, look=view.look, releases=view.releases), f"{METRICS[metric].label} by {column}",
                   key="segments.gaps", alt=f"{METRICS[metric].label} of each {column} per window with intervals; zero is no difference.",
                   note=f"{METRICS[metric].description} Whiskers: 95 % intervals; hollow: the window is still running. "
                        f"Groups of fewer than {MINIMUM_GROUP} rows, and rates over fewer than {MINIMUM_COUNTED}, are suppressed.")
    else:
        st.markdown(f"##### {METRICS[metric].label} by {plain(column)}\n:small[:gray[Suppressed in every window of this range; "
                    "the table says why. Choose another gap or a longer window.]]")
    table = as_table(groups, start)
    number = st.column_config.NumberColumn
    share = "percent" if METRICS[metric].unit == "share" else "%.3g"
    st.dataframe(table, hide_index=True, placeholder="–", alt=f"{METRICS[metric].label} of every group in the chosen window",
                 column_config={name: number(name, format=share) for name in ("Rate", "Others", "Gap", "From", "To", "Reference")}
                 | {"n": number("n", help="Rows the rate is over"), "Why": st.column_config.TextColumn(width=520)})
    view.export("gaps", table)


def found_slices(view: View, points: pa.Table, slices: list[dict[str, object]], start: datetime) -> None:
    """What the search found in the window."""
    words = slice_words(points, start)
    if slices:
        view.chart(worse_slices(slices, look=view.look), "Worse slices, found by search", key="segments.slices", note=plain(words),
                   alt="Slices whose mean loss has grown compared with all other rows, with intervals and the reference's values.")
    elif words:
        st.markdown("##### Worse slices, found by search")
        st.markdown(plain(words))


def drift_by_segment(view: View, points: pa.Table, start: datetime) -> None:
    """Segments of the window by drifted features; choosing one opens its drift."""
    table = segments_table(points, start)
    if not table.num_rows:
        return
    st.markdown("##### Drift by segment")
    picked = st.dataframe(table, hide_index=True, on_select="rerun", selection_mode="single-row", key="segments.drift", placeholder="–",
                          alt="Drifted features of every segment in the chosen window", height=min(38 + 35 * table.num_rows, 420),
                          column_config={"Why": st.column_config.TextColumn(width=520)})
    st.markdown(":small[:gray[A row opens the segment's drift. Pairs of segments have at least 100 rows.]]")
    for row in picked.selection.rows:
        view.go("drift", segment=table.column("Segment")[row].as_py(), at=start.isoformat())


with page("segments") as view:
    wanted = [metric.name for metric in metrics_of(view.spec["task"], "fairness")]
    points = view.points([*wanted, "drift_share"], every_segment=True)
    gaps = Gaps.of(points)
    starts = dict(gaps.windows()) or {row["window_start"]: row["window_end"] for row in points.to_pylist() if row["segment"]}
    if not starts:
        view.need(points.slice(0, 0), "No segment has been computed yet. Name columns in the model's file: segments: [country].",
                  f"python -m monitoring run {quote(view.selection.model)}")
    names = {when.isoformat(): plain(span(when, starts[when], view.look.zone)).replace("\\", "") for when in sorted(starts, reverse=True)}
    default = (gaps.newest() or max(starts)).isoformat()
    start = datetime.fromisoformat(view.choose("at", list(names), default))
    slices = [row for row in points.to_pylist() if row["metric"] == "slice_loss_gap" and row["window_start"] == start]
    here = gaps.at(start)
    view.status(worst([row["status"] for row in [*here, *slices]]))
    if gaps.rows:
        st.markdown(f"**{plain(sentence(here, slices))}**")
    pick("at", f"Window ({view.look.zone})", list(names), default=default, words=names.__getitem__)
    if gaps.rows:
        over_time(view, gaps, start)
        found_slices(view, points, slices, start)
    drift_by_segment(view, points, start)
    view.export("points", points)
