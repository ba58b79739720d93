"""A new database from the exported facts, the archive and the spool, where the old one cannot be used.

Kill it where you like: until the facts are in, the home has no database and says so; from then on it lacks at most what the
archive holds, which every opening puts back.
"""

from __future__ import annotations

__all__ = ["Rebuilt", "new_database", "rebuild"]

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from storage.collector import Collector
from storage.custody import catching_up, facts
from storage.home import Home
from storage.owner_lock import OwnerLock
from storage.store import Store
from storage.store._database import SETTINGS
from storage.store._migrating import migrate

_AT_ONCE = 32  # archived segments unpacked at a time: at most 256 MiB beside the archive


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild did: where the old file lies now, rows that came from exported facts, segments and records from the log."""

    moved_to: str | None = None
    from_facts: int = 0
    segments: int = 0
    ingested: int = 0
    duplicates: int = 0
    quarantined: int = 0
    problems: list[str] = field(default_factory=list)


def rebuild(home: Home, *, progress: Callable[[str], None] = lambda _: None) -> Rebuilt:
    """Make a home's database anew; the old file is moved aside. Raises OwnerBusy where a process owns the home, and StoreError
    – before anything is moved – where the exported facts are damaged."""
    home.make()
    done = Rebuilt()
    lock = OwnerLock(home)
    try:
        done.moved_to, done.from_facts = new_database(home)
    finally:
        lock.release()
    progress(f"{done.from_facts} rows from exported facts")
    with Store.open(home, catch_up=False) as store:
        read_log(store, done, progress)
    return done


def new_database(home: Home) -> tuple[str | None, int]:
    """Put a database with the exported facts in the place of the old one; where that lies now, and the rows. The caller owns the home."""
    manifest = facts.read_manifest(home)
    fresh = home.database.with_name("rebuilding.part")
    for left in home.database.parent.glob("rebuilding.part*"):
        left.unlink()
    if manifest is not None:
        with duckdb.connect(str(fresh)) as connection:
            for setting in SETTINGS:
                connection.execute(setting)
            migrate(connection, fresh, upto=manifest.schema)  # later steps run on the facts, as they would have on the file
            facts.load(home, manifest, connection)
            connection.execute("CHECKPOINT")
        fresh.chmod(0o600)
    moved = _move_aside(home)
    if manifest is not None:
        fresh.rename(home.database)
    return moved, sum(file.rows for file in manifest.files) if manifest else 0


def read_log(store: Store, done: Rebuilt, progress: Callable[[str], None]) -> None:
    """Take in what the archive and the spool hold and the tables do not."""
    with store.writing() as cursor:
        catching_up.catch_up(store.home, cursor)
    collector = Collector(store)
    while True:
        with store.reading() as cursor:
            known = catching_up.archived_names(cursor)
        count = catching_up.put_back(store.home, known, limit=_AT_ONCE)
        told = collector.once()
        done.ingested += told["ingested"]
        done.duplicates += told["duplicates"]
        done.quarantined += told["quarantined"]
        done.segments += count
        progress(f"{done.segments} archived segments read, {done.ingested} records")
        with store.reading() as cursor:
            if not count or catching_up.archived_names(cursor) == known:  # no headway: what is left cannot be read
                break
    with store.writing() as cursor:
        catching_up.catch_up(store.home, cursor)  # references of models that only the log knew


def _move_aside(home: Home) -> str | None:
    """Keep the old file and its write-ahead log under a name of their own, for whoever wants to look at them."""
    stamp = f"damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.duckdb"
    moved: Path | None = None
    for path in (home.database, home.database.with_name(home.database.name + ".wal")):
        if path.exists():
            target = path.with_name(path.name.replace(home.database.name, stamp))
            path.rename(target)
            moved = moved or target
    return None if moved is None else moved.name
