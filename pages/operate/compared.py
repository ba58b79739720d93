"""Two windows' findings beside each other: which numbers differ, and by how much."""

from __future__ import annotations

__all__ = ["compared"]

from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from monitoring.charts.numbers import number, span, with_unit
from monitoring.charts.status import status_of
from monitoring.metrics import METRICS
from pages.frame import View, plain

Key = tuple[str, str, str, str]
Bounds = tuple[datetime, datetime]

_GROUPS = ("classification", "regression", "ranking", "drift", "labels", "traffic", "quality")


def compared(view: View, points: pa.Table, first: Bounds, second: Bounds) -> None:
    """A table of every metric that both windows have: changed statuses first, then by group, largest relative difference first.

    `points` are those of the selection.
    """
    here, there = (_of_window(points, bounds) for bounds in (first, second))
    both = [key for key in here if key in there and here[key]["value"] is not None and there[key]["value"] is not None]
    both.sort(key=lambda key: _order(key, here[key], there[key]))
    st.markdown(f"##### What differs\n:small[:gray[A: {plain(span(*first, view.look.zone))} · B: {plain(span(*second, view.look.zone))}]]")
    if not both:
        st.markdown(":small[:gray[The two windows have no metric in common.]]")
        return
    units = [METRICS[key[0]].unit if key[0] in METRICS else "score" for key in both]
    st.dataframe(
        {
            "Metric": [_words(key) for key in both],
            "A": [with_unit(here[key]["value"], unit) for key, unit in zip(both, units, strict=True)],
            "B": [with_unit(there[key]["value"], unit) for key, unit in zip(both, units, strict=True)],
            "A − B": [_signed(here[key]["value"] - there[key]["value"], unit) for key, unit in zip(both, units, strict=True)],
            "Status of A": [status_of(here[key]["status"]).text for key in both],
            "Status of B": [status_of(there[key]["status"]).text for key in both],
            "n of A": [number(here[key]["n"]) for key in both],
            "n of B": [number(there[key]["n"]) for key in both],
        },
        hide_index=True, height=320,
    )


def _of_window(points: pa.Table, bounds: Bounds) -> dict[Key, dict[str, Any]]:
    start = pc.equal(points.column("window_start"), pa.scalar(bounds[0], points.column("window_start").type))
    return {(row["metric"], row["column"], row["method"], row["kind"]): row for row in points.filter(start).to_pylist()
            if row["window_end"] == bounds[1]}


def _order(key: Key, one: dict[str, Any], other: dict[str, Any]) -> tuple[bool, int, float]:
    """What a reader wants first: another status, then performance and drift before traffic and quality, then how far apart."""
    group = METRICS[key[0]].group if key[0] in METRICS else ""
    place = _GROUPS.index(group) if group in _GROUPS else len(_GROUPS)
    return one["status"] == other["status"], place, -_relative(one["value"], other["value"])


def _relative(one: float, other: float) -> float:
    """|a − b| over the larger of the two, 0 to 2: comparable across units."""
    largest = max(abs(one), abs(other))
    return abs(one - other) / largest if largest else 0.0


def _signed(value: float, unit: str) -> str:
    """A difference with its sign; of shares it is in percentage points."""
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    return f"{sign}{number(abs(value) * 100)} pp" if unit == "share" else f"{sign}{with_unit(abs(value), unit)}"


def _words(key: Key) -> str:
    metric, column, method, _ = key
    label = METRICS[metric].label if metric in METRICS else metric
    return f"{label}, {column}" + (f" ({method})" if metric == "drift" else "") if column else label
