"""Findings: points, profiles, window states and reports. Superseded points stay, so that one can ask what was known when."""

from __future__ import annotations

__all__ = [
    "computed",
    "count_reports",
    "point_history",
    "points",
    "profiles",
    "report",
    "report_windows",
    "reports",
    "restate",
    "save_report",
    "save_window",
    "window_states",
]

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any

import duckdb
import pyarrow as pa

from storage.errors import StoreError
from storage.points import POINTS, PROFILES
from storage.store._database import ReadCursor, dicts, query, table
from storage.store._frames import Window

Cursor = duckdb.DuckDBPyConnection

_NAMES = ", ".join(f'"{name}"' for name in POINTS.names)
_PROFILE_NAMES = ", ".join(f'"{name}"' for name in PROFILES.names)
# What makes two points the same finding, and what may differ between two equal ones.
_INCIDENTAL = ("computed_at", "run")
_SAME = " AND ".join(f'o."{name}" IS NOT DISTINCT FROM n."{name}"' for name in POINTS.names if name not in _INCIDENTAL)
_KEY = " AND ".join(f'o."{name}" = n."{name}"' for name in (
    "model", "version", "window", "window_start", "segment", "metric", "column", "method", "kind", "window_end"))  # fmt: skip
# A window of a size begins only once; of ranges of somebody's choice several may begin together. (The last window of rows grows.)
_SCOPE = ('model = $model AND version = $version AND "window" = $window_name AND window_start = $start'
          " AND ($window_name <> 'range' OR window_end = $end)")  # fmt: skip
_REPORT_KEYS = ("report_id", "model", "version", "kind", "window", "window_start", "window_end", "format", "path", "created_at", "run")


def save_window(
    cursor: Cursor, model: str, version: str, window: Window, points: pa.Table, profiles: pa.Table | None,
    *, window_name: str, run: str, state: str, fingerprint: str,
) -> None:  # fmt: skip
    """Replace the findings of one window; see Store.save_window."""
    scope = {"model": model, "version": version, "window_name": window_name, "start": window.start, "end": window.end}
    found = _shaped(points, POINTS, "points")
    if _stand(cursor, scope):
        _supersede(cursor, scope, found)
    else:  # comparing with nothing would be half of what a window costs to save
        _append(cursor, "points", _NAMES, found)
    cursor.execute(f"DELETE FROM profiles WHERE {_SCOPE}", scope)  # noqa: S608 – a constant
    if profiles is not None and profiles.num_rows:
        _append(cursor, "profiles", _PROFILE_NAMES, _shaped(profiles, PROFILES, "profiles"))
    cursor.execute(f"DELETE FROM window_states WHERE {_SCOPE}", scope)  # noqa: S608
    first, last = window.rows or (None, None)
    cursor.execute(
        "INSERT INTO window_states VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, now(), ?)",
        [model, version, window_name, window.start, window.end, first, last, fingerprint, state, run],
    )


def _stand(cursor: Cursor, scope: Mapping[str, Any]) -> bool:
    """Whether the window has findings that hold."""
    (row,) = dicts(cursor, f"SELECT EXISTS (SELECT 1 FROM points WHERE superseded_at IS NULL AND {_SCOPE}) AS found", scope)  # noqa: S608
    return bool(row["found"])


def _supersede(cursor: Cursor, scope: Mapping[str, Any], new: pa.Table) -> None:
    """Points that say the same stay as they are; others are superseded, and new ones appended."""
    cursor.register("incoming", new)
    try:
        cursor.execute(
            f"""
            UPDATE points AS o SET superseded_at = coalesce((SELECT min(computed_at) FROM incoming), now())
            WHERE superseded_at IS NULL AND {_SCOPE} AND NOT EXISTS (SELECT 1 FROM incoming n WHERE {_SAME})
            """,  # noqa: S608 – constants
            scope,
        )
        cursor.execute(
            f"""
            INSERT INTO points ({_NAMES})
            SELECT {_NAMES} FROM incoming n
            WHERE NOT EXISTS (SELECT 1 FROM points o WHERE o.superseded_at IS NULL AND {_SCOPE} AND {_SAME})
            """,  # noqa: S608
            scope,
        )
    finally:
        cursor.unregister("incoming")


def restate(cursor: Cursor, found: pa.Table) -> None:
    """Verdicts of current points said anew, the old ones superseded; see Store.restate."""
    cursor.register("incoming", _shaped(found, POINTS, "points"))
    try:
        (row,) = dicts(cursor, "SELECT now() AS at")
        matched = f"FROM incoming n WHERE o.superseded_at IS NULL AND {_KEY}"
        cursor.execute(f"UPDATE points AS o SET superseded_at = $at {matched}", row)  # noqa: S608 – a constant
        anew = "o.* REPLACE (n.status AS status, n.reason AS reason, n.detail AS detail, $at AS computed_at, NULL AS superseded_at)"
        cursor.execute(f"INSERT INTO points SELECT {anew} FROM points o JOIN incoming n ON {_KEY} WHERE o.superseded_at = $at", row)  # noqa: S608
        cursor.execute("INSERT INTO restated SELECT DISTINCT model, 0 FROM incoming WHERE model NOT IN (SELECT model FROM restated)")
        cursor.execute("UPDATE restated SET times = times + 1 WHERE model IN (SELECT model FROM incoming)")
    finally:
        cursor.unregister("incoming")


def _append(cursor: Cursor, name: str, columns: str, rows: pa.Table) -> None:
    cursor.register("incoming", rows)
    try:
        cursor.execute(f"INSERT INTO {name} ({columns}) SELECT {columns} FROM incoming")  # noqa: S608 – constants
    finally:
        cursor.unregister("incoming")


def _shaped(rows: pa.Table, schema: pa.Schema, what: str) -> pa.Table:
    try:
        return rows.select(schema.names).cast(schema)
    except (KeyError, pa.ArrowInvalid, ValueError) as error:
        raise StoreError(f"These {what} do not have the shape of storage.points.{what.upper()}: {error}") from error


def points(cursor: ReadCursor, filters: Mapping[str, Any]) -> pa.Table:
    """Points that meet every filter that is not None, in order of model, version, window, metric and column."""
    return table(cursor, query("points"), dict(filters)).cast(POINTS)


def computed(cursor: ReadCursor, model: str, window: str | None, as_of: datetime | None) -> dict[str, datetime | None]:
    """When a model's findings were computed; see Store.computed."""
    (row,) = dicts(cursor, query("computed"), {"model": model, "window": window, "as_of": as_of})
    return row


def point_history(cursor: ReadCursor, scope: Mapping[str, Any]) -> pa.Table:
    """Every finding of one metric of one window, oldest first; see Store.point_history."""
    return table(cursor, query("point_history"), dict(scope))


def profiles(cursor: ReadCursor, filters: Mapping[str, Any]) -> pa.Table:
    """Profiles of one window or of a range of them, oldest first, each in the order in which they were given."""
    return table(cursor, query("profiles"), dict(filters)).cast(PROFILES)


def window_states(cursor: ReadCursor, model: str, version: str, window_name: str) -> pa.Table:
    """One row per computed window of this name, oldest first."""
    return table(cursor, query("window_states"), [model, version, window_name])


def save_report(cursor: Cursor, row: Mapping[str, Any]) -> str:
    """Add or replace a report; see Store.save_report."""
    if not row.get("model") or not row.get("kind") or not row.get("path"):
        raise StoreError('A report needs at least its "model", "kind" and "path".')
    known = {name: row.get(name) for name in _REPORT_KEYS}
    what = "\0".join(str(known[name]) for name in ("model", "version", "kind", "window", "window_start", "window_end", "format"))
    report_id = str(known["report_id"] or blake2b(what.encode("utf-8", "replace"), digest_size=8).hexdigest())
    detail = {name: value for name, value in row.items() if name not in _REPORT_KEYS}
    cursor.execute("DELETE FROM reports WHERE report_id = ?", [report_id])
    cursor.execute(
        "INSERT INTO reports VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(?, now()), ?, ?)",
        [
            report_id, known["model"], known["version"] or "", known["kind"],
            known["window"] or "", known["window_start"], known["window_end"], known["format"] or "",
            str(known["path"]), known["created_at"], known["run"] or "",
            json.dumps(detail, default=_jsonable) if detail else None,
        ],
    )  # fmt: skip
    return report_id


def reports(cursor: ReadCursor, filters: Mapping[str, Any], limit: int | None, offset: int) -> pa.Table:
    """One row per report, newest window first; see Reader.reports."""
    paging = "" if limit is None else f" LIMIT {int(limit)} OFFSET {int(offset)}"
    return table(cursor, query("reports") + paging, dict(filters))


def count_reports(cursor: ReadCursor, filters: Mapping[str, Any]) -> int:
    """How many rows `reports` has without a limit."""
    (row,) = dicts(cursor, f"SELECT count(*) AS n FROM ({query('reports')})", dict(filters))  # noqa: S608 – a constant
    return int(row["n"])


def report_windows(cursor: ReadCursor, filters: Mapping[str, Any], limit: int) -> list[dict[str, Any]]:
    """The newest windows that have any of these reports: window_start, window_end."""
    return dicts(
        cursor,
        f"SELECT DISTINCT window_start, window_end FROM ({query('reports')}) WHERE window_start IS NOT NULL "  # noqa: S608 – a constant
        f"ORDER BY window_start DESC, window_end DESC LIMIT {int(limit)}",
        dict(filters),
    )


def report(cursor: ReadCursor, report_id: str) -> dict[str, Any] | None:
    """One report, or None."""
    rows = dicts(cursor, "SELECT * FROM reports WHERE report_id = ?", [report_id])
    return rows[0] if rows else None


def _jsonable(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
