"""Points of gaps, slices and segments as sentences and rows of the Segments & fairness page."""

from __future__ import annotations

__all__ = ["Gaps", "Row", "as_table", "drift_of_segments", "drift_sentence", "segments_table", "sentence", "slice_words"]

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from monitoring.charts.numbers import aligned, signed, with_unit
from monitoring.charts.status import status_of
from monitoring.metrics import METRICS
from monitoring.segments.naming import conditions, segment_name
from pages.findings.timeline import windows_of

Row = Mapping[str, Any]
_BAD = frozenset({"warn", "drift"})


@dataclass(frozen=True, slots=True)
class Gaps:
    """All gap points of a selection; a group's column is what comes before the `=` of its segment.

    They stay a table: of thousands of points a page shows one window's and one gap's, and making Python values of all takes longest.
    """

    table: pa.Table

    @classmethod
    def of(cls, points: pa.Table) -> Gaps:
        """From points of one version per window."""
        fair = [name for name, metric in METRICS.items() if metric.group == "fairness" and name != "slice_loss_gap"]
        return cls(points.filter((pc.field("segment") != "") & pc.field("metric").isin(fair)))

    def windows(self) -> dict[datetime, datetime]:
        """Start and end of the windows with a value, newest first."""
        return windows_of(self.table.filter(pc.is_valid(self.table.column("value"))))

    def newest(self) -> datetime | None:
        """The newest complete window whose labels are all in; else the newest with a value."""
        windows = self.windows()
        return next((start for start in windows if any(_is_settled(row) for row in self.at(start))), None) or max(windows, default=None)

    def columns(self) -> list[str]:
        """Columns whose values are compared, in the order of first sight."""
        return list(dict.fromkeys(conditions(segment)[0][0] for segment in self.table.column("segment").unique().to_pylist()))

    def metrics(self, column: str) -> tuple[list[str], list[str]]:
        """The gaps that a column's groups have, in the order of the registry: all, and those with a value in some window."""
        own = self._of(column)
        there, known = set(own.column("metric").to_pylist()), set(own.filter(pc.is_valid(own.column("value"))).column("metric").to_pylist())
        return [name for name in METRICS if name in there], [name for name in METRICS if name in known]

    def classes(self, column: str, metric: str) -> list[str]:
        """The classes of a gap that has one for each; `[""]` of one that has none."""
        own = self._of(column)
        return sorted(set(own.filter(pc.field("metric") == metric).column("column").to_pylist()))

    def chosen(self, column: str, metric: str, of: str) -> dict[str, list[dict[str, Any]]]:
        """The points of each group of a column, oldest window first; `of` is a class or `""`."""
        own = self._of(column).filter((pc.field("metric") == metric) & (pc.field("column") == of)).sort_by("window_start")
        found: dict[str, list[dict[str, Any]]] = {}
        for row in own.to_pylist():
            found.setdefault(conditions(row["segment"])[0][1], []).append(row)
        return dict(sorted(found.items()))

    def at(self, start: datetime) -> list[dict[str, Any]]:
        """The points of one window."""
        return list(self.table.filter(pc.field("window_start") == start).to_pylist())

    def _of(self, column: str) -> pa.Table:
        return self.table.filter(pc.starts_with(self.table.column("segment"), segment_name([(column, "")])))


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


def as_table(rows: Sequence[tuple[str, Row]], unit: str) -> pa.Table:
    """The groups of one window (name and point) as the page shows them: one row per group, values as pages write them."""
    told = [_told(row) for _, row in rows]
    return pa.table({
        "Status": [status_of(row["status"]).text for _, row in rows], "Group": [name for name, _ in rows],
        "n": aligned(row["n"] if row["value"] is not None else None for _, row in rows),
        "Rate": [with_unit(one.get("group"), unit) for one in told], "Others": [with_unit(one.get("rest"), unit) for one in told],
        "Gap": [signed(row["value"], unit) for _, row in rows],
        "95 % interval": ["" if row["lower"] is None else f"[{signed(row['lower'], unit)}, {signed(row['upper'], unit)}]"
                          for _, row in rows],
        "Gap in the reference": [signed(row["threshold"], unit) for _, row in rows],
    })  # fmt: skip


def drift_of_segments(rows: Sequence[Row], start: datetime) -> list[Row]:
    """The `drift_share` points of the window's segments, those that drifted most surely first."""
    found = [row for row in rows if row["metric"] == "drift_share" and row["segment"] and row["window_start"] == start]
    sure = {row["segment"]: 1.0 if row["p_value"] is None else row["p_value"] for row in found}
    return sorted(found, key=lambda row: (-status_of(row["status"]).rank, sure[row["segment"]], row["segment"]))


def drift_sentence(segments: Sequence[Row]) -> str:
    """`10 of 11 segments drifted, most surely channel=wallet.` of one window's `drift_of_segments`; empty where there are none."""
    judged = [row for row in segments if row["status"] in _BAD | {"ok"}]
    bad = [row for row in judged if row["status"] in _BAD]
    if not segments:
        return ""
    if not judged:
        return f"None of the {len(segments)} segments has rows enough to be judged for drift."
    return f"{len(bad) or 'None'} of {len(judged)} segments drifted{', most surely ' + bad[0]['segment'] if bad else ''}."


def segments_table(rows: Sequence[Row]) -> pa.Table:
    """The segments of one window, from its `drift_of_segments`."""
    told = [_told(row) for row in rows]
    return pa.table({
        "Status": [status_of(row["status"]).text for row in rows], "Segment": [row["segment"] for row in rows],
        "Rows": aligned(row["n"] for row in rows),
        "Drifted": ["–" if "judged" not in one else f"{len(one.get('drifted', []))} of {one['judged']}" for one in told],
        "Features that drifted": [", ".join(one.get("drifted", [])) for one in told],
    })  # fmt: skip


def slice_words(rows: Sequence[Row], start: datetime) -> str:
    """What the search says of one window: how many slices were tried and what came of it, or why there was none."""
    return next((row["reason"] or "" for row in rows
                 if row["metric"] == "slices_found" and not row["segment"] and row["window_start"] == start), "")


def _is_settled(row: Row) -> bool:
    """Whether the gap has a value and no label of its window is due any more; selection rates rest on no labels."""
    return (row["value"] is not None and not row["partial"] and row["metric"] != "selection_rate_gap"
            and not _told(row).get("provisional"))  # fmt: skip


def _told(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["detail"] or "{}")
    return found
