"""What the page is made of: the points and profiles of one window, and the course of its metrics before it."""

from __future__ import annotations

__all__ = ["Point", "WindowFindings", "detail", "read"]

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from monitoring.metrics import METRICS
from monitoring.moments import just_after
from storage.store import Reader

Point = Mapping[str, Any]

_COURSE = 30  # windows, this one included
_DRAWN_GROUPS = frozenset({"classification", "regression", "ranking", "traffic", "labels"})
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFindings:
    """One window of one model version. `points` are all of it, in the order of the registry of metrics; `profiles` those of all rows.

    `courses` has the values of (metric, column) of all rows in the windows up to this one, oldest first, None where there is none.
    """

    model: str
    version: str
    task: str
    window: str
    start: datetime
    end: datetime
    points: Sequence[Point]
    profiles: Sequence[Mapping[str, Any]]
    courses: Mapping[tuple[str, str], Sequence[float | None]]

    @property
    def partial(self) -> bool:
        """Whether more rows were to come when it was computed."""
        return any(point["partial"] for point in self.points)

    def of(self, *groups: str) -> list[Point]:
        """The points of all rows whose metric is in one of these groups."""
        return [point for point in self.points if not point["segment"] and _group(point) in groups]

    def value(self, metric: str) -> float | None:
        """The value of a metric without a column, of all rows."""
        return next((p["value"] for p in self.points if (p["metric"], p["column"], p["segment"]) == (metric, "", "")), None)


def read(store: Reader, *, model: str, version: str, window: str, start: datetime, end: datetime) -> WindowFindings | None:
    """The window as the store knows it; None where it has no findings."""
    scope: dict[str, Any] = {"model": model, "version": version, "window": window}
    found = store.points(**scope, since=start, until=just_after(start)).to_pylist()
    points = sorted((row for row in found if row["window_end"] == end), key=_place)
    if not points:
        return None
    profiles = [row for row in store.profiles(model, version, window, start).to_pylist() if not row["segment"] and row["window_end"] == end]
    return WindowFindings(
        **scope, task=str(store.spec(model).get("task") or ""), start=start, end=end, points=points, profiles=profiles,
        courses=_courses(store, scope, start, end - start, points),
    )  # fmt: skip


def _courses(store: Reader, scope: Mapping[str, Any], start: datetime, length: timedelta,
             points: Sequence[Point]) -> dict[tuple[str, str], list[float | None]]:  # fmt: skip
    names = sorted({point["metric"] for point in points if _group(point) in _DRAWN_GROUPS} | {"drift_share"})
    back = 2 * _COURSE * length  # twice as far back, because windows without a row have no point
    since = start - back if start - _BEGINNING > back else None  # a range of decades would go back before the calendar
    before = store.points(**scope, since=since, until=just_after(start), metric=names, segment="").to_pylist()
    # Another range that begins here too is no part of the course.
    before = [row for row in before if row["window_start"] < start or row["window_end"] == start + length]
    starts = sorted({row["window_start"] for row in before})[-_COURSE:]
    values = {(row["metric"], row["column"], row["window_start"]): row["value"] for row in before}
    keys = {(metric, column) for metric, column, _ in values}
    return {(metric, column): [values.get((metric, column, at)) for at in starts] for metric, column in keys}


def _group(point: Point) -> str:
    return METRICS[point["metric"]].group if point["metric"] in METRICS else ""


def _place(point: Point) -> tuple[int, str, int, str]:
    names = list(METRICS)
    place = names.index(point["metric"]) if point["metric"] in METRICS else len(names)
    number = int(point["column"].removeprefix("k=")) if point["column"].startswith("k=") and point["column"][2:].isdigit() else 0
    return place, point["segment"], number, point["column"]


def detail(point: Point) -> dict[str, Any]:
    """What a point says beside its columns."""
    found: dict[str, Any] = json.loads(point["detail"]) if point["detail"] else {}
    return found
