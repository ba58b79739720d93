"""Which inputs and outputs have moved away from the reference, since when, and how sure that is."""

from __future__ import annotations

import json
from datetime import datetime
from shlex import quote

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from monitoring.charts.drift import heat_map
from monitoring.charts.numbers import moment
from monitoring.charts.status import status_of, worst
from monitoring.drift import method_label
from monitoring.multiplicity import column_level
from monitoring.verdicts import DriftSettings, percent
from pages.findings.drift import DriftRow, drift_rows, feature_order, newest_judged, verdict
from pages.findings.timeline import windows_of
from pages.findings.why import together
from pages.frame import View, page, plain
from pages.watch.columns_in_detail import show_table
from pages.watch.controls import pick
from pages.watch.why import open_causes, show_causes

_ROWS = 40  # of the heat map; the table below it has all
_OURS = "chisquare_contingency"  # Evidently has no such test: ours is registered with it
_WINDOWS = 90  # newest windows in the heat map: more would be narrower than a finger


def chance_of(view: View, start: datetime) -> float | None:
    """The share of windows without drift in which a feature would be named, as the window's `drift_share` tells it."""
    found = view.points("drift_share").filter(pc.field("window_start") == start).column("detail").to_pylist()
    told: dict[str, float] = json.loads(found[0]) if found and found[0] else {}
    return told.get("false_alarms")


def show_together(view: View, start: datetime) -> None:
    """The verdict on all features together: what no single column shows, such as a changed correlation."""
    found = view.points("multivariate_drift")
    found = found.filter(pc.equal(found.column("window_start"), pa.scalar(start, found.column("window_start").type)))
    if found.num_rows:
        st.markdown("##### All features together")
        st.markdown("  \n".join(plain(words) for words in together(found.to_pylist())))


def explain(view: View, rows: list[DriftRow]) -> None:
    """How a verdict comes about, with this model's own methods and budget."""
    budget = (view.spec.get("drift") or {}).get("false_alarms")
    settings = DriftSettings(level=column_level(budget, len(view.spec.get("features", {}))))
    unjudged = status_of("insufficient_data").text
    used = {row.method for row in rows if row.method}
    methods = ", ".join(sorted(method_label(name) for name in used))
    ours = f"{method_label(_OURS)} is a method of ours; every other" if _OURS in used else "The"
    with st.expander("How this is decided", icon=":material/help:"):
        st.markdown(
            f"""
- Each column's window is compared with its reference by a named method (here: {plain(methods) or "none yet"}).
  {ours} score is Evidently's, to nine digits, whichever of the two computes it.
- The **threshold** is what pairs drawn from the reference – one of the reference's size, one of the window's – exceed in
  {percent(settings.level)} of draws, and never less than the method's minimum effect. So reference data alone rarely cross it, and a tiny
  difference in very many rows does not cross it either. Evidently's own default thresholds decide nothing.
- Fewer than {settings.minimum_rows} usable rows on a side, or too few to see even a large change: **{unjudged}**, not OK.
- The colour is score ÷ threshold (for p-values threshold ÷ p), so that methods compare: 1 is the threshold.
- Text is compared by its length, a date by its age at the prediction.
            """
        )


with page("drift") as view:
    points, name = view.points("drift"), quote(view.selection.model)
    view.need(points, "No drift has been computed for this selection yet.",
              f"python -m monitoring reference {name} reference.parquet\npython -m monitoring run {name}")
    view.export("points", points)
    zone = view.selection.zone
    ends = windows_of(points)
    starts = list(ends)
    default = newest_judged(points) or starts[0]
    start = datetime.fromisoformat(view.choose("at", [when.isoformat() for when in starts], default.isoformat()))
    rows = drift_rows(points, start)
    view.status(worst(row.status for row in rows))
    words = verdict(rows, start=start, end=ends[start], zone=zone, false_alarms=chance_of(view, start))
    st.markdown(f"**{plain(words)}**")
    order = feature_order(points)
    recent = points.filter(pc.is_in(points.column("window_start"), pa.array(starts[:_WINDOWS], points.schema.field("window_start").type)))
    note = f"The {_ROWS} columns that drifted most; the table has all {len(order)}. " if len(order) > _ROWS else ""
    drawn = view.drawn(heat_map, recent, rows=order[:_ROWS], releases=view.releases)
    clicked = view.chart(drawn, "Score ÷ threshold, window by window", key="drift.map",
                         select=True, note=note + "Grey: not judged · a click on a cell opens the feature.",
                         alt="A row per column, a cell per window, coloured by score over threshold; the table below has the same numbers.")
    for point in clicked[:1]:
        view.go("feature", feature=point["customdata"][0], at=point["customdata"][1])
    pick("at", f"Window ({zone})", [when.isoformat() for when in starts], default=default.isoformat(),
         words=lambda text: moment(datetime.fromisoformat(text), zone))
    show_table(view, rows, points, start)
    show_together(view, start)
    show_causes(view, open_causes(view, {"drift"}))
    explain(view, rows)
