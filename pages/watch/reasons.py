"""Why findings have their status, in sentences below a table: in a column of the table they would be cut off."""

from __future__ import annotations

__all__ = ["show_reasons"]

from collections.abc import Iterable

import streamlit as st

from monitoring.charts.status import status_of
from pages.findings.reasons import Reason, grouped
from pages.frame import plain

_SHOWN = 6  # lines before the rest goes into an expander
_NAMED = 5  # findings of one line


def show_reasons(rows: Iterable[tuple[str, str, str | None]], *, of: str, folded: bool = False) -> None:
    """(status, name, reason) of findings: what needs attention or could not be judged as lines, all else folded away; with `folded`
    everything is. `of` says in the plural what the rows are, for the line of what is folded away.
    """
    every = grouped(rows)
    loud = [] if folded else [reason for reason in every if reason.status is not status_of("ok") and reason.status.rank > 0][:_SHOWN]
    rest = [reason for reason in every if reason not in loud]
    if loud:
        st.markdown("\n".join(map(_line, loud)))
    if rest:
        count = sum(len(reason.names) for reason in rest)
        with st.expander(f"Why of the other {of}" if loud else f"Why of all {count} {of}", icon=":material/notes:"):
            st.markdown("\n".join(map(_line, rest)))


def _line(reason: Reason) -> str:
    names = ", ".join(reason.names[:_NAMED]) + (f" and {len(reason.names) - _NAMED} more" if len(reason.names) > _NAMED else "")
    status = f"{reason.status.rich} " if reason.status.rank >= 0 else ""
    return f"- :small[{status}**{plain(names)}**: {plain(reason.words)}]"
