"""What is known of the labels behind the numbers: as of which day, how late they come, and whether they are a fair sample."""

from __future__ import annotations

__all__ = ["as_known", "labels", "revisions", "say_as_known"]

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from monitoring.charts.labels import label_delay
from monitoring.charts.numbers import aligned, interval, moment, number, with_unit
from monitoring.charts.status import status_of
from monitoring.known import not_computed_by
from monitoring.metrics import METRICS
from monitoring.moments import end_of, today
from pages.findings.causes import mature
from pages.frame import View, plain
from pages.watch.controls import pick_day

_RIGHT = st.column_config.TextColumn(alignment="right")
_HELP = "Shows what had been computed by the end of that day (UTC), from the labels known then. Empty: everything known now."


def as_known() -> datetime | None:
    """The end of the chosen day; None where none is chosen, or it is not over. Of a day to come the page says that it cannot be shown."""
    day = pick_day("asof", "As known on", help=_HELP)
    if day is None:
        return None
    if day > today():
        st.info(f"{day} lies in the future: shown is what is known now. Choose today ({today()}, UTC) or an earlier day.",
                icon=":material/history:")
        return None
    end = end_of(day)
    return end if end <= datetime.now(UTC) else None


def say_as_known(view: View, table: pa.Table, known: datetime) -> None:
    """Says from when the findings are; ends the page where there are none."""
    computed = view.store.computed(view.selection.model, window=view.selection.window, as_of=known)
    if not table.num_rows:
        st.info(f"{plain(not_computed_by(computed, known))} Choose a later day, or none for what is known now.", icon=":material/history:")
        view.end()
    st.info(f"As known on {plain(moment(known, view.look.zone))} {view.look.zone}, last computed "
            f"{plain(moment(computed['last'], view.look.zone))}. Labels that came later are left out; curves are kept of the newest "
            "computation only and not shown.", icon=":material/history:")


def labels(view: View, own: pa.Table, at: datetime, *, curve: bool) -> None:
    """The labels of the window that starts at `at`: coverage and delay in a sentence, the delay curve, and how labelled rows differ."""
    rows = {(row["metric"], row["column"]): row for row in own.filter(pc.field("window_start") == at).to_pylist()}
    coverage, half, most = (rows.get((name, "")) for name in ("label_coverage", "label_delay_p50", "label_delay_p95"))
    selection = sorted((row for (name, _), row in rows.items() if name == "label_selection" and row["value"] is not None),
                       key=lambda row: -row["value"])  # fmt: skip
    differ = [row["column"] for row in selection if row["status"] == "warn"]
    if differ:
        first = ", ".join(plain(name) for name in differ[:3]) + (f" and {len(differ) - 3} more" if len(differ) > 3 else "")
        st.markdown(f"{status_of('warn').rich} Labelled rows of this window differ from the others in {first}: "
                    "what is measured on them need not hold for all.")
    with st.expander(_headline(coverage, half, most), icon=":material/label:"):
        left, right = st.columns(2, gap="large")
        with left:
            profiles = view.profiles(at, "label_delay") if curve else None
            if profiles is not None and profiles.num_rows:
                view.chart(view.drawn(label_delay, profiles), "Labels by delay", key="performance.label-delay",
                           alt="Share of the window's predictions with a known label over the time since the prediction.",
                           note="Of all predictions of the window; the line ends at the label coverage.")
            else:
                st.markdown(":small[:gray[No delays are stored for this window.]]")
        with right:
            st.markdown("##### Labelled rows against the others")
            _selection(selection, rows.get(("label_selection", "")))


def _headline(coverage: dict[str, Any] | None, half: dict[str, Any] | None, most: dict[str, Any] | None) -> str:
    if coverage is None or coverage["value"] is None:
        return "Labels"
    parts = [f"Labels of {with_unit(coverage['value'], 'share')} of the window"]
    if half is not None and half["value"] is not None:
        parts.append(f"half of them within {with_unit(half['value'], 's')}")
    if most is not None and most["value"] is not None:
        parts.append(f"95 % within {with_unit(most['value'], 's')}")
    return plain(", ".join(parts))


def _selection(rows: list[dict[str, Any]], none: dict[str, Any] | None) -> None:
    if not rows:
        st.markdown(f":small[:gray[{plain((none or {}).get('reason') or 'Too few rows on one side to compare.')}]]")
        return
    st.dataframe(
        {
            "Status": [status_of(row["status"]).text for row in rows],
            "Column": [row["column"] for row in rows],
            "Difference": [with_unit(row["value"], "share") for row in rows],
            "p": [number(row["p_value"]) for row in rows],
            "Labelled": aligned(row["n"] for row in rows),
            "Others": aligned(row["n_reference"] for row in rows),
        },
        hide_index=True, height=280, column_config=dict.fromkeys(("Difference", "p", "Labelled", "Others"), _RIGHT),
    )
    st.markdown(":small[:gray[Largest difference of shares between labelled and unlabelled rows (Kolmogorov–Smirnov; categories: total "
                "variation). A warning needs 10 % and a p-value that any column reaches by chance in 0.1 % of windows.]]")


def revisions(view: View, metric: str, column: str, at: datetime) -> None:
    """How the value of one window changed as labels came; nothing where it never did."""
    rows = view.store.point_history(view.selection.model, view.version_at(at), view.selection.window, at, metric, column=column,
                                    segment=view.selection.segment).to_pylist()  # fmt: skip
    if len({(row["value"], row["n_labelled"]) for row in rows}) < 2:
        return
    unit = METRICS[metric].unit
    with st.expander(f"{METRICS[metric].label} of this window was computed {len(rows)} times", icon=":material/history:"):
        st.dataframe(
            {
                "Computed": [moment(row["computed_at"], view.look.zone) for row in rows],
                "Value": [with_unit(row["value"], unit) for row in rows],
                "95 % interval": [interval(row["lower"], row["upper"], unit) for row in rows],
                "Labels": aligned(row["n_labelled"] for row in rows),
                "Coverage": [with_unit(row["label_coverage"], "share") for row in rows],
                "Labels are": ["all in" if mature(row) else "provisional" for row in rows],
            },
            hide_index=True, column_config=dict.fromkeys(("Value", "95 % interval", "Labels", "Coverage"), _RIGHT),
        )
