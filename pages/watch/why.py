"""The part "When and why" of a page: what is open, since when, what carries it, and where it sits."""

from __future__ import annotations

__all__ = ["open_causes", "show_causes"]

from collections.abc import Collection, Sequence
from typing import Any

import streamlit as st

from monitoring.metrics import METRICS
from pages.findings.why import why_table
from pages.frame import View
from pages.watch.reasons import show_reasons


def open_causes(view: View, groups: Collection[str]) -> list[dict[str, Any]]:
    """The causes of open findings in these groups of metrics, as the newest run stored them. They are of all rows: none for a segment."""
    if view.selection.segment:
        return []
    found = view.store.causes(view.selection.model, str(view.spec.get("window") or "1d")).to_pylist()
    return [row for row in found if METRICS[row["metric"]].group in groups]


def show_causes(view: View, found: Sequence[dict[str, Any]]) -> None:
    """What `open_causes` found, as a table with its reasons; nothing where nothing is open."""
    if not found:
        return
    zone = view.selection.zone
    st.markdown("##### When and why")
    table = why_table(found, zone)
    rows, words = table.to_pylist(), st.column_config.TextColumn
    silent = [name for name in ("Between", "In", "Carried by") if not any(row[name] for row in rows)]
    tall = 54 if any(len(row["Finding"]) > 34 or len(row["Carried by"]) > 60 for row in rows) else 35  # pixels: two lines, or one
    st.dataframe(
        table.drop_columns(["Why", *silent]), hide_index=True, height=min(38 + tall * len(found), 440), row_height=tall,
        alt="Each open finding: since when, what changed, what carries it",
        column_config={
            "Status": words(width=90), "Finding": words(width=210), "Since": words(f"Since ({zone})", width=130),
            "Between": words(width=150, help="95 % interval of the beginning; empty where it is that one window"),
            "What changed": words(width=110, help="The population: other rows. The relation: other labels for the same rows"),
            "In": words(width=110), "Carried by": words(width=360, help="Shares of the drift of all features together"),
        },
    )  # fmt: skip
    show_reasons((("", row["Finding"], row["Why"]) for row in rows), of="findings", folded=True)
    st.markdown(":small[:gray[Of what is open in the newest judged window, over all rows. docs/causes.md says how each column is found and "
                "what “cannot tell” means.]]")
