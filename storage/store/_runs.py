"""Runs of the runner, with their progress, and what happened to the house."""

from __future__ import annotations

__all__ = ["add_event", "finished", "interrupt", "progress", "resume", "started"]

from uuid import uuid4

import duckdb

Cursor = duckdb.DuckDBPyConnection


def started(cursor: Cursor, *, run: str | None, model: str | None, window: str | None, total: int) -> str:
    """Note a run's beginning; its id."""
    run = run or uuid4().hex[:12]
    cursor.execute(
        "INSERT INTO runs VALUES (?, ?, ?, 'running', now(), now(), NULL, 0, ?, NULL, 0, 0, 0, NULL)", [run, model, window, total]
    )
    return run


def progress(cursor: Cursor, run: str, *, done: int, total: int | None, note: str | None) -> None:
    """Note how far a run has come."""
    cursor.execute(
        "UPDATE runs SET done = ?, total = coalesce(?, total), note = ?, updated_at = now() WHERE run = ?", [done, total, note, run]
    )


def finished(
    cursor: Cursor, run: str, *, state: str, points: int, failed: int, insufficient: int, reason: str | None
) -> None:
    """Note a run's end."""
    cursor.execute(
        "UPDATE runs SET state = ?, points = ?, failed = ?, insufficient = ?, reason = ?, updated_at = now(), finished_at = now() "
        "WHERE run = ?",
        [state, points, failed, insufficient, reason, run],
    )


def resume(cursor: Cursor) -> None:
    """Runs that were cancelled count as interrupted from now on: nothing keeps the owner from what they left."""
    cursor.execute("UPDATE runs SET state = 'interrupted' WHERE state = 'cancelled'")


def interrupt(cursor: Cursor) -> None:
    """Runs that an earlier owner did not live to finish."""
    cursor.execute("UPDATE runs SET state = 'interrupted', finished_at = updated_at WHERE state = 'running'")


def add_event(cursor: Cursor, *, level: str, kind: str, text: str, model: str | None = None) -> None:
    """Note what happened, for the Health page."""
    cursor.execute("INSERT INTO events (happened_at, level, kind, model, text) VALUES (now(), ?, ?, ?, ?)", [level, kind, model, text])
