"""Drift points as verdicts in words, and as rows of the drift table."""

from __future__ import annotations

__all__ = [
    "DRIFT_COLUMNS", "DriftRow", "Since", "drift_rows", "drift_rows_of", "drifted_since", "feature_order", "is_output", "newest_judged",
    "newest_judged_of", "verdict",
]

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

import pyarrow as pa

from monitoring.charts.drift import severity
from monitoring.charts.numbers import moment, span
from monitoring.charts.status import status_of
from monitoring.verdicts import percent
from pages.findings.rows import Row, rows_of

DRIFT_COLUMNS = ("window_start", "column", "status", "method", "value", "threshold", "n", "n_reference", "reason")
"""What `drift_rows_of` reads of a row."""

_JUDGED = frozenset({"ok", "warn", "drift"})


def is_output(column: str) -> bool:
    """Whether drift points of this column are of the prediction, the label, the score or one class's score; the verdict counts features."""
    return column in ("prediction", "score", "label") or column.startswith("score:")


@dataclass(frozen=True, slots=True, order=True)
class Since:
    """The start of an unbroken run of drift; `at_least` where it begins with the first window known, so that it may be older."""

    start: datetime
    at_least: bool

    def text(self, zone: str) -> str:
        """`30 Oct 2026 00:00`, or `30 Oct 2026 00:00 or before`."""
        return moment(self.start, zone) + (" or before" if self.at_least else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRow:
    """One column's drift in one window. `since` says where the unbroken run of drift that ends in it began; `trend` how far
    past the threshold each window up to it was (at most 10), oldest first, where that is known."""

    column: str
    status: str
    method: str
    score: float | None
    threshold: float | None
    n: int | None
    n_reference: int | None
    reason: str
    since: Since | None
    trend: tuple[float, ...]

    @property
    def ratio(self) -> float | None:
        """How far past the threshold: above 1 the score exceeds what the reference does to itself."""
        return severity(self.method, self.score, self.threshold)


def newest_judged(points: pa.Table) -> datetime | None:
    """The start of the newest window with a verdict among drift points: of one that is over, else of any. Where none has a verdict, of
    the newest that had ended when it was computed, else of the newest at all."""
    return newest_judged_of(rows_of(points, ["window_start", "status", "partial"]))


def newest_judged_of(rows: Sequence[Row]) -> datetime | None:
    """The same from rows of drift points: window_start, status, partial."""
    judged = [row for row in rows if row["status"] in _JUDGED] or rows
    over = [row["window_start"] for row in judged if not row["partial"]]
    return max(over or [row["window_start"] for row in judged], default=None)


def drift_rows(points: pa.Table, start: datetime) -> list[DriftRow]:
    """One row per column for the window that starts at `start`, most alarming first. `points` are drift points of one segment."""
    return drift_rows_of(rows_of(points.select(list(DRIFT_COLUMNS)).sort_by("window_start")), start)


def drift_rows_of(rows: Iterable[Row], start: datetime) -> list[DriftRow]:
    """The same from rows, oldest window first, with `DRIFT_COLUMNS` at least."""
    history: dict[str, list[Row]] = {}
    for point in rows:
        if point["window_start"] <= start:
            history.setdefault(point["column"], []).append(point)
    found = [_row(past) for past in history.values() if past[-1]["window_start"] == start]
    return sorted(found, key=lambda row: (-status_of(row.status).rank, -(row.ratio or 0.0), row.column))


def _row(past: Sequence[Row]) -> DriftRow:
    newest = past[-1]
    past_threshold = [severity(point["method"], point["value"], point["threshold"]) for point in past]
    return DriftRow(
        column=newest["column"], status=newest["status"], method=newest["method"] or "", score=newest["value"],
        threshold=newest["threshold"], n=newest["n"], n_reference=newest["n_reference"], reason=newest["reason"] or "",
        since=drifted_since(past), trend=tuple(min(value, 10.0) for value in past_threshold if value is not None),
    )


def drifted_since(past: Sequence[Row]) -> Since | None:
    """Where the newest of one column's points (oldest first) is drift: the start of the first window of that unbroken run."""
    run = list(takewhile(lambda point: point["status"] == "drift", reversed(past)))
    return Since(run[-1]["window_start"], len(run) == len(past)) if run else None


def feature_order(points: pa.Table) -> list[str]:
    """The columns of drift points for a heat map: most drifted windows first, then the highest score; outputs last."""
    drifted: dict[str, int] = {}
    highest: dict[str, float] = {}
    for point in points.select(["column", "status", "method", "value", "threshold"]).to_pylist():
        name = point["column"]
        drifted[name] = drifted.get(name, 0) + (point["status"] == "drift")
        highest[name] = max(highest.get(name, 0.0), severity(point["method"], point["value"], point["threshold"]) or 0.0)
    return sorted(drifted, key=lambda name: (is_output(name), -drifted[name], -highest[name], name))


def verdict(rows: Iterable[DriftRow], *, start: datetime, end: datetime, zone: str, false_alarms: float | None) -> str:
    """`3 of 9 features drifted in …: a, b, c. Without any drift, 0.9 % of windows
    would name a feature.`

    `false_alarms` is that share, as the window's `drift_share` tells it; None where it tells none.
    """
    features = [row for row in rows if not is_output(row.column)]
    judged = [row for row in features if row.status in _JUDGED]
    when = span(start, end, zone)
    if not judged:
        return f"None of the {len(features)} features could be judged in {when}; the table says why."
    drifted = [row.column for row in judged if row.status == "drift"]
    names = f": {', '.join(drifted[:5])}{' …' if len(drifted) > 5 else ''}" if drifted else ""
    count = f"{len(drifted)} of {len(judged)}" if drifted else f"None of {len(judged)}"
    rest = len(features) - len(judged)
    unjudged = f" {rest} more could not be judged." if rest else ""
    chance = "" if false_alarms is None else f" Without any drift, {percent(false_alarms)} of windows would name a feature."
    return f"{count} features drifted in {when}{names}.{unjudged}{chance}"
