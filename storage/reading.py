"""A home for whoever may only read it – a backup, a read-only mount, another user's folder – as its owner would show it.

The database is opened for reading only, and what lies in the spool beyond the positions that it names is taken in beside it, in memory:
by the collector's own code, into tables that stand before the file's. Nothing in the home changes. DuckDB keeps every writer out of a
file that is being read, so an owner that starts meanwhile waits: hold a reader for a question, not for longer.
"""

from __future__ import annotations

__all__ = ["attached", "explained", "reading"]

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from storage import spool
from storage.collector import Collector
from storage.errors import StorageError, StoreError
from storage.home import Home
from storage.owner_lock import busy, held_by
from storage.store import Reader, Store
from storage.store._database import LOCKS, SETTINGS, Database, dicts, holder_of
from storage.store._migrating import newest
from storage.store._segments import known

# Tables that taking in never touches: they are looked through. Those of a model are named after its number; all others are copied.
_UNTOUCHED = frozenset({
    "causes", "explained", "hourly", "migrations", "points", "profiles", "pruned", "reference_loads", "reports", "restated", "runs",
    "settled", "window_states",
})  # fmt: skip
_BEYOND = 1 << 62  # the numbers of all rows of a file
_OF_A_MODEL = re.compile(r"(pred|label|ref)_(\d{6})")


@contextmanager
def reading(home: Home) -> Iterator[Reader]:
    """Ask a home that nobody owns, as of now, without becoming its owner.

    Raises OwnerBusy where a process has the database open for writing, and StoreError where there is none, where it is damaged or of
    another version.
    """
    database = _Beside(home)
    try:
        store = Store(home, None, database)
        Collector(store, files=False).once(database.ends)
        if database.grown():  # a new column is filled from all the rows there are, so that all of them must be at hand
            database.begin_again()
            Collector(store, files=False).once(database.ends)
        database.join()
        yield store.reader()
    finally:
        database.close()


def attached(home: Home) -> duckdb.DuckDBPyConnection:
    """A database in memory with the home's beside it, for reading only, under the name of its file's stem. Raises as `reading` does."""
    if not home.database.exists():
        raise StoreError(f"There is no database {home.database}: run python -m monitoring collect --once where the home can be written.")
    if (pid := held_by(home)) is not None:  # one that starts waits for those who read now; were there always new ones, for ever
        raise busy(home, pid)
    connection = duckdb.connect(":memory:")
    try:
        for setting in SETTINGS:
            connection.execute(setting)
        path = str(home.database).replace("'", "''")
        connection.execute(f"ATTACH '{path}' AS {home.database.stem} (READ_ONLY)")
        (row,) = dicts(connection, f"SELECT max(number) AS number FROM {home.database.stem}.migrations")  # noqa: S608 – our own name
        if row["number"] != newest():
            raise StoreError(
                f"The database {home.database} has schema {row['number']} and this version {newest()}: "
                "python -m monitoring collect --once brings an older one up to date, a newer one needs the version that wrote it."
            )
    except duckdb.Error as error:
        connection.close()
        raise explained(home, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def explained(home: Home, error: duckdb.Error) -> StorageError:
    """What an error that the file raised is to a person, and what to do."""
    said, held = " ".join(str(error).split())[:300], holder_of(error)
    if held is not None:
        return busy(home, held)
    if "ermission denied" in said:
        return StoreError(f"The database {home.database} may not be read by this user ({said}).")
    return StoreError(f"The database {home.database} is damaged ({said}): run python -m monitoring rebuild.")


class _Beside(Database):
    """The file for reading only, and before it tables in memory for what is taken in. Opened anew, it has forgotten what was taken in.

    Of a model that the spool has records of, the rows with their ids are copied: they are what taking in looks at. `ends` says up to
    which byte of each segment that holds.
    """

    def __init__(self, home: Home) -> None:
        self._home, self._file = home, home.database.stem
        self.ends: dict[Path, int] = {}
        self._whole: set[int] = set()
        self._part: set[int] = set()
        super().__init__(home.database)

    def grown(self) -> bool:
        """Whether a model of which not all rows were copied got columns. Opened anew, all of its rows are."""
        columns = "SELECT table_name AS name, count(*) AS n FROM duckdb_columns() WHERE database_name = ? GROUP BY 1"
        with self.cursor() as cursor:
            old, new = ({row["name"]: row["n"] for row in dicts(cursor, columns, [name])} for name in (self._file, "memory"))
        found = {number for number in self._part if old[f"pred_{number:06d}"] != new[f"pred_{number:06d}"]}
        self._whole |= found
        return bool(found)

    def begin_again(self) -> None:
        """Forget what was taken in."""
        super().reopen()

    def reopen(self) -> None:
        """Never, by itself: the rows that were taken in would be missing from the answer, without a word."""
        raise StoreError("What was read beside the database was lost to an error of the memory or the disk: ask again.")

    def join(self) -> None:
        """Let the names of tables stand for all rows: the file's, and in the place of some of them those in memory."""
        with self.cursor() as cursor:
            for number in self._part:
                for kind in ("pred", "label"):
                    name = f"{kind}_{number:06d}"
                    cursor.execute(f"ALTER TABLE {name} RENAME TO tail_{name}")
                    # A row without an id is what an erased one left: it counts, and no other stands in its place.
                    left = f"WHERE id IS NULL OR id NOT IN (SELECT id FROM tail_{name} WHERE id IS NOT NULL)"  # noqa: S608
                    rest = f"SELECT *, rowid FROM {self._file}.{name} {left}"  # noqa: S608
                    tail = f"SELECT *, {_BEYOND} + rowid AS rowid FROM tail_{name}"  # noqa: S608
                    cursor.execute(f"CREATE VIEW {name} AS {rest} UNION ALL BY NAME {tail}")
                self._look_through(cursor, f"ref_{number:06d}")

    def _connect(self) -> None:
        connection = attached(self._home)
        try:
            self._copy(connection)
            for setting in LOCKS:
                connection.execute(setting)
        except duckdb.Error as error:
            connection.close()
            raise explained(self._home, error) from error
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _copy(self, connection: duckdb.DuckDBPyConnection) -> None:
        waiting = self._waiting(connection)
        connection.execute(f"COPY FROM DATABASE {self._file} TO memory (SCHEMA)")
        models = {row["name"]: row["model_id"] for row in dicts(connection, f"SELECT name, model_id FROM {self._file}.models")}  # noqa: S608
        ids = {models[name]: list(found) for name, found in waiting.items() if name in models}
        self._part = ids.keys() - self._whole
        for row in dicts(connection, "SELECT table_name AS name FROM duckdb_tables() WHERE database_name = ?", [self._file]):
            name, of_model = row["name"], _OF_A_MODEL.fullmatch(row["name"])
            number = int(of_model[2]) if of_model else None
            if (number is None and name not in _UNTOUCHED) or number in self._whole:
                connection.execute(f"INSERT INTO {name} FROM {self._file}.{name}")
            elif number in self._part:
                if not name.startswith("ref_"):
                    chosen = f"FROM {self._file}.{name} WHERE id IN (SELECT unnest($ids))"
                    connection.execute(f"INSERT INTO {name} {chosen}", {"ids": ids[number]})
            else:
                self._look_through(connection, name)

    def _look_through(self, cursor: duckdb.DuckDBPyConnection, name: str) -> None:
        cursor.execute(f"DROP TABLE {name}")
        # A view has no rowid by itself.
        cursor.execute(f"CREATE VIEW {name} AS SELECT *, rowid FROM {self._file}.{name}")  # noqa: S608 – our own names

    def _waiting(self, connection: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
        """The ids of what lies in the spool and is not in the file, by model; whoever has a record of any kind is named."""
        connection.execute(f"USE {self._file}")
        paths = spool.segments(self._home.spool)
        read = known(connection, [path.name for path in paths])
        connection.execute("USE memory")
        found: dict[str, set[str]] = defaultdict(set)
        self.ends = {}
        for path in paths:
            start = read[path.name].position if path.name in read else 0
            with suppress(OSError, StorageError):  # taking in says of it that it cannot be read
                for line in spool.read_segment(path, start):
                    self.ends[path] = line.end
                    if line.record is not None and isinstance(name := line.record.get("m"), str):
                        found[name] |= {line.record["id"]} if isinstance(line.record.get("id"), str) else set()
        return found
