"""Tiers of retention: rows for some time, hours for longer, findings for ever. What is shown does not change by it.

Nothing here decides when: callers name the moment before which a version's rows go, at the edge of a window whose points stand.
"""

from __future__ import annotations

__all__ = ["drop_archive", "drop_hours", "prune"]

from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb

from storage import archive
from storage.custody.catching_up import archived_names
from storage.home import Home
from storage.store import _changes
from storage.store._catalog import Model
from storage.store._database import dicts, query
from storage.store._pruned import pruned_of

Cursor = duckdb.DuckDBPyConnection

# Ids of the rows that go and that no other row has.
_LEAVING = (
    "CREATE OR REPLACE TEMP TABLE leaving AS "
    "SELECT DISTINCT id FROM pred_000000 WHERE id IS NOT NULL AND version = $version AND t < $before "
    "AND id NOT IN (SELECT id FROM pred_000000 WHERE id IS NOT NULL AND NOT (version = $version AND t < $before))"
)


def prune(cursor: Cursor, model: Model, version: str, before: datetime, *, dry_run: bool = False) -> dict[str, Any]:
    """Remove the predictions of one version before a moment, and their ground truth, in the caller's transaction; hours and totals stay.

    Ground truth that comes later, for ids that are gone, is kept and belongs to nothing. Returns `rows` (repeats included) and `labels`.
    """
    when = {"version": version, "before": before}
    cursor.execute(_of(model, _LEAVING), when)
    (found,) = dicts(cursor, _of(model, query("prune_totals")), when)
    told = {"rows": int(found["rows"]) + int(found["duplicates"]), "labels": int(found["labels_received"])}
    if told["rows"] and not dry_run:
        cursor.execute(_of(model, query("prune_hours")), {**when, "model_id": model.model_id})
        _total(cursor, model, version, before, found)
        cursor.execute(_of(model, "DELETE FROM label_000000 WHERE id IN (SELECT id FROM leaving)"))
        cursor.execute(_of(model, "DELETE FROM pred_000000 WHERE version = $version AND t < $before"), when)
        _changes.note_everything(cursor, model.model_id)
    cursor.execute("DROP TABLE leaving")
    return told


def drop_hours(cursor: Cursor, model_id: int, before: datetime) -> int:
    """Remove a model's hours before a moment; totals stay. How many."""
    # They are of windows that stand: nothing is due by it.
    row = cursor.execute("DELETE FROM hourly WHERE model_id = ? AND hour < ?", [model_id, before]).fetchone()
    return int(row[0]) if row else 0


def drop_archive(home: Home, cursor: Cursor, *, days: int, dry_run: bool = False) -> dict[str, int]:
    """Remove archived segments of days further back than `days` that the tables know to have been read: `{"segments", "bytes"}`.

    Export the facts first: they are then what a rebuild starts from.
    """
    known, oldest = archived_names(cursor), datetime.now(UTC).date() - timedelta(days=days)
    found = [
        path for path in archive.archived(home)
        if (day := _day(path.parent.name)) is not None and day < oldest and archive.segment_of(path) in known
    ]  # fmt: skip
    told = {"segments": len(found), "bytes": sum(path.stat().st_size for path in found)}
    if not dry_run:
        for path in found:
            path.unlink()
        for folder in {path.parent for path in found}:
            if not any(folder.iterdir()):
                folder.rmdir()
    return told


def _total(cursor: Cursor, model: Model, version: str, before: datetime, found: dict[str, Any]) -> None:
    """Add to what was pruned of this version before."""
    old = pruned_of(cursor, model.model_id, version)
    cursor.execute("DELETE FROM pruned WHERE model_id = ? AND version = ?", [model.model_id, version])
    counts = [int(found[key]) + (int(old[key]) if old else 0) for key in ("rows", "duplicates", "labels")]
    moments = [
        _extreme(pick, found[key], old[key] if old else None) for pick, key in ((min, "first"), (max, "last"), (max, "newest_label"))
    ]
    cursor.execute("INSERT INTO pruned VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, now())", [model.model_id, version, before, *counts, *moments])


def _extreme(pick: Any, *moments: datetime | None) -> datetime | None:
    known = [moment for moment in moments if moment is not None]
    return pick(known) if known else None


def _of(model: Model, sql: str) -> str:
    return sql.replace("_000000", f"_{model.model_id:06d}")


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(name)
    except ValueError:
        return None
