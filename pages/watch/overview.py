"""Is anything wrong, since when, where? One sentence, then a card per model, then every window of the range."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import streamlit as st

from monitoring.charts.numbers import moment
from monitoring.charts.overview import facts_html, status_strip
from monitoring.charts.status import worst
from pages.findings.overview import Strip, Summary, headline, sentences
from pages.findings.summaries import MOST_CARDS, MOST_STRIPS, strips_of, summaries_of
from pages.findings.timeline import EVERY
from pages.findings.why import main_reasons
from pages.frame import View, link, page, plain


def card(view: View, summary: Summary) -> None:
    """Status, name, four facts, and the way to the details."""
    with st.container(border=True, height="stretch"):
        st.markdown(f"#### {plain(summary.model)}\n{summary.status.rich} "
                    f":small[:gray[{plain(summary.task)}, version {plain(summary.version)}]]")
        st.html(facts_html(summary.facts, look=view.look))
        with st.container(horizontal=True, gap="small"):
            for key, label in (("drift", "Drift"), ("performance", "Performance"), ("traffic", "Traffic")):
                link(key, label, model=summary.model, version=EVERY)


def table(summaries: list[Summary]) -> pa.Table:
    """Many models: one searchable row each."""
    columns = {
        "Status": [summary.status.text for summary in summaries], "Model": [summary.model for summary in summaries],
        "Version": [summary.version for summary in summaries], "Why": [summary.sentence for summary in summaries],
        **{label: [summary.facts[place].value for summary in summaries]
           for place, label in enumerate(("Predictions", "Main metric", "Latency p95", "Drifted"))},
    }
    shown = pa.table(columns)
    picked = st.dataframe(shown, hide_index=True, on_select="rerun", selection_mode="single-row", key="overview.models")
    for row in picked.selection.rows:
        link("drift", f"Drift of {summaries[row].model}", model=summaries[row].model, version=EVERY)
    return shown


def reasons(view: View, summaries: list[Summary]) -> None:
    """When and why, of the models that need attention: at most two lines each; the pages Drift and Performance have all."""
    lines, causes = [], view.store.causes().to_pylist()
    for one in summaries[:MOST_CARDS]:
        found = [row for row in causes if row["model"] == one.model and row["window"] == one.window]
        lines += [f"- **{plain(one.model)}**: {plain(words)}" for words in main_reasons(found, view.selection.zone)]
    if lines:
        st.markdown("##### When and why\n" + "\n".join(lines))


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
    summaries = summaries_of(view.store, view.selection)
    view.status(worst(one.status.name for one in summaries))
    st.markdown(f"**{plain(headline(summaries))}**")
    drawn: Sequence[Summary | Strip] = summaries
    if len(summaries) > MOST_CARDS:
        view.export("models", table(summaries))
        drawn = strips_of(view.store, view.selection, [one.model for one in summaries[:MOST_STRIPS]])
    else:
        st.markdown("\n".join(f"- **{plain(one.model)}**: {plain(why)}" for one, why in sentences(summaries)))
        with st.container(key="driftboard-cards"):  # page.css makes it a grid
            for one in summaries:
                card(view, one)
    strips = {one.model: one.strip for one in drawn if one.strip}
    if strips:
        releases = {one.model: one.releases for one in drawn}
        clicked = view.chart(view.drawn(status_strip, strips, releases=releases), "Worst status of each window", select=True,
                             key="overview.strip", note="Of drift, of performance once its labels are in, of latency and of errors.",
                             alt="A row per model and a sign per window that tells its worst status; the cards above say the newest.")
        for point in clicked[:1]:
            if "customdata" in point:  # not the mark of a new version
                view.go(point["customdata"][2], model=point["customdata"][0], at=point["customdata"][1], version=EVERY)
    reasons(view, summaries)
    events(view)
    if drawn is summaries:
        view.export("points", pa.concat_tables([one.shown for one in summaries]))
