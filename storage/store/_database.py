"""The one connection to the database file: cursors for readers, one transaction at a time for writers, migrations."""

from __future__ import annotations

__all__ = ["LOCKS", "SETTINGS", "Database", "Parameters", "ReadCursor", "dicts", "holder_of", "query", "select_only", "table", "tuples"]

import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from storage.errors import OwnerBusy, StoreError
from storage.store._known_ids import KnownIds
from storage.store._migrating import migrate

Parameters = Mapping[str, Any] | Sequence[Any] | None

# Names in SQL must not reach local Python variables, and SQL must not reach files or the network: rows come in as
# registered Arrow tables only.
SETTINGS = (
    "SET GLOBAL TimeZone = 'UTC'",
    "SET GLOBAL python_enable_replacements = false",
    "SET checkpoint_threshold = '64MB'",  # fewer of them while the log is busy: each is the moment at which a full disk hurts most
)
LOCKS = (
    "SET allow_community_extensions = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET enable_external_access = false",
    "SET lock_configuration = true",
)

_PATIENCE = 30.0  # seconds for which an owner waits until those who only read the file are done with it
_GLANCE = 0.05

# What DuckDB says of a commit that lasts although it raised: the checkpoint that follows it failed.
_DURABLE = "is durable"

# Errors that a damaged file raises, among other things.
_DAMAGE = (duckdb.FatalException, duckdb.InternalException, duckdb.SerializationException)


@cache
def query(name: str) -> str:
    """The text of `storage/sql/<name>.sql`."""
    return files("storage").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


class ReadCursor(Protocol):
    """What queries need of a cursor: every connection has it, and one for readers has nothing else."""

    def sql(self, query: Any, *, params: Any = None) -> Any: ...
    def execute(self, query: Any, parameters: Any = None) -> Any: ...
    def register(self, view_name: str, python_object: object) -> object: ...
    def unregister(self, view_name: str) -> object: ...


class _SelectOnly:
    """A cursor that answers one SELECT at a time, and raises StoreError for all else. Tables of rows may be put beside the home's."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor

    def sql(self, query: str, *, params: Any = None) -> Any:
        return self._cursor.sql(self._question(query), params=params)

    def execute(self, query: str, parameters: Any = None) -> _SelectOnly:
        self._cursor.execute(self._question(query), parameters)
        return self

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self._cursor.fetchall()

    def register(self, view_name: str, python_object: object) -> object:
        return self._cursor.register(view_name, python_object)

    def unregister(self, view_name: str) -> object:
        return self._cursor.unregister(view_name)

    def _question(self, query: str) -> duckdb.Statement:
        """The one SELECT that a text is, parsed: DuckDB need not do it again."""
        statements = self._cursor.extract_statements(query)
        if len(statements) != 1 or statements[0].type is not duckdb.StatementType.SELECT:
            raise StoreError("Only a single SELECT is answered here: use the commands of python -m monitoring to change anything.")
        return statements[0]


@contextmanager
def select_only(cursor: duckdb.DuckDBPyConnection) -> Iterator[ReadCursor]:
    """One moment of the database, for reading: SELECT alone is answered, in a transaction that DuckDB itself keeps from writing."""
    cursor.execute("BEGIN TRANSACTION READ ONLY")
    try:
        yield _SelectOnly(cursor)
    finally:
        _roll_back(cursor)


def table(cursor: ReadCursor, sql: str, parameters: Parameters = None) -> pa.Table:
    """All rows of a query as Arrow. Everything is fetched: an unfinished result would block its connection."""
    found: pa.Table = (cursor.sql(sql, params=parameters) if parameters else cursor.sql(sql)).to_arrow_table()
    return found


def dicts(cursor: ReadCursor, sql: str, parameters: Parameters = None) -> list[dict[str, Any]]:
    """All rows of a small query as dicts. By way of Arrow, which needs no pytz for moments."""
    found: list[dict[str, Any]] = table(cursor, sql, parameters).to_pylist()
    return found


def tuples(cursor: ReadCursor, sql: str, parameters: Parameters = None) -> list[tuple[Any, ...]]:
    """All rows of a small query that has no moments (they would need pytz). DuckDB plans it once; for Arrow it does so twice."""
    found: list[tuple[Any, ...]] = cursor.execute(sql, parameters).fetchall()
    return found


def holder_of(error: duckdb.Error) -> int | None:
    """The pid of the process that has a file open, so that it could not be opened here; 0 where that is not told; None for other errors."""
    if "Could not set lock" not in str(error):
        return None
    found = re.search(r"\(PID (\d+)\)", str(error))
    return int(found[1]) if found else 0


class _Mine(threading.local):
    """Of one thread: how many cursors it holds, one within the other, and how many of them write."""

    depth = 0
    writes = 0


class Database:
    """Owns the file while it is open. `read` and `write` may be called from any thread, and never after a fork.

    An instance that DuckDB gave up (a checkpoint that failed on a full disk, say), or that could not be opened again, is opened anew by
    the next call.
    """

    def __init__(self, path: Path, *, memory_bytes: int | None = None) -> None:
        self._path = path
        self._memory_bytes = memory_bytes
        self._pid = os.getpid()
        self._gate = threading.Condition()
        self._active = 0  # calls that hold a cursor
        self._reopening = False
        self._given_up = False  # by DuckDB, or lost: every call fails until the file was opened anew
        self._closed = False  # on purpose, for good
        self._writing = threading.RLock()
        self._mine = _Mine()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self.known_ids = KnownIds()  # of the connection: another one may see other rows
        self._connect()

    @property
    def snapshots(self) -> Path:
        """The one folder that SQL may write to: a consistent copy of a file in use is `COPY FROM DATABASE`, never a copy of its bytes."""
        return self._path.parent / "snapshots"

    @property
    def schema_version(self) -> int:
        """The number of the newest migration that was applied."""
        with self.read() as cursor:
            return int(dicts(cursor, "SELECT max(number) AS number FROM migrations")[0]["number"])

    @contextmanager
    def read(self) -> Iterator[ReadCursor]:
        """A cursor of its own for the questions of one call: all of one moment, SELECT alone. Raises StoreError for all else."""
        with self.cursor() as cursor, select_only(cursor) as reading:
            yield reading

    @contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of its own for one call, for whoever keeps his own transactions. Raises StoreError for whatever the database refuses."""
        cursor = self._enter()
        try:
            yield cursor
        except duckdb.Error as error:
            self._notice(error)
            raise StoreError(f"The database refused to answer: {_sentence(error)}{self._advice(error)}") from error
        finally:
            self._leave(cursor)

    @contextmanager
    def write(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor inside a transaction: all of the block is written, or nothing of it. One writer at a time.

        Raises StoreError, which says so where the commit itself failed: it may have lasted, or does; and within a read of the same
        thread, for whom somebody may wait who wants to write, too.
        """
        if self._mine.depth > self._mine.writes:
            raise StoreError("A write within a read would wait for itself: leave the read first.")
        with self._writing:
            cursor = self._enter()
            self._mine.writes += 1
            outcome = "nothing was written"
            try:
                cursor.execute("BEGIN")
                try:
                    yield cursor
                except BaseException:
                    _roll_back(cursor)
                    raise
                self._guard()  # a child that was forked within the block shares the file with its parent
                outcome = "what was to be written may stand or not"
                cursor.execute("COMMIT")
            except duckdb.Error as error:
                self._notice(error)
                outcome = "all of it was written" if _DURABLE in str(error) else outcome
                raise StoreError(f"The database refused to write, and {outcome}: {_sentence(error)}{self._advice(error)}") from error
            finally:
                self._mine.writes -= 1
                self._leave(cursor)

    def reopen(self) -> None:
        """Close and open the file again: after a failed write its state in memory is not to be trusted."""
        self.exclusively(lambda: None)

    def exclusively(self, act: Callable[[], None]) -> None:
        """Close the file, let `act` do what it wants with it, open it again; callers wait. Raises StoreError within a read or a write of
        the same thread, for which it would wait."""
        if self._mine.depth:
            raise StoreError("The file cannot be opened anew within a read or a write: leave that first.")
        with self._writing, self._gate:
            self._guard()
            self._refuse_if_closed()
            self._reopening = True
            try:
                self._gate.wait_for(lambda: self._active == 0)
                self._disconnect()
                try:
                    try:
                        act()
                    finally:
                        self._connect()
                finally:
                    self._given_up = self._connection is None  # a full disk, or a reader that has the file, is no reason to stay closed
            finally:
                self._reopening = False
                self._gate.notify_all()

    def close(self) -> None:
        """Close the file once running calls have ended. A second call does nothing; in a forked child nothing happens."""
        if self._pid != os.getpid():
            return
        with self._writing, self._gate:
            self._gate.wait_for(lambda: self._active == 0)
            self._closed = True
            self._disconnect()

    def _connect(self) -> None:
        connection = self._opened()
        try:
            for setting in SETTINGS:
                connection.execute(setting)
            if self._memory_bytes is not None:
                connection.execute(f"SET memory_limit = '{self._memory_bytes // 1024} KiB'")
            migrate(connection, self._path)
            folder = str(self.snapshots).replace("'", "''")
            connection.execute(f"SET allowed_directories = ['{folder}/']")
            for setting in LOCKS:  # after the migrations, which may need a snapshot of the file
                connection.execute(setting)
        except BaseException:
            connection.close()
            raise
        self._path.chmod(0o600)
        self._connection = connection

    def _opened(self) -> duckdb.DuckDBPyConnection:
        """The file, once nobody reads it: the home is ours, so whoever has it open is a reader and soon done."""
        shutil.rmtree(self._path.with_name(f"{self._path.name}.tmp"), ignore_errors=True)  # what a killed owner had spilled
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                return duckdb.connect(str(self._path))
            except duckdb.Error as error:
                held = holder_of(error)
                if held is None:
                    raise StoreError(
                        f"The database {self._path} cannot be opened ({_sentence(error)}). Run python -m monitoring rebuild: "
                        "it is made anew from the exported facts, the archive and the spool."
                    ) from error
                if time.monotonic() >= end:
                    text = f"The database {self._path} is being read by process {held or 'unknown'}: wait until it is done."
                    raise OwnerBusy(text, pid=held or None) from error
            time.sleep(_GLANCE)

    def _disconnect(self) -> None:
        self.known_ids = KnownIds()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _notice(self, error: duckdb.Error) -> None:
        self._given_up = self._given_up or isinstance(error, duckdb.FatalException)

    def _advice(self, error: duckdb.Error) -> str:
        """What to do where the file itself is to blame. 2.0.0 raises plain duckdb.Error for some damage, so the text is asked too."""
        damaged = isinstance(error, _DAMAGE) or "orrupt" in str(error) or "checksum" in str(error)
        return f" – if the file {self._path} is damaged, run python -m monitoring rebuild." if damaged else ""

    def _guard(self) -> None:
        if self._pid != os.getpid():
            raise StoreError(
                "This process was forked from the owner of the database and must not use it: ask the owner through "
                "storage.wire, or start the child with spawn."
            )

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StoreError("The store is closed: open it again with Store.open(home).")

    def _enter(self) -> duckdb.DuckDBPyConnection:
        self._guard()
        depth = self._mine.depth
        if self._given_up and not depth and not self._closed:
            self.reopen()
        with self._gate:
            if not depth:  # a call within a call must not wait for a reopening that waits for the outer one
                self._gate.wait_for(lambda: not self._reopening)
            self._refuse_if_closed()
            if self._connection is None:
                raise StoreError(f"The database {self._path} could not be opened again just now: the next call tries it anew.")
            cursor = self._connection.cursor()
            self._active += 1
        self._mine.depth = depth + 1
        return cursor

    def _leave(self, cursor: duckdb.DuckDBPyConnection) -> None:
        cursor.close()
        self._mine.depth -= 1
        with self._gate:
            self._active -= 1
            self._gate.notify_all()


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split())[:500]


def _roll_back(cursor: duckdb.DuckDBPyConnection) -> None:
    try:
        cursor.execute("ROLLBACK")
    except duckdb.Error:  # the failure had ended the transaction already; the caller raises what caused it
        return
