"""One column: how its values are distributed now and in the reference, and how its drift came about."""

from __future__ import annotations

from datetime import datetime
from shlex import quote
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from monitoring.charts.drift import score_over_time
from monitoring.charts.feature import Form, distribution, quantile_fan
from monitoring.charts.numbers import moment, number, span
from monitoring.charts.status import status_of
from monitoring.drift import method_label
from monitoring.moments import just_after
from pages.findings.drift import drifted_since, feature_order, newest_judged
from pages.findings.evidently import disagreements, usual_of
from pages.findings.feature import of_segments, segments_table, sentence, statistics_table
from pages.findings.timeline import windows_of
from pages.frame import View, link, page, plain
from pages.watch.controls import pick
from pages.watch.reasons import show_reasons

_FAN = 90  # newest windows of quantiles drawn: more would be narrower than a finger
_FORMS = {"shares": "Shares", "difference": "Difference", "cumulative": "Cumulative"}


def of_series(table: pa.Table, series: str) -> pa.Table:
    """The rows of one series."""
    return table.filter(pc.equal(table.column("series"), series))


def compared(view: View, own: pa.Table, column: str, start: datetime, starts: list[datetime]) -> tuple[str, pa.Table]:
    """What the window, whose profiles are `own`, is compared with by the selector: its name and its histogram and statistics."""
    choice = view.selection.compare
    if choice == "previous":
        earlier = [when for when in starts if when < start]
        if earlier:
            profiles = view.profiles(max(earlier), column=column)
            return f"Window of {moment(max(earlier), view.selection.zone)}", of_series(profiles, "current")
    if choice.startswith("version:"):
        version = choice.partition(":")[2]
        return f"Version {version}", of_series(view.profiles(start, column=column, version=version), "current")
    return "Reference", of_series(own, "reference")


def show_distribution(view: View, column: str, start: datetime, starts: list[datetime]) -> pa.Table:
    """The two distributions and their statistics; returns the profiles they were drawn from."""
    profiles = view.profiles(start, column=column)
    window = of_series(profiles, "current")
    name, other = compared(view, profiles, column, start, starts)
    kinds = [of_kind(table, "histogram") for table in (other, window)]
    if not kinds[1].num_rows:
        if view.selection.segment:
            st.info("Distributions are kept of all rows only; the score and its course below are the segment's.", icon=":material/info:")
            link("feature", "Distribution of all rows", segment="", feature=column, at=start.isoformat())
        else:
            st.info("This window holds no distribution of the column: none of its rows has a value.", icon=":material/info:")
        return window
    with st.container(horizontal=True, vertical_alignment="bottom"):
        form = pick("form", "Show", list(_FORMS), words=_FORMS.__getitem__)
        log = pick("log", "Scale", ["linear", "log"]) == "log"
    names = (name, f"Window of {moment(start, view.selection.zone)}")
    drawn = view.drawn(distribution, *kinds, names=names, form=cast("Form", form), log=log)
    view.chart(drawn, "Distribution", key="feature.distribution", alt=f"Shares of rows per bin: {name} against the window.",
               note="Shares of the rows that have a value; the same bins for both.")
    if not other.num_rows:
        st.markdown(f":small[:gray[{plain(name)} has no distribution of this column.]]")
    st.markdown("##### Statistics")
    right = st.column_config.TextColumn
    st.dataframe(statistics_table(of_kind(other, "statistics"), of_kind(window, "statistics"), names), hide_index=True,
                 column_config={name: right(alignment="right") for name in names}
                 | {"Change": right(alignment="right", help="Window minus what it is compared with")})
    return pa.concat_tables([other, window])


def of_kind(table: pa.Table, kind: str) -> pa.Table:
    """The rows of one kind of profile."""
    return table.filter(pc.equal(table.column("kind"), kind))


def show_fan(view: View, column: str, own: pa.Table) -> None:
    """Quantiles over time; nothing for a column that has none."""
    starts = sorted(own.column("window_start").to_pylist())[-_FAN:]
    fan = view.profiles(starts[0], "quantiles", until=just_after(starts[-1]), column=column)
    if fan.num_rows:
        view.chart(view.drawn(quantile_fan, fan, releases=view.releases), "Values over time", key="feature.fan",
                   alt="Median and bands of quantiles of the feature per window, and the reference's median.")


with page("feature") as view:
    chosen = view.selection
    points = view.points("drift")
    view.need(points, "No drift has been computed for this selection yet.", f"python -m monitoring run {quote(chosen.model)}")
    columns = feature_order(points)
    left, right = st.columns(2)
    with left:
        column = pick("feature", "Feature", columns)
    own = points.filter(pc.equal(points.column("column"), column)).sort_by("window_start")
    view.export("points", own)
    ends = windows_of(own)
    starts = list(ends)
    newest = newest_judged(own) or starts[0]
    with right:
        at = pick("at", f"Window ({chosen.zone})", [when.isoformat() for when in starts], default=newest.isoformat(),
                  words=lambda text: moment(datetime.fromisoformat(text), chosen.zone))
    start = datetime.fromisoformat(at)
    point = own.filter(pc.equal(own.column("window_start"), pa.scalar(start, own.schema.field("window_start").type))).to_pylist()[0]
    past = own.filter(pc.field("window_start") <= start).select(["window_start", "status"]).to_pylist()
    since = drifted_since(past)
    view.status(status_of(point["status"]), f"since {since.text(chosen.zone)}" if since else "")
    st.markdown(f"**{plain(sentence(point, zone=chosen.zone))}**")
    usual = usual_of(point)
    if usual:
        says = dict(disagreements([point])).get(column) or f"{usual.words}, as the verdict above."
        st.markdown(f":small[:gray[{plain(says)}]]")
    view.export("distribution", show_distribution(view, column, start, starts))
    method = plain(method_label(point["method"])) if point["method"] else "No method"
    rests_on = f"n = {number(point['n'])} in {plain(span(start, ends[start], chosen.zone))}"
    view.chart(view.drawn(score_over_time, own, releases=view.releases), "Drift score over time", key="feature.score",
               note=f"{method} · dashed: threshold · hollow: window not over · {rests_on}.",
               alt="The drift score of the column per window with its threshold.")
    show_fan(view, column, own)
    segments = of_segments(view.points("drift", column=column, every_segment=True), start)
    if len(segments) > 1:
        st.markdown("##### The same window by segment")
        to_the_right = st.column_config.TextColumn(alignment="right")
        st.dataframe(segments_table(segments), hide_index=True, height=min(38 + 35 * len(segments), 740),
                     alt="Drift of the column in every segment",
                     column_config=dict.fromkeys(("Score", "Threshold", "Rows", "Reference"), to_the_right))
        show_reasons(((row["status"], row["segment"] or "All rows", row["reason"]) for row in segments), of="segments", folded=True)
