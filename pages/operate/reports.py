"""Reports: Evidently's drift, performance and summary reports of any window – list, generate, read, take away, compare two."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from shlex import quote
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from monitoring.charts.numbers import moment, span
from pages.frame import View, page
from pages.frame.selection import put
from pages.operate.compared import compared
from pages.operate.report_view import KINDS, Bounds, one_report
from pages.watch.controls import pick

_TABLE = "reports.list"


def _windows(points: pa.Table, rows: list[dict[str, Any]]) -> dict[str, tuple[Bounds, bool]]:
    """Every window that was computed or has a report, newest first, by its text in the link; and whether it is still running."""
    every = {(row["window_start"], row["window_end"]): False for row in rows}
    computed = points.select(["window_start", "window_end", "partial"]).to_pylist()
    every |= {(row["window_start"], row["window_end"]): bool(row["partial"]) for row in computed}
    return {f"{start.isoformat()}/{end.isoformat()}": ((start, end), every[start, end]) for start, end in sorted(every, reverse=True)}


def _list(view: View, rows: list[dict[str, Any]]) -> None:
    """All stored reports of the model, version and range; a click opens one."""
    st.subheader("Stored", anchor=False)
    if not rows:
        st.markdown(":small[:gray[No report is stored for this range. Generate one above, or run]]")
        st.code(f"python -m monitoring report {quote(view.selection.model)} --kind drift --format html -o drift.html", language="bash")
        return
    st.dataframe(
        {
            "Report": [KINDS[row["kind"]] for row in rows],
            "Window": [span(row["window_start"], row["window_end"], view.look.zone) for row in rows],
            "Version": [row["version"] for row in rows],
            "Stored as": [{"html": "HTML", "json": "JSON"}.get(row["format"], "snapshot") for row in rows],
            "Made": [moment(row["created_at"], view.look.zone) for row in rows],
        },
        hide_index=True, on_select=partial(_open, rows, view.timeline.standing if view.version is None else {}),
        selection_mode="single-row", key=_TABLE,
    )


def _open(rows: list[dict[str, Any]], standing: Mapping[datetime, str]) -> None:
    """Show the clicked report. In a callback, because a selection outlives the click and would overrule the selectors for ever.

    A report on a version that does not stand for its window is only to be seen with that version selected.
    """
    clicked = st.session_state[_TABLE]["selection"]["rows"]
    if clicked and clicked[0] < len(rows):
        row = rows[clicked[0]]
        put("kind", row["kind"])
        put("at", f"{row['window_start'].isoformat()}/{row['window_end'].isoformat()}")
        if row["version"] != standing.get(row["window_start"], row["version"]):
            put("version", row["version"])


with page("reports") as view:
    selected = view.selection
    points = view.points()
    table = view.store.reports(selected.model)
    rows = [row for row in table.to_pylist() if view.version in (None, row["version"]) and row["kind"] in KINDS and row["window_start"]
            and (selected.since is None or selected.since <= row["window_start"])
            and (selected.until is None or row["window_start"] < selected.until)]
    windows = _windows(points, rows)
    if not windows:
        view.need(points, "No window of this selection has been computed yet.", f"python -m monitoring run {quote(selected.model)}")
    names = {name: span(*bounds, view.look.zone) for name, (bounds, _) in windows.items()}
    complete = next((name for name, (_, running) in windows.items() if not running), next(iter(names)))
    places = st.columns(3)
    with places[0]:
        kind = pick("kind", "Report", list(KINDS), words=KINDS.__getitem__)
    with places[1]:
        at = pick("at", "Window", list(names), default=complete, words=names.__getitem__)
    with places[2]:
        other = pick("with", "Compare with", ["", *(name for name in names if name != at)], words=lambda name: names.get(name, "nothing"))
    shown = [windows[name][0] for name in (at, other) if name]
    if len(shown) == 2:
        compared(view, points, *shown)
    for place, bounds in zip(st.columns(len(shown), gap="large"), shown, strict=True):
        with place:
            one_report(view, kind, bounds, rows)
    _list(view, rows)
    starts = pa.array([start for start, _ in shown], points.column("window_start").type)
    view.export("points", points.filter(pc.is_in(points.column("window_start"), value_set=starts)))
    view.export("reports", table)
