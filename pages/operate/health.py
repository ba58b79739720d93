"""Health: is everything that was logged here, how far is the work, how large are things, and what went wrong."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import streamlit as st

from monitoring.charts.numbers import moment, number, with_unit
from monitoring.charts.status import STATUSES
from pages.frame import View, page, plain
from pages.operate.accounting import ACCOUNTS, accounting, size

_SHOWN = 200  # rows of quarantine and events on the page; the export has all
_LEVELS = {"ok": "ok", "info": "ok", "warn": "warn", "warning": "warn", "error": "failed"}
_STATES = {"running": "▶ running", "done": "● done", "failed": "✖ failed", "interrupted": "▲ interrupted"}


def _verdict(view: View, facts: dict[str, Any]) -> None:
    """What a person should do, worst first; or that there is nothing to do."""
    view.status(STATUSES[_LEVELS.get(str(facts.get("status")), "ok")])
    for item in sorted(facts.get("advice", ()), key=lambda item: item["level"] != "error"):
        st.markdown(f"{STATUSES[_LEVELS[item['level']]].rich} {plain(item['what'])} {plain(item['do'])}")


def _tiles(facts: dict[str, Any]) -> None:
    """Four numbers that answer whether everything logged has arrived."""
    spool, counts = facts["spool"], facts["accounting"]
    newest = facts.get("newest_prediction")
    age = (datetime.now(UTC) - datetime.fromisoformat(newest)).total_seconds() if newest else None
    tiles = (
        ("Not yet ingested", size(spool["backlog_bytes"]),
         f"in {number(spool['backlog_segments'])} of {number(spool['segments'])} segments"),
        ("Newest prediction", "–" if age is None else f"{with_unit(max(age, 0.0), 's')} ago",
         f"{number(sum(model['predictions'] for model in facts['models']))} predictions in all"),
        ("Quarantined", f"{number(counts['quarantined'])} lines", f"{number(counts['lost'])} lost on the way"),
        ("Database", size(facts["database"]["bytes"]), f"{size(facts['free_bytes'])} of disk are free"),
    )
    for place, (label, value, rests_on) in zip(st.columns(4), tiles, strict=True):
        with place.container(border=True, height="stretch"):
            st.markdown(f":small[{label}]  \n**{value}**  \n:small[:gray[{plain(rests_on)}]]")


@st.fragment(run_every=2.0)
def _watched_runs(view: View) -> None:
    _runs(view)


def _runs(view: View) -> None:
    """The last runs; a running one with its progress."""
    st.subheader("Runs", anchor=False)
    rows = view.store.runs(20).to_pylist()
    if not rows:
        st.markdown(":small[:gray[Nothing has been run yet: `python -m monitoring run`, or keep the dashboard open.]]")
        return
    for row in rows:
        if row["state"] == "running":
            share = min(row["done"] / row["total"], 1.0) if row["total"] else 0.0
            steps = f"{row['done']} of {row['total']} windows"
            st.progress(share, text=f"{plain(row['model'] or 'all models')}: {steps} {plain(row['note'] or '')}")
    st.dataframe(
        {
            "State": [_STATES.get(row["state"], row["state"]) for row in rows],
            "Model": [row["model"] or "all" for row in rows],
            "Started": [moment(row["started_at"], view.look.zone) for row in rows],
            "Took": [with_unit(((row["finished_at"] or row["updated_at"]) - row["started_at"]).total_seconds(), "s") for row in rows],
            "Windows": [f"{row['done']} of {row['total']}" for row in rows],
            "Points": [number(row["points"]) for row in rows],
            "Failed": [number(row["failed"]) for row in rows],
            "Insufficient data": [number(row["insufficient"]) for row in rows],
            "Reason": [row["reason"] or "" for row in rows],
        },
        hide_index=True,
    )


def _quarantine(view: View) -> None:
    """What could not be used, by reason, and the lines themselves as text."""
    st.subheader("Quarantine", anchor=False)
    table = view.store.quarantine()
    if not table.num_rows:
        st.markdown(f"{STATUSES['ok'].rich} Every line read so far could be used.")
        return
    rows = table.to_pylist()
    reasons = Counter((row["model"] or "", row["reason"]) for row in rows).most_common()
    st.dataframe({"Lines": [count for _, count in reasons], "Model": [model for (model, _), _ in reasons],
                  "Reason": [reason for (_, reason), _ in reasons]}, hide_index=True)
    with st.expander(f"The lines themselves (newest {min(len(rows), _SHOWN)} of {number(len(rows))}; the export has all)"):
        newest = rows[:_SHOWN]
        st.dataframe({"At": [moment(row["quarantined_at"], view.look.zone) for row in newest], "Reason": [row["reason"] for row in newest],
                      "Line": [row["line"] for row in newest], "Segment": [row["segment"] for row in newest],
                      "Byte": [row["position"] for row in newest]}, hide_index=True)
    view.export("quarantine", table)


def _what_happened(view: View) -> None:
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


with page("health") as view:
    facts = view.house.health()
    _verdict(view, facts)
    _tiles(facts)
    st.subheader("Accounting", anchor=False)
    counts = accounting(facts)
    st.dataframe({"What": counts.column("what").to_pylist(), "Count": counts.column("count").to_pylist(),
                  "Meaning": [ACCOUNTS.get(name, "") for name in counts.column("what").to_pylist()]},
                 hide_index=True, height="content", column_config={"Count": st.column_config.NumberColumn(format="localized")})
    view.export("accounting", counts)
    (_watched_runs if "running" in view.store.runs(20).column("state").to_pylist() else _runs)(view)
    view.export("runs", view.store.runs(1000))
    _quarantine(view)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Storage", anchor=False)
        kept = {"Database": size(facts["database"]["bytes"]), "Write-ahead log": str(facts["database"]["wal"]),
                "Archive of segments": f"{size(facts['archive']['bytes'])} in {number(facts['archive']['files'])} files",
                "Quarantine": f"{size(facts['quarantine']['bytes'])} in {number(facts['quarantine']['files'])} files",
                "Free on this disk": size(facts["free_bytes"])}
        st.dataframe({"Place": list(kept), "Size": list(kept.values())}, hide_index=True)
        st.markdown(f":small[Home: `{plain(facts['home'])}`, owned by process {facts['holder']['pid']}]")
    with right:
        st.subheader("Versions", anchor=False)
        versions = {"python": facts["python"], **facts["packages"], "database schema": facts["database"]["schema_version"]}
        st.dataframe({"Package": list(versions), "Version": [str(version) for version in versions.values()]}, hide_index=True,
                     height="content")
        view.export("versions", pa.table({"package": list(versions), "version": [str(version) for version in versions.values()]}))
    _what_happened(view)
