"""The part "When and why" of a page: what is open, since when, what carries it, and where it sits."""

from __future__ import annotations

__all__ = ["show_causes"]

from collections.abc import Collection

import streamlit as st

from monitoring.metrics import METRICS
from pages.findings.why import why_table
from pages.frame import View


def show_causes(view: View, groups: Collection[str]) -> None:
    """The causes of open findings in these groups of metrics, as the newest run stored them; nothing where nothing is open."""
    found = [row for row in view.store.causes(view.selection.model, str(view.spec.get("window") or "1d")).to_pylist()
             if METRICS[row["metric"]].group in groups]  # fmt: skip
    if not found or view.selection.segment:
        return
    zone = view.selection.zone
    st.markdown("##### When and why")
    table = why_table(found, zone)
    words = st.column_config.TextColumn
    st.dataframe(
        table, hide_index=True, height=min(38 + 35 * len(found), 400), alt="Each open finding: since when, what changed, what carries it",
        column_config={
            "Status": words(width=90), "Finding": words(width=270), "Since": words(f"Since ({zone})", width=140),
            "Between": words(width=150, help="95 % interval of the beginning; empty where it is that one window"),
            "What changed": words(width=130, help="The population: other rows. The relation: other labels for the same rows"),
            "In": words(width=150), "Carried by": words(width=240, help="Shares of the drift of all features together"),
            "Why": words(width=420),
        },
    )  # fmt: skip
    st.markdown(":small[:gray[Of what is open in the newest judged window, over all rows. docs/causes.md says how each column is found and "
                "what “cannot tell” means.]]")
