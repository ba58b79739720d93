"""The part "When and why" of a page: what is open, since when, what carries it, and where it sits."""

from __future__ import annotations

__all__ = ["open_causes", "show_causes"]

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import streamlit as st

from monitoring.causes.known import known_causes
from monitoring.metrics import METRICS
from monitoring.windows import own_window
from pages.findings.reasons import grouped
from pages.findings.why import why_table
from pages.frame import View, plain
from pages.watch.reasons import show_reasons

_NAMED = 3  # findings named in a line


def open_causes(view: View, groups: Collection[str], known: datetime | None = None) -> list[dict[str, Any]]:
    """The causes of open findings in these groups of metrics, as the newest run stored them, or with `known` of what was open then: from
    the points that held at that moment. They are of all rows: none for a segment."""
    if view.selection.segment:
        return []
    found = known_causes(view.store, view.selection.model, own_window(view.spec), as_of=known)
    return [row for row in found.to_pylist() if METRICS[row["metric"]].group in groups]


def show_causes(view: View, found: Sequence[dict[str, Any]]) -> None:
    """What `open_causes` found, as a table with its reasons; nothing where nothing is open."""
    if not found:
        return
    zone = view.selection.zone
    st.markdown("##### When and why")
    table = why_table(found, zone)
    rows, words = table.to_pylist(), st.column_config.TextColumn
    silent = [name for name in ("Between", "In") if not any(row[name] for row in rows)]
    st.dataframe(
        table.drop_columns(["Why", "Carried by", *silent]), hide_index=True, height=min(38 + 35 * len(found), 400),
        alt="Each open finding: since when, and what changed where",
        column_config={
            "Status": words(width=100), "Finding": words(width=290), "Since": words(f"Since ({zone})", width=140),
            "Between": words(width=260, help="95 % interval of the beginning; empty where it is that one window"),
            "What changed": words(width=120, help="The population: other rows. The relation: other labels for the same rows"),
            "In": words(width=140),
        },
    )  # fmt: skip
    _carried(rows)
    show_reasons((("", row["Finding"], row["Why"]) for row in rows), of="findings", folded=True)
    st.markdown(":small[:gray[Of what is open in the newest judged window, over all rows. docs/causes.md says how each column is found and "
                "what “cannot tell” means.]]")


def _carried(rows: Sequence[dict[str, Any]]) -> None:
    """Which features carry the findings, said once for all findings that share it: in a column of the table it would be cut off."""
    lines = []
    for one in grouped(("", row["Finding"], row["Carried by"]) for row in rows):
        names = ", ".join(one.names[:_NAMED]) + (f" and {len(one.names) - _NAMED} more" if len(one.names) > _NAMED else "")
        lines.append(f"- :small[**{plain(one.words)}**: {plain(names)}]")
    if lines:
        st.markdown(":small[:gray[Carried by, in shares of the drift of all features together:]]\n" + "\n".join(lines))
