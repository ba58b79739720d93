"""Health: is everything that was logged here, how far is the work, how large are things, and what went wrong."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import streamlit as st

from monitoring.charts.numbers import aligned, number, with_unit
from monitoring.charts.status import STATUSES
from pages.frame import View, page, plain
from pages.operate import what_happened
from pages.operate.accounting import ACCOUNTS, accounting, size, sum_of_accepted

_LEVELS = {"ok": "ok", "warn": "warn", "error": "failed"}


def _verdict(view: View, facts: dict[str, Any]) -> None:
    """What a person should do, worst first; or that there is nothing to do."""
    view.status(STATUSES[_LEVELS.get(str(facts.get("status")), "ok")])
    for item in sorted(facts.get("advice", ()), key=lambda item: item["level"] != "error"):
        st.markdown(f"{STATUSES[_LEVELS[item['level']]].rich} {plain(item['what'])} {plain(item['do'])}")


def _counted(count: int, what: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{number(count)} {what}" + ("" if count == 1 else "s")


def _tiles(facts: dict[str, Any]) -> None:
    """Four numbers that answer whether everything logged has arrived."""
    spool, counts = facts["spool"], facts["accounting"]
    newest = facts.get("newest_prediction")
    age = (datetime.now(UTC) - datetime.fromisoformat(newest)).total_seconds() if newest else None
    tiles = (
        ("Not yet ingested", _counted(counts["in_spool"], "record"),
         f"{size(spool['backlog_bytes'])} in {number(spool['backlog_segments'])} of {number(spool['segments'])} segments"),
        ("Newest prediction", "–" if age is None else f"{with_unit(max(age, 0.0), 's')} ago",
         f"{number(sum(model['predictions'] for model in facts['models']))} predictions in all"),
        ("Quarantined", _counted(counts["lines_quarantined"], "line"),
         f"{_counted(counts['lost'], 'record')} lost on the way"),
        ("Database", size(facts["database"]["bytes"]), f"{size(facts['free_bytes'])} of disk are free"),
    )
    for place, (label, value, rests_on) in zip(st.columns(4), tiles, strict=True):
        with place.container(border=True, height="stretch"):
            st.markdown(f":small[{label}]  \n**{value}**  \n:small[:gray[{plain(rests_on)}]]")


with page("health") as view:
    facts = view.house.health()
    _verdict(view, facts)
    _tiles(facts)
    st.subheader("Accounting", anchor=False)
    st.markdown(f":small[{sum_of_accepted(facts)}]")
    counts = accounting(facts)
    st.dataframe({"What": counts.column("what").to_pylist(), "Count": aligned(counts.column("count").to_pylist()),
                  "Meaning": [ACCOUNTS.get(name, "") for name in counts.column("what").to_pylist()]},
                 hide_index=True, height="content", column_config={"Count": st.column_config.TextColumn(alignment="right")})
    view.export("accounting", counts)
    what_happened.runs(view)
    what_happened.quarantine(view)
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
    what_happened.events(view)
