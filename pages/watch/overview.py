"""Is anything wrong, since when, where? One sentence, then a card per model, then every window of the range."""

from __future__ import annotations

import pyarrow as pa
import streamlit as st

from monitoring.charts.numbers import moment
from monitoring.charts.overview import facts_html, status_strip
from monitoring.charts.status import worst
from pages.findings.overview import Summary, headline, summarise
from pages.frame import View, link, page, plain

_CARDS = 12  # beyond a dozen models a table is faster to read than cards


def summary_of(view: View, model: str, taken: list[pa.Table]) -> Summary:
    """The summary of one model; the points it rests on are added to `taken`, which the page exports."""
    spec = view.store.spec(model)
    version = view.newest_version(model)

    def points(metric: str) -> pa.Table:
        table = view.points_of(model, version, metric, window=str(spec.get("window", "")))
        taken.append(table)
        return table

    return summarise(model, version, spec, points, zone=view.selection.zone)


def card(view: View, summary: Summary) -> None:
    """Status, name, four facts, and the way to the details."""
    with st.container(border=True):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(f"#### {plain(summary.model)} :small[:gray[{plain(summary.task)}, version {plain(summary.version)}]]")
            st.markdown(summary.status.rich)
        st.html(facts_html(summary.facts, look=view.look))
        with st.container(horizontal=True, gap="small"):
            for key, label in (("drift", "Drift"), ("performance", "Performance"), ("traffic", "Traffic & latency")):
                link(key, label, model=summary.model, version=summary.version)


def table(summaries: list[Summary]) -> None:
    """Many models: one searchable row each."""
    columns = {
        "Status": [summary.status.text for summary in summaries], "Model": [summary.model for summary in summaries],
        "Version": [summary.version for summary in summaries], "Why": [summary.reason for summary in summaries],
        **{label: [summary.facts[place].value for summary in summaries]
           for place, label in enumerate(("Predictions", "Main metric", "Latency p95", "Drifted"))},
    }
    picked = st.dataframe(pa.table(columns), hide_index=True, on_select="rerun", selection_mode="single-row", key="overview.models")
    for row in picked.selection.rows:
        link("drift", f"Drift of {summaries[row].model}", model=summaries[row].model, version=summaries[row].version)


def events(view: View) -> None:
    """What happened to the house: references, schemas, failures."""
    found = view.store.events(20)
    if found.num_rows:
        st.markdown("##### Events")
        rows = found.to_pylist()
        zone = view.selection.zone
        shown = {f"When ({zone})": [moment(row["happened_at"], zone) for row in rows], "What": [row["kind"] for row in rows],
                 "Model": [row["model"] or "" for row in rows], "Text": [row["text"] for row in rows]}
        st.dataframe(pa.table(shown), hide_index=True, height=min(38 + 35 * len(rows), 260), alt="The newest twenty events")


with page("overview") as view:
    taken: list[pa.Table] = []
    summaries = sorted((summary_of(view, model, taken) for model in view.store.models()), key=lambda one: (-one.status.rank, one.model))
    view.status(worst(one.status.name for one in summaries))
    st.markdown(f"**{plain(headline(summaries, zone=view.selection.zone))}**")
    if len(summaries) > _CARDS:
        table(summaries)
    else:
        for pair in range(0, len(summaries), 2):
            for place, one in zip(st.columns(2), summaries[pair : pair + 2], strict=False):
                with place:
                    card(view, one)
    strips = {one.model: one.strip for one in summaries[:40] if one.strip}
    if strips:
        clicked = view.chart(status_strip(strips, look=view.look), "Worst drift status of each window", select=True, key="overview.strip",
                             alt="A row per model and a sign per window that tells its worst drift status; the cards above say the newest.")
        for point in clicked[:1]:
            view.go("drift", model=point["customdata"][0], at=point["customdata"][1])
    events(view)
    view.export("points", pa.concat_tables(taken))
