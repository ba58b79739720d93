"""Which stored files stand for a report: the snapshot of the window that is meant, and what was rendered from it since.

The commands and the dashboard ask here, so that neither shows a report that the other would make anew.
"""

from __future__ import annotations

__all__ = ["Stored", "rendered", "snapshot_of", "stored"]

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from monitoring.moments import just_after
from monitoring.report_windows import find, ranked
from storage.store import Reader

_WINDOW = ("version", "window", "window_start", "window_end")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A rendered report's row in `Reader.reports`, and whether it is `fresh`: not older than what it was made from."""

    row: Mapping[str, Any]
    fresh: bool


def snapshot_of(store: Reader, *, model: str, kind: str, version: str | None, since: datetime | None,
                until: datetime | None) -> dict[str, Any] | None:  # fmt: skip
    """The row of the stored snapshot of exactly [since, until), or without them of the first of `ranked` windows that has one."""
    end = None if since is None else just_after(since)
    rows = store.reports(model, version=version, kinds=[kind], format="snapshot", since=since, until=end).to_pylist()
    by_window: dict[tuple[Any, ...], dict[str, Any]] = {_window(row): row for row in rows}
    for at in ranked(store, model, version=version, since=since, until=until):
        row = by_window.get((at.version, at.window, at.start, at.end))
        if row is not None and _is_there(store, row):
            return row
    return None


def rendered(store: Reader, snapshot: Mapping[str, Any], format: str) -> dict[str, Any] | None:  # noqa: A002
    """The row of a report that was rendered from this snapshot since it was made."""
    for row in _of_start(store, snapshot["model"], snapshot["version"], snapshot["kind"], format, snapshot["window_start"]):
        if _window(row) == _window(snapshot) and row["created_at"] >= snapshot["created_at"]:
            return row
    return None


def stored(store: Reader, *, model: str, kind: str, version: str, start: datetime, end: datetime, format: str) -> Stored | None:  # noqa: A002
    """The rendered report of exactly [start, end) whose file is there, a fresh one first; None where there is none.

    Where neither the window's findings nor a snapshot is known any more, nothing is newer than the report.
    """
    rows = [row for row in _of_start(store, model, version, kind, format, start) if row["window_end"] == end]
    if not rows:
        return None
    made = _made(store, model, kind, version, start, end)
    fresh = next((row for row in rows if made is None or (row["window"] == made[0] and row["created_at"] >= made[1])), None)
    return Stored(row=fresh or max(rows, key=lambda row: row["created_at"]), fresh=fresh is not None)


def _made(store: Reader, model: str, kind: str, version: str, start: datetime, end: datetime) -> tuple[str, datetime] | None:
    """The name of the window that is meant, and when what a report of it is made from was made: its snapshot, else its findings."""
    at = find(store, model, version=version, since=start, until=end)
    if kind == "findings" and at is not None:
        states = store.window_states(model, version, at.window).to_pylist()
        saved = [state["computed_at"] for state in states if (state["start"], state["end"]) == (start, end)]
        points = store.points(model=model, version=version, window=at.window, since=start, until=just_after(start))
        said = points.filter(pc.equal(points["window_end"], pa.scalar(end)))["computed_at"]  # verdicts are said anew when a run ends
        return at.window, max([at.computed_at, *saved, *said.to_pylist()])
    snapshot = snapshot_of(store, model=model, kind=kind, version=version, since=start, until=end)
    if snapshot is None:
        return None if at is None else (at.window, at.computed_at)
    made = snapshot["created_at"]
    return snapshot["window"], max(made, at.computed_at) if kind == "full" and at is not None else made  # full ones are made when asked for


def _of_start(store: Reader, model: str, version: str, kind: str, format: str, start: datetime) -> list[dict[str, Any]]:  # noqa: A002
    rows = store.reports(model, version=version, kinds=[kind], format=format, since=start, until=just_after(start)).to_pylist()
    return [row for row in rows if _is_there(store, row)]


def _window(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _WINDOW)


def _is_there(store: Reader, row: Mapping[str, Any]) -> bool:
    return (store.home.reports / str(row["path"])).is_file()
