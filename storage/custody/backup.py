"""A whole and checked copy of a home, made while it is in use. What comes out is a home: `--home COPY` opens it."""

from __future__ import annotations

__all__ = ["LIST", "back_up", "check_backup"]

import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from storage import spool
from storage._segment_reader import held, open_plain
from storage.collector import Collector
from storage.custody._files import digest, put, sync_folder
from storage.errors import StorageError, StoreError
from storage.home import Home
from storage.store import Store

LIST = "backup.json"  # of a backup, and of nothing else: whoever becomes its owner takes it away
_NOT = ("owner.lock", "owner.sock", "cache", "db", "spool", LIST)  # of a home: what is this process's own, made again, or copied with care


def back_up(store: Store, collector: Collector, target: Path) -> dict[str, Any]:
    """Copy the home to a folder that does not exist: `{"path", "files", "bytes", "rows"}`.

    The database is a snapshot of one moment, compared with the original table by table; what was logged since is in the copied
    spool. The folder gets its name last, so that half a backup never looks like one. Raises StorageError.
    """
    if target.exists():
        raise StorageError(f"{target} exists already: name a folder that does not, so that no earlier backup is lost.")
    unborn = target.with_name(f".{target.name}.part")
    shutil.rmtree(unborn, ignore_errors=True)
    copy = Home(unborn)
    copy.make()
    try:
        with collector.paused():  # nothing moves from the spool to the archive meanwhile
            rows = _snapshot(store, copy)
            for path in spool.segments(store.home.spool):
                _whole_lines(path, copy.spool / path.name)
            for path in store.home.path.iterdir():
                if path.name not in _NOT and not path.name.startswith("."):
                    _copy(path, unborn / path.name)
        files = {str(path.relative_to(unborn)): digest(path) for path in sorted(unborn.rglob("*")) if path.is_file()}
        size = sum((unborn / name).stat().st_size for name in files)
        about = {"made_at": datetime.now(UTC).isoformat(), "home": str(store.home.path), "rows": rows, "files": files}
        put(unborn / LIST, lambda file: file.write(json.dumps(about, indent=1).encode()))
        unborn.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        shutil.rmtree(unborn, ignore_errors=True)
        raise StorageError(f"The backup could not be written to {target}: {error.strerror or error}. Nothing is left there.") from error
    return {"path": str(target), "files": len(files), "bytes": size, "rows": rows}


def check_backup(folder: Path) -> list[str]:
    """What of a backup is missing or not what was written, as sentences; empty where it is whole."""
    told = json.loads((folder / LIST).read_bytes())
    return [
        f"{name} is missing or not what was written"
        for name, expected in told["files"].items()
        if not (folder / name).is_file() or digest(folder / name) != expected
    ]


def _snapshot(store: Store, copy: Home) -> int:
    """The database as of now, in the copy's place for it; the rows that both were found to have."""
    place = store.snapshots / "snapshot.duckdb"
    place.parent.mkdir(mode=0o700, exist_ok=True)
    for left in place.parent.glob("snapshot.duckdb*"):
        left.unlink()
    quoted = str(place).replace("'", "''")
    with store.reading() as cursor:
        cursor.execute(f"ATTACH '{quoted}' AS snapshot")
        try:
            cursor.execute("BEGIN")
            cursor.execute(f'COPY FROM DATABASE "{store.home.database.stem}" TO snapshot')
            wanted = dict(_contents(cursor, store.home.database.stem))
            cursor.execute("COMMIT")
        finally:
            cursor.execute("DETACH snapshot")
    with duckdb.connect(":memory:") as other:
        other.execute("SET TimeZone = 'UTC'")
        other.execute(f"ATTACH '{quoted}' AS snapshot (READ_ONLY)")
        found = dict(_contents(other, "snapshot"))
    if found != wanted:
        raise StoreError("The snapshot differs from the database: try again, and run python -m monitoring doctor if it stays so.")
    place.chmod(0o600)
    shutil.move(place, copy.database)
    return sum(rows for rows, _ in found.values())


def _contents(cursor: duckdb.DuckDBPyConnection, database: str) -> Iterator[tuple[str, tuple[int, Any]]]:
    """(table, (rows, sum of the rows' hashes)) of every table."""
    names = cursor.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = ? ORDER BY 1", [database]).fetchall()
    for (name,) in names:
        row = cursor.execute(f'SELECT count(*), sum(hash(t)::HUGEINT) FROM "{database}".main."{name}" t').fetchone()  # noqa: S608
        assert row is not None
        yield name, (int(row[0]), row[1])


def _whole_lines(path: Path, target: Path) -> None:
    """A segment without a last line that its writer is still at."""
    with open_plain(path) as segment:
        live, content = held(segment), segment.read()
    whole = content[: content.rfind(b"\n") + 1] if live else content
    put(target, lambda file: file.write(whole))


def _copy(path: Path, target: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, target, dirs_exist_ok=True)
    elif path.is_file():
        shutil.copy2(path, target)
        descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC)
        os.fsync(descriptor)
        os.close(descriptor)
