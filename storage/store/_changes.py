"""What changed of a model's rows since they were counted, and of which models nothing is due.

Every transaction that changes what windows are computed from says so with `note`, in the same transaction: so a kill at any
moment leaves both or neither, and what was not noted did not happen.
"""

from __future__ import annotations

__all__ = ["counted", "note", "note_everything", "only_predictions", "settle", "settled", "unsettle"]

from datetime import datetime
from typing import Any, Literal

import duckdb

from storage.store._database import ReadCursor, dicts

Cursor = duckdb.DuckDBPyConnection

Kind = Literal["predictions", "repeats", "labels", "description"]


def note(cursor: Cursor, model_id: int, kind: Kind) -> None:
    """Say that this transaction changed a model's rows or description. Predictions and labels are those it gives its `now()`."""
    cursor.execute("UPDATE marks SET serial = serial + 1 WHERE model_id = ?", [model_id])
    cursor.execute("INSERT INTO changes SELECT model_id, serial, ?, now() FROM marks WHERE model_id = ?", [kind, model_id])


def note_everything(cursor: Cursor, model_id: int | None = None) -> None:
    """Say that any row of a model, or of all, may have changed: nothing that was counted of them stays."""
    cursor.execute("DELETE FROM counts WHERE $model IS NULL OR model_id = $model", {"model": model_id})
    cursor.execute("UPDATE marks SET serial = serial + 1, counted = NULL WHERE $model IS NULL OR model_id = $model", {"model": model_id})
    cursor.execute(
        "INSERT INTO changes SELECT model_id, serial, 'everything', now() FROM marks WHERE $model IS NULL OR model_id = $model",
        {"model": model_id},
    )


def counted(cursor: Cursor, model_id: int, serial: int, *, newest: datetime | None) -> None:
    """Forget the changes up to a serial, for they are counted. What stays is the moment of the newest – or of the newest row, where that is
    later –, as a change of the kind `counted`: rows of later moments are not counted."""
    chosen = "FROM changes WHERE model_id = ? AND serial <= ?"
    noted = dicts(cursor, f"SELECT max(noted_at) AS newest {chosen}", [model_id, serial])[0]["newest"]
    cursor.execute(f"DELETE {chosen}", [model_id, serial])
    moments = [moment for moment in (noted, newest) if moment is not None]
    if moments:
        cursor.execute("INSERT INTO changes VALUES (?, ?, 'counted', ?)", [model_id, serial, max(moments)])


def only_predictions(cursor: ReadCursor, model_id: int) -> dict[str, datetime | None] | None:
    """Where all that changed of a model's predictions since the last count is that new ones came: `{"from", "to"}`, between which they were
    taken in (None where none were). None where more changed, or the clock was set back, so that moments do not tell them from others."""
    asked = """
        SELECT bool_and(kind IN ('predictions', 'labels', 'description', 'counted')) AND any_value(m.counted) IS NOT NULL AS only,
               min(noted_at) FILTER (kind = 'predictions') AS "from", max(noted_at) FILTER (kind = 'predictions') AS "to",
               max(noted_at) FILTER (kind = 'counted') AS counted
        FROM changes c JOIN marks m USING (model_id) WHERE c.model_id = ?
    """
    found: dict[str, Any] = dicts(cursor, asked, [model_id])[0]
    told = found["only"] and found["counted"] is not None and (found["from"] is None or found["from"] > found["counted"])
    return {"from": found["from"], "to": found["to"]} if told else None


def settled(cursor: ReadCursor, *, window: str, code: str, now: datetime) -> set[str]:
    """The models of which nothing is due; see Store.settled."""
    rows = dicts(
        cursor,
        'SELECT m.name FROM settled s JOIN marks USING (model_id, serial) JOIN models m USING (model_id) WHERE s."window" = $window '
        "AND s.code = $code AND s.since <= CAST($now AS TIMESTAMPTZ) AND (s.until IS NULL OR s.until > CAST($now AS TIMESTAMPTZ))",
        {"window": window, "code": code, "now": now},
    )
    return {row["name"] for row in rows}


def settle(cursor: Cursor, model_id: int, *, window: str, serial: int, code: str, since: datetime, until: datetime | None) -> None:
    """Note that nothing of a model is due; see Store.settle."""
    cursor.execute('DELETE FROM settled WHERE model_id = ? AND "window" = ?', [model_id, window])
    cursor.execute("INSERT INTO settled VALUES (?, ?, ?, ?, ?, ?)", [model_id, window, serial, code, since, until])


def unsettle(cursor: Cursor, model: str) -> None:
    """Forget that nothing was due of a model: a window of it failed."""
    cursor.execute("DELETE FROM settled WHERE model_id IN (SELECT model_id FROM models WHERE name = ?)", [model])
