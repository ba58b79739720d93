"""Points of gaps, slices and segments as sentences and rows of the Segments & fairness page."""

from __future__ import annotations

__all__ = ["Gaps", "as_table", "segments_table", "sentence", "slice_words"]

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from monitoring.charts.status import status_of
from monitoring.metrics import METRICS
from monitoring.segments.naming import conditions

Row = Mapping[str, Any]
_BAD = frozenset({"warn", "drift"})


@dataclass(frozen=True, slots=True)
class Gaps:
    """All gap points of a selection; a group's column is what comes before the `=` of its segment."""

    rows: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, points: pa.Table) -> Gaps:
        """From points of one version per window."""
        wanted = [row for row in points.to_pylist() if row["segment"] and METRICS[row["metric"]].group == "fairness"]
        return cls(tuple(row for row in wanted if row["metric"] != "slice_loss_gap"))

    def windows(self) -> list[tuple[datetime, datetime]]:
        """Windows with a value, newest first."""
        return sorted({(row["window_start"], row["window_end"]) for row in self.rows if row["value"] is not None}, reverse=True)

    def newest(self) -> datetime | None:
        """The newest complete window whose labels are all in; else the newest with a value."""
        good = [row["window_start"] for row in self.rows if row["value"] is not None and not row["partial"]
                and row["metric"] != "selection_rate_gap" and not _told(row).get("provisional")]
        return max(good, default=None) or max((start for start, _ in self.windows()), default=None)

    def columns(self) -> list[str]:
        """Columns whose values are compared, in the order of first sight."""
        return list(dict.fromkeys(_column(row) for row in self.rows))

    def chosen(self, column: str, metric: str, of: str) -> dict[str, list[dict[str, Any]]]:
        """The points of each group of a column, oldest window first; `of` is a class or `""`."""
        found: dict[str, list[dict[str, Any]]] = {}
        for row in sorted(self.rows, key=lambda row: row["window_start"]):
            if (_column(row), row["metric"], row["column"] or "") == (column, metric, of):
                found.setdefault(conditions(row["segment"])[0][1], []).append(row)
        return dict(sorted(found.items()))

    def at(self, start: datetime) -> list[dict[str, Any]]:
        """The points of one window."""
        return [row for row in self.rows if row["window_start"] == start]


def sentence(rows: Sequence[Row], slices: Sequence[Row]) -> str:
    """`3 of 84 gaps between groups are larger than in the reference: site=north (accuracy, …). …` for one window's gaps and slices."""
    judged = [row for row in rows if row["status"] in _BAD | {"ok"}]
    if not judged:
        return "No group is large enough to be compared in this window."
    bad = [row for row in judged if row["status"] in _BAD]
    largest = max(bad, key=lambda row: abs(row["value"]), default=None)
    named = f", the largest at {largest['segment']}" if largest else ""
    have = "has" if len(bad) == 1 else "have"
    said = f"{len(bad) or 'None'} of {len(judged)} gaps between groups {have} grown or passed the limit{named}."
    hidden = len(rows) - len(judged)
    said += f" {hidden} more are suppressed, because the groups are small." if hidden else ""
    return f"{said} Worse slices found by search: {', '.join(row['segment'] for row in slices) or 'none'}."


def as_table(groups: Mapping[str, Sequence[Row]], start: datetime) -> pa.Table:
    """The groups of one window as the page shows them: one row per group, values as they are stored."""
    rows = [(name, row) for name, some in groups.items() for row in some if row["window_start"] == start]
    told = [_told(row) for _, row in rows]
    return pa.table({
        "Status": [status_of(row["status"]).text for _, row in rows], "Group": [name for name, _ in rows],
        "n": pa.array([row["n"] if row["value"] is not None else None for _, row in rows], pa.int64()),
        "Rate": _floats(one.get("group") for one in told), "Others": _floats(one.get("rest") for one in told),
        "Gap": _floats(row["value"] for _, row in rows), "From": _floats(row["lower"] for _, row in rows),
        "To": _floats(row["upper"] for _, row in rows), "Reference": _floats(row["threshold"] for _, row in rows),
        "Why": [row["reason"] or "" for _, row in rows],
    })  # fmt: skip


def segments_table(points: pa.Table, start: datetime) -> pa.Table:
    """The segments of one window from their `drift_share` points, those that drifted most surely first."""
    rows = [row for row in points.to_pylist() if row["metric"] == "drift_share" and row["segment"] and row["window_start"] == start]
    rows.sort(key=lambda row: (-status_of(row["status"]).rank, 1.0 if row["p_value"] is None else row["p_value"], row["segment"]))
    return pa.table({
        "Status": [status_of(row["status"]).text for row in rows], "Segment": [row["segment"] for row in rows],
        "Rows": pa.array([row["n"] for row in rows], pa.int64()),
        "Drifted features": [", ".join(_told(row).get("drifted", [])) for row in rows],
        "Judged": pa.array([_told(row).get("judged") for row in rows], pa.int64()),
        "Why": [row["reason"] or "" for row in rows],
    })  # fmt: skip


def slice_words(points: pa.Table, start: datetime) -> str:
    """What the search says of one window: how many slices were tried and what came of it, or why there was none."""
    return next((row["reason"] or "" for row in points.to_pylist()
                 if row["metric"] == "slices_found" and not row["segment"] and row["window_start"] == start), "")


def _column(row: Row) -> str:
    return conditions(row["segment"])[0][0]


def _told(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["detail"] or "{}")
    return found


def _floats(values: Any) -> pa.Array:
    return pa.array(list(values), pa.float64())
