"""Rows counted per bucket of time, once: what changed since is counted anew, and only that."""

from __future__ import annotations

__all__ = ["Counted", "activity", "counted", "save", "versions", "versions_now"]

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import gcd
from typing import Any

import duckdb
import pyarrow as pa

from storage.store import _activity, _changes
from storage.store._activity import registered
from storage.store._catalog import Model
from storage.store._database import ReadCursor, dicts, query, table
from storage.store._values import MOMENT

Cursor = duckdb.DuckDBPyConnection

_FOLLOWED = ("predictions", "repeats", "labels")  # kinds of change that say which rows they were about
_SECOND = 1_000_000
_END = datetime.max.replace(tzinfo=UTC)  # of what a datetime can say: rows may be of the year 9999, a usual word for "never"


@dataclass(frozen=True, slots=True)
class Counted:
    """Buckets of `grain` seconds counted anew, as of `serial`, for counts that were of the serial `before` and of buckets of `replaces`.

    `touched` (version, bucket) are the buckets whose counts `rows` replace; None: all.
    """

    serial: int
    before: int | None
    replaces: int
    grain: int
    touched: pa.Table | None
    rows: pa.Table
    newest: datetime | None  # when the last of all rows was taken in, where all were counted


def counted(cursor: ReadCursor, model: Model, seconds: int) -> Counted | int:
    """What is to be counted anew so that windows of a multiple of `seconds` can be made of buckets; the serial where nothing is.

    All of the one moment that a cursor for reading sees: the caller writes it with `save`, so that counting many rows stops no writer.
    """
    (mark,) = dicts(cursor, "SELECT serial, counted, grain FROM marks WHERE model_id = ?", [model.model_id])
    grain = gcd(mark["grain"], seconds)
    whole = mark["counted"] is None or grain != mark["grain"]
    if mark["counted"] == mark["serial"] and not whole:
        return int(mark["serial"])
    touched = None if whole else _touched(cursor, model, grain)
    rows = _count(cursor, model, grain, touched)
    newest = _newest(cursor, model) if touched is None else None
    return Counted(mark["serial"], mark["counted"], mark["grain"], grain, touched, rows, newest)


def save(cursor: Cursor, model: Model, found: Counted) -> bool:
    """Replace the counts, in the caller's transaction; False, and nothing done, where somebody else did meanwhile."""
    (mark,) = dicts(cursor, "SELECT counted, grain FROM marks WHERE model_id = ?", [model.model_id])
    if (mark["counted"], mark["grain"]) != (found.before, found.replaces):
        return False
    if found.touched is None:
        cursor.execute("DELETE FROM counts WHERE model_id = ?", [model.model_id])
    else:
        with registered(cursor, "touched", found.touched):
            cursor.execute(
                "DELETE FROM counts WHERE model_id = ? AND (version, bucket) IN (SELECT (version, bucket) FROM touched)", [model.model_id]
            )
    with registered(cursor, "found", found.rows):
        cursor.execute("INSERT INTO counts SELECT ?, * FROM found", [model.model_id])
    cursor.execute("UPDATE marks SET counted = ?, grain = ? WHERE model_id = ?", [found.serial, found.grain, model.model_id])
    _changes.counted(cursor, model.model_id, found.serial, newest=found.newest)
    return True


def activity(cursor: ReadCursor, model: Model, edges: Sequence[tuple[datetime, datetime]]) -> pa.Table:
    """The same as `_activity.activity`, for windows that are made of whole buckets, as of the last count."""
    staged = pa.table({
        "start": pa.array([start for start, _ in edges], MOMENT),
        "end": pa.array([end for _, end in edges], MOMENT),
    })  # fmt: skip
    with registered(cursor, "windows", staged):
        return table(cursor, query("counted_activity"), {"model_id": model.model_id})


def versions(cursor: ReadCursor, model: Model) -> pa.Table:
    """The same as `_activity.versions`, as of the last count."""
    return table(cursor, query("counted_versions"), {"model_id": model.model_id})


def versions_now(cursor: ReadCursor, model: Model) -> pa.Table:
    """The same as `_activity.versions`, looking only at rows that were taken in since the last count, where that is enough."""
    since = _changes.only_predictions(cursor, model.model_id)
    if since is None:
        return _activity.versions(cursor, model)
    return table(cursor, _of(query("versions_since"), model), {"model_id": model.model_id, **since})


def _newest(cursor: ReadCursor, model: Model) -> datetime | None:
    """When the last of a model's rows was taken in."""
    found: datetime | None = dicts(cursor, f"SELECT max(ingested_at) AS newest FROM {model.predictions}")[0]["newest"]  # noqa: S608 – surrogate
    return found


def _touched(cursor: ReadCursor, model: Model, grain: int) -> pa.Table | None:
    """The buckets of what changed since the last count; None where that could be any."""
    asked_of = 'SELECT kind, min(noted_at) AS "from", max(noted_at) AS "to" FROM changes WHERE model_id = ? GROUP BY kind'
    found = {row["kind"]: row for row in dicts(cursor, asked_of, [model.model_id])}
    if "everything" in found:
        return None
    asked: dict[str, Any] = {"grain": grain * _SECOND}
    for kind in _FOLLOWED:
        asked |= {f"{kind}_{edge}": found.get(kind, {}).get(edge) for edge in ("from", "to")}
    return table(cursor, _of(query("touched"), model), asked)


def _count(cursor: ReadCursor, model: Model, grain: int, touched: pa.Table | None) -> pa.Table:
    sql = _of(query("count_rows"), model)
    asked: dict[str, Any] = {"grain": grain * _SECOND}
    if touched is None:
        return table(cursor, sql, asked)
    buckets = touched.column("bucket").to_pylist()
    if not buckets:  # labels of predictions that are not there, say
        return table(cursor, f"{sql} LIMIT 0", asked)
    size, newest = timedelta(seconds=grain), max(buckets)
    asked |= {"since": min(buckets), "until": newest + size if newest <= _END - size else _END}
    within = "AND t >= CAST($since AS TIMESTAMPTZ) AND t < CAST($until AS TIMESTAMPTZ)"  # lets whole row groups be passed over
    restricted = sql.replace("/*within*/", within).replace("/*touched*/", "SEMI JOIN touched USING (version, bucket)")
    with registered(cursor, "touched", touched):
        return table(cursor, restricted, asked)


def _of(sql: str, model: Model) -> str:
    return sql.replace("_000000", f"_{model.model_id:06d}")
