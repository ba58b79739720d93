"""What happened in the house: runs with their progress, lines that could not be used, and events. Logged text stays text."""

from __future__ import annotations

__all__ = ["events", "quarantine", "runs"]

from collections import Counter

import streamlit as st

from monitoring.charts.numbers import aligned, moment, number, with_unit
from monitoring.charts.status import STATUSES
from pages.frame import View, plain

_SHOWN = 200  # rows of quarantine and events on the page; the export has all of the quarantine
_LAST = 20  # runs on the page
_LEVELS = {"info": "ok", "warning": "warn", "error": "failed"}
_STATES = {"running": "▶ running", "done": "● done", "failed": "✖ failed", "interrupted": "▲ interrupted",
           "cancelled": "– cancelled"}


def runs(view: View) -> None:
    """The last runs, newest first; while one is running, its progress is looked up again every two seconds."""
    running = "running" in view.store.runs(_LAST).column("state").to_pylist()
    (_watched if running else _drawn)(view)
    view.export("runs", view.store.runs(1000))


@st.fragment(run_every=2.0)
def _watched(view: View) -> None:
    _drawn(view)


def _drawn(view: View) -> None:
    st.subheader("Runs", anchor=False)
    rows = view.store.runs(_LAST).to_pylist()
    if not rows:
        st.markdown(":small[:gray[Nothing has been run yet: `python -m monitoring run`, or keep the dashboard open.]]")
        return
    for row in rows:
        if row["state"] == "running":
            share = min(row["done"] / row["total"], 1.0) if row["total"] else 0.0
            steps = f"{number(row['done'])} of {number(row['total'])} windows"
            st.progress(share, text=f"{plain(row['model'] or 'all models')}: {steps} {plain(row['note'] or '')}")
    st.dataframe(
        {
            "State": [_STATES.get(row["state"], row["state"]) for row in rows],
            "Model": [row["model"] or "all" for row in rows],
            "Started": [moment(row["started_at"], view.look.zone) for row in rows],
            "Took": [with_unit(((row["finished_at"] or row["updated_at"]) - row["started_at"]).total_seconds(), "s") for row in rows],
            "Windows": [f"{number(row['done'])} of {number(row['total'])}" for row in rows],
            "Points": [number(row["points"]) for row in rows],
            "Failed": [number(row["failed"]) for row in rows],
            "Insufficient data": [number(row["insufficient"]) for row in rows],
            "Reason": [row["reason"] or "" for row in rows],
        },
        hide_index=True,
    )


def quarantine(view: View) -> None:
    """What could not be used, by reason, and the lines themselves as text."""
    st.subheader("Quarantine", anchor=False)
    table = view.store.quarantine()
    if not table.num_rows:
        st.markdown(f"{STATUSES['ok'].rich} Every line read so far could be used.")
        return
    rows = table.to_pylist()
    reasons = Counter((row["model"] or "", row["reason"]) for row in rows).most_common()
    st.dataframe({"Lines": aligned(count for _, count in reasons), "Model": [model for (model, _), _ in reasons],
                  "Reason": [reason for (_, reason), _ in reasons]}, hide_index=True,
                 column_config={"Lines": st.column_config.TextColumn(alignment="right")})
    with st.expander(f"The lines themselves (newest {min(len(rows), _SHOWN)} of {number(len(rows))}; the export has all)"):
        newest = rows[:_SHOWN]
        st.dataframe({"At": [moment(row["quarantined_at"], view.look.zone) for row in newest], "Reason": [row["reason"] for row in newest],
                      "Line": [row["line"] for row in newest], "Segment": [row["segment"] for row in newest],
                      "Byte": [row["position"] for row in newest]}, hide_index=True)
    view.export("quarantine", table)


def events(view: View) -> None:
    """Events of the house, newest first."""
    st.subheader("Events", anchor=False)
    table = view.store.events(_SHOWN)
    if not table.num_rows:
        st.markdown(":small[:gray[Nothing noteworthy has happened yet.]]")
        return
    rows = table.to_pylist()
    st.dataframe({"At": [moment(row["happened_at"], view.look.zone) for row in rows],
                  "Level": [f"{STATUSES[_LEVELS.get(row['level'], 'none')].icon} {row['level']}" for row in rows],
                  "Kind": [row["kind"] for row in rows], "Model": [row["model"] or "" for row in rows],
                  "What": [row["text"] for row in rows]}, hide_index=True)
    view.export("events", table)
