"""The database written anew: what was deleted leaves the file, rows lie in the order of time.

Crash-safe at every step: the new file is made beside the old one, compared with it table by table, and takes its name in one
rename; before that the old one is whole, after it the new one.
"""

from __future__ import annotations

__all__ = ["compact"]

import os
from pathlib import Path

import duckdb

from storage.custody._files import sync_folder
from storage.errors import StoreError
from storage.store import Store
from storage.store._database import SETTINGS


def compact(store: Store) -> dict[str, int]:
    """Write the file anew while nobody reads or writes: `{"bytes_before", "bytes_after"}`. Raises StoreError; the old file stays then."""
    path = store.home.database
    before = path.stat().st_size
    store.exclusively(lambda: _rewrite(path))
    return {"bytes_before": before, "bytes_after": path.stat().st_size}


def _rewrite(path: Path) -> None:
    """The store has the file closed, so that this may open it."""
    fresh = path.with_name("compacting.part")
    for left in path.parent.glob("compacting.part*"):
        left.unlink()
    try:
        with duckdb.connect(":memory:") as connection:
            for setting in SETTINGS:
                connection.execute(setting)
            for name, file in (("old", path), ("new", fresh)):
                quoted = str(file).replace("'", "''")
                connection.execute(f"ATTACH '{quoted}' AS {name}")
            _copy(connection)
            for name in ("new", "old"):  # closing writes each file's log into it
                connection.execute(f"DETACH {name}")
    except duckdb.Error as error:
        raise StoreError(f"The database could not be compacted ({' '.join(str(error).split())[:300]}); it is as it was.") from error
    if any(path.parent.glob("*.wal")):
        raise StoreError("The database could not be compacted: its write-ahead log did not go; it is as it was.")
    fresh.chmod(0o600)
    descriptor = os.open(fresh, os.O_RDONLY | os.O_CLOEXEC)
    os.fsync(descriptor)
    os.close(descriptor)
    fresh.rename(path)
    sync_folder(path.parent)


def _copy(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("COPY FROM DATABASE old TO new (SCHEMA)")
    rows = connection.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'old'").fetchall()
    for (name,) in rows:
        order = "ORDER BY t, written_at, n" if name.startswith("pred_") else ""  # others keep theirs: curves are drawn in it
        connection.execute(f'INSERT INTO new."{name}" SELECT * FROM old."{name}" {order}')  # noqa: S608 – names this project made
        counts = [
            connection.execute(f'SELECT count(*), sum(hash(t)::HUGEINT) FROM {side}."{name}" t').fetchone()  # noqa: S608
            for side in ("old", "new")
        ]
        if counts[0] != counts[1]:
            raise StoreError(f"The database could not be compacted: the copy of {name} differs; it is as it was.")
