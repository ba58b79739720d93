"""Reports: Evidently's and our own of any window – list, generate, read, take away, compare two.

There may be thousands: windows to choose from and reports to list are read some at a time, and findings of the shown windows only.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from shlex import quote
from typing import Any

import pyarrow as pa
import streamlit as st

from monitoring.charts.numbers import moment, number, span
from monitoring.moments import just_after
from pages.frame import View, page
from pages.frame.selection import put, recall
from pages.operate.compared import compared
from pages.operate.report_view import KINDS, Bounds, one_report
from pages.watch.controls import pick

_TABLE = "reports.list"
_MOST_OFFERED = 300  # windows in a selector; the list opens any other
_LISTED = 50  # reports on one page of the list


def _scope(view: View) -> dict[str, Any]:
    """What the sidebar selects, for the store's reports."""
    chosen = view.selection
    return {"model": chosen.model, "version": view.version, "kinds": list(KINDS), "since": chosen.since, "until": chosen.until}


def _windows(view: View) -> dict[str, tuple[Bounds, bool]]:
    """The newest windows that were computed or have a report, newest first, by their text in the link; and whether one is still running.

    A window that the link names is among them, however old.
    """
    every = {(row["window_start"], row["window_end"]): False for row in view.store.report_windows(**_scope(view), limit=_MOST_OFFERED)}
    computed = view.points("rows").select(["window_start", "window_end", "partial"])
    newest = computed.slice(max(0, computed.num_rows - _MOST_OFFERED)).to_pylist()
    every |= {(row["window_start"], row["window_end"]): bool(row["partial"]) for row in newest}
    offered = sorted(every, reverse=True)[:_MOST_OFFERED]
    named = {bounds for bounds in map(_bounds, (recall("at"), recall("with"))) if bounds and _is_known(view, bounds)}
    return {f"{start.isoformat()}/{end.isoformat()}": ((start, end), every.get((start, end), False))
            for start, end in sorted({*offered, *named}, reverse=True)}  # fmt: skip


def _bounds(text: str | None) -> Bounds | None:
    """The window that a link names, or None where it names none."""
    try:
        start, end = (datetime.fromisoformat(part) for part in (text or "").split("/"))
    except ValueError:
        return None
    return (start, end) if start.tzinfo and end.tzinfo else None


def _is_known(view: View, bounds: Bounds) -> bool:
    """Whether a window of the selection was computed or has a report."""
    start, end = bounds
    if any(row["window_end"] == end for row in _points(view, [bounds]).select(["window_end"]).to_pylist()):
        return True
    scope = {**_scope(view), "since": start, "until": just_after(start)}
    return any(row["window_end"] == end for row in view.store.report_windows(**scope, limit=_MOST_OFFERED))


def _points(view: View, shown: list[Bounds]) -> pa.Table:
    """The findings of these windows, each once: two of them may share a start."""
    chosen = view.selection
    tables = [view.store.points(model=chosen.model, version=view.version, since=start, until=just_after(start), window=chosen.window,
                                segment=chosen.segment) for start in dict.fromkeys(start for start, _ in shown)]  # fmt: skip
    return view.of_selection(pa.concat_tables(tables))


def _list(view: View) -> None:
    """The stored reports of the model, version and range, a page at a time; a click opens one."""
    st.subheader("Stored", anchor=False)
    scope = _scope(view)
    total = view.store.count_reports(**scope)
    if not total:
        st.markdown(":small[:gray[No report is stored for this range. Generate one above, or run]]")
        st.code(f"python -m monitoring report {quote(view.selection.model)} --kind drift --format html -o drift.html", language="bash")
        return
    pages = [str(place + 1) for place in range(-(-total // _LISTED))]
    first = 0
    if len(pages) > 1:
        first = _LISTED * (int(pick("page", f"Page, of {number(total)} reports", pages)) - 1)
    rows = view.store.reports(**scope, limit=_LISTED, offset=first).to_pylist()
    st.dataframe(
        {
            "Report": [KINDS[row["kind"]] for row in rows],
            "Window": [span(row["window_start"], row["window_end"], view.look.zone) if row["window_start"] else "–" for row in rows],
            "Version": [row["version"] for row in rows],
            "Stored as": [{"html": "HTML", "json": "JSON"}.get(row["format"], row["format"]) for row in rows],
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
    row = rows[clicked[0]] if clicked and clicked[0] < len(rows) else None
    if row is not None and row["window_start"]:
        put("kind", row["kind"])
        put("at", f"{row['window_start'].isoformat()}/{row['window_end'].isoformat()}")
        if row["version"] != standing.get(row["window_start"], row["version"]):
            put("version", row["version"])


with page("reports") as view:
    windows = _windows(view)
    if not windows:
        view.need(view.points("rows"), "No window of this selection has been computed yet.",
                  f"python -m monitoring run {quote(view.selection.model)}")
    names = {name: span(*bounds, view.look.zone) for name, (bounds, _) in windows.items()}
    complete = next((name for name, (_, running) in windows.items() if not running), next(iter(names)))
    places = st.columns(3)
    with places[0]:
        kind = pick("kind", "Report", list(KINDS), words=KINDS.__getitem__)
    with places[1]:
        at = pick("at", "Window", list(names), default=complete, words=names.__getitem__)
    with places[2]:
        other = pick("with", "Compare with", ["", *(name for name in names if name != at)], words=lambda name: names.get(name, "nothing"))
    if len(names) >= _MOST_OFFERED:
        st.markdown(f":small[:gray[The newest {_MOST_OFFERED} windows of the range are offered here; the list below opens any other.]]")
    shown = [windows[name][0] for name in (at, other) if name]
    points = _points(view, shown)
    if len(shown) == 2:
        compared(view, points, *shown)
    for place, bounds in zip(st.columns(len(shown), gap="large"), shown, strict=True):
        with place:
            one_report(view, kind, bounds)
    _list(view)
    view.export("points", points)
    view.export("reports", view.store.reports(view.selection.model))
