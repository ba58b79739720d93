"""Bringing a file to today's schema: forward only, one transaction for each step with its record, a snapshot before the first.

A kill at any moment leaves the old schema or the new one of a step, and the next opening goes on from there.
"""

from __future__ import annotations

__all__ = ["migrate", "newest"]

from collections.abc import Callable
from contextlib import suppress
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import duckdb

from storage.errors import StoreError

# Called with the name of each step as it is reached; tests kill the process there.
at: Callable[[str], None] = lambda _: None  # noqa: E731 – a variable, to be replaced


def migrate(connection: duckdb.DuckDBPyConnection, path: Path, *, upto: int | None = None) -> None:
    """Apply the migrations that the file lacks, all or `upto` a number.

    Raises StoreError for a newer file, and for a step that fails (nothing of it stays).
    """
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (number INTEGER NOT NULL, name VARCHAR NOT NULL, applied_at TIMESTAMPTZ NOT NULL)"
    )
    row = connection.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()
    present, known = int(row[0]) if row else 0, _known()
    if present > len(known):
        kept = sorted(path.parent.glob("before-*.duckdb"))
        else_ = f", or put {kept[-1].name}, which was kept beside it, in its place" if kept else ""
        raise StoreError(
            f"The database {path} was written by a newer version (schema {present}, this one knows {len(known)}): "
            f"install that version again{else_}."
        )
    missing = known[present:upto]
    if present and missing:
        _keep(connection, path, missing[0].name)
    for entry in missing:
        at(f"before {entry.name}")
        _apply(connection, entry)


def newest() -> int:
    """The number of the newest schema that this version knows."""
    return len(_known())


def _known() -> list[Traversable]:
    found = files("storage").joinpath("migrations").iterdir()
    return sorted((entry for entry in found if entry.name.endswith(".sql")), key=lambda entry: entry.name)


def _apply(connection: duckdb.DuckDBPyConnection, entry: Traversable) -> None:
    connection.execute("BEGIN")
    try:
        connection.execute(entry.read_text(encoding="utf-8"))
        at(f"within {entry.name}")
        connection.execute("INSERT INTO migrations VALUES (?, ?, now())", [int(entry.name[:4]), entry.name])
        connection.execute("COMMIT")
    except duckdb.Error as error:
        with suppress(duckdb.Error):  # the failure may have ended the transaction already
            connection.execute("ROLLBACK")
        raise StoreError(f"The database could not be brought up to date by {entry.name}: {' '.join(str(error).split())[:500]}") from error


def _keep(connection: duckdb.DuckDBPyConnection, path: Path, step: str) -> None:
    """A whole copy of the file as it is, beside it: `before-<step>.duckdb`. Older ones are removed: one way back is enough."""
    unborn, target = path.with_name("before.part"), _snapshot(path, step.removesuffix(".sql"))
    for left in (*path.parent.glob("before.part*"), *path.parent.glob("before-*.duckdb")):
        left.unlink()
    quoted = str(unborn).replace("'", "''")
    try:
        connection.execute(f"ATTACH '{quoted}' AS before")
        connection.execute(f'COPY FROM DATABASE "{path.stem}" TO before')
        connection.execute("DETACH before")
    except duckdb.Error as error:
        raise StoreError(
            f"The database {path} is of an older version and could not be copied before it is brought up to date "
            f"({' '.join(str(error).split())[:300]}): nothing was changed; free as much disk as the file has and start again."
        ) from error
    unborn.chmod(0o600)
    unborn.rename(target)
    at("after snapshot")


def _snapshot(path: Path, step: str) -> Path:
    return path.with_name(f"before-{step}.duckdb")
