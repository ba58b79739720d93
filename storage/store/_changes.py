"""What changed of a model's rows since they were counted, and of which models nothing is due.

Every transaction that changes what windows are computed from says so with `note`, in the same transaction: so a kill at any
moment leaves both or neither, and what was not noted did not happen.
"""

from __future__ import annotations

__all__ = ["note", "note_everything", "settle", "settled", "unsettle"]

from datetime import datetime
from typing import Literal

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
