"""One column's drift in words, and its statistics side by side."""

from __future__ import annotations

__all__ = ["of_segments", "segments_table", "sentence", "statistics_table"]

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from monitoring.charts.numbers import aligned, number, signed, span, with_unit
from monitoring.charts.status import status_of
from monitoring.drift import METHODS, base_method, method_label

_ORDER = {
    "mean": "Mean", "std": "Standard deviation", "min": "Minimum", "max": "Maximum", "missing": "Missing", "unique": "Distinct values",
}


def sentence(point: Mapping[str, Any], *, zone: str) -> str:
    """`amount: Jensen-Shannon distance 0.18, past its threshold of 0.10, in …: 1 312 rows against 5 000 of the reference.`"""
    when = span(point["window_start"], point["window_end"], zone) + (" (not over yet)" if point["partial"] else "")
    rows = f"{number(point['n'])} rows against {number(point['n_reference'])} of the reference"
    if point["value"] is None or point["threshold"] is None:
        return f"{point['column']}: {status_of(point['status']).word.lower()} in {when}. {point['reason'] or 'No verdict was reached.'}"
    if point["status"] not in ("ok", "warn", "drift"):
        return f"{point['column']}: {status_of(point['status']).word.lower()} in {when}. {point['reason'] or ''} {rows}.".replace("  ", " ")
    known = METHODS.get(base_method(point["method"]))
    p_value = known is not None and not known.larger_is_drift
    crossed = point["value"] <= point["threshold"] if p_value else point["value"] >= point["threshold"]
    side = ("below" if p_value else "past") if crossed else ("above" if p_value else "within")
    label = method_label(point["method"]) if known else point["method"]
    value = f"{number(point['value'])}, {side} its threshold of {number(point['threshold'])}"
    return f"{point['column']}: {label} {value}, in {when}: {rows}."


def statistics_table(before: pa.Table, after: pa.Table, names: tuple[str, str]) -> pa.Table:
    """One row per statistic that either side has, with the change; texts with three significant digits, shares in percent."""
    old = {row["label"]: row["value"] for row in before.to_pylist()}
    new = {row["label"]: row["value"] for row in after.to_pylist()}
    labels = [label for label in _ORDER if label in old or label in new]
    units = ["share" if label == "missing" else "" for label in labels]
    return pa.table({
        "Statistic": [_ORDER[label] for label in labels],
        names[0]: [with_unit(old.get(label), unit) for label, unit in zip(labels, units, strict=True)],
        names[1]: [with_unit(new.get(label), unit) for label, unit in zip(labels, units, strict=True)],
        "Change": [signed(new[label] - old[label], unit) if label in old and label in new else "–"
                   for label, unit in zip(labels, units, strict=True)],
    })  # fmt: skip


def of_segments(points: pa.Table, start: datetime) -> list[dict[str, Any]]:
    """One column's drift points in the window, of all rows and of each segment: all rows first, then the most alarming."""
    rows = points.filter(pc.field("window_start") == start).to_pylist()
    return sorted(rows, key=lambda row: (row["segment"] != "", -status_of(row["status"]).rank, row["segment"]))


def segments_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The rows of `of_segments` as the page shows them."""
    return pa.table({
        "Segment": [row["segment"] or "All rows" for row in rows], "Status": [status_of(row["status"]).text for row in rows],
        "Score": aligned(row["value"] for row in rows), "Threshold": aligned(row["threshold"] for row in rows),
        "Rows": aligned(row["n"] for row in rows), "Reference": aligned(row["n_reference"] for row in rows),
    })  # fmt: skip
