"""The face of the storage room: what its `Reader` answers, and every write."""

from __future__ import annotations

__all__ = ["Store"]

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from storage.custody import catching_up, forgetting, given
from storage.custody.reference_profiles import ReferenceProfile
from storage.errors import StorageError, StoreError
from storage.home import Home
from storage.owner_lock import OwnerLock
from storage.store import _catalog, _causes, _changes, _counts, _findings, _reference, _runs
from storage.store._database import Database
from storage.store._frames import Window
from storage.store._known_ids import KnownIds
from storage.store._reader import Reader

Cursor = duckdb.DuckDBPyConnection

_log = logging.getLogger(__name__)


class Store(Reader):
    """Every read and write of one home's database. Open it with `Store.open`; use it from any thread; close it, or use `with`."""

    def __init__(self, home: Home, lock: OwnerLock | None, database: Database) -> None:
        super().__init__(home, database)
        self.lock = lock
        self._database = database

    def reader(self) -> Reader:
        """What answers the same questions and can change nothing: for pages."""
        return Reader(self.home, self._database, self._spool)

    @classmethod
    def open(cls, home: Home, *, catch_up: bool = True, memory_bytes: int | None = None) -> Store:
        """Become the owner of a home, which is created where it is missing. Raises OwnerBusy with the holder's pid at once.

        What the database lacks of what was archived, registered or loaded is put back (a write-ahead log that lost its tail opens
        without a word); `catch_up` False leaves that to the caller. The database holds at most `memory_bytes` in memory (default: DuckDB's
        own, 80 % of the machine's) and spills beside its file what needs more. Raises StoreError where exported facts have no database.
        """
        home.make()
        lock = OwnerLock(home)
        try:
            if not home.database.exists() and (home.export / "manifest.json").exists():
                raise StoreError(f"There is no database {home.database}, but exported facts: run python -m monitoring rebuild.")
            database = Database(home.database, memory_bytes=memory_bytes)
            with database.write() as cursor:
                _runs.interrupt(cursor)
                if catch_up:
                    catching_up.catch_up(home, cursor)
                    catching_up.put_back(home, catching_up.archived_names(cursor))
        except BaseException:
            lock.release()
            raise
        store = cls(home, lock, database)
        if catch_up:
            store._export_without_rows()
        return store

    def close(self) -> None:
        """Close the file and give the home back. A second call does nothing."""
        self._database.close()
        if self.lock is not None:  # it has none where the database is a reader's own
            self.lock.release()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- models --------------------------------------------------------------------------------------------------------

    def register_model(self, spec: Mapping[str, Any]) -> bool:
        """Describe a version of a model (the contract's YAML as a dict); True if that changed anything. History is kept."""
        at = datetime.now(UTC)
        with self._database.write() as cursor:
            changed = _catalog.register(cursor, spec)
            if changed:
                given.keep_registration(self.home, spec, at)
        return changed

    def put_reference(self, model: str, rows: pa.Table, source: str) -> dict[str, Any]:
        """Replace a model's reference by rows with the model's own column names: `{"rows", "hash"}`.

        The hash depends on the rows' values alone, not on their order. Times without a zone are in the model's `timezone`.
        """
        at = datetime.now(UTC)
        with self._database.write() as cursor:
            found = self._found(cursor, model)
            before = _reference.whole(cursor, found)
            put = _reference.put(cursor, found, rows, source)
            given.keep_reference(self.home, model, rows, source, at)
        profile = ReferenceProfile(self.home, model, put["hash"])
        profile.remove_others()
        if before != put["hash"]:  # what is kept under this hash may be of fewer rows: some were erased, or all were deleted
            profile.remove()
        return put

    def forget_reference(self, model: str, *, view: str) -> dict[str, Any]:
        """Delete the rows of a model's reference; what was worked out of them stays, and `view` says how its facts are named.

        `{"rows", "hash", "forgotten_at"}`. Killed anywhere, the next opening finishes it. Raises StoreError where there is no reference.
        """
        from storage.custody import facts  # builds on this room

        with self._database.write() as cursor:
            found = self._found(cursor, model)
            info = _reference.info(cursor, found)
            if info is None:
                raise StoreError(f'"{model}" has no reference.')
            known = forgetting.forget(self.home, cursor, found, info, view=view)
        given.forget_reference(self.home, model, info["loaded_at"])
        if facts.read_manifest(self.home) is not None:
            with self._database.cursor() as cursor:
                facts.write(self.home, cursor)
        return {"rows": known.rows, "hash": known.hash, "forgotten_at": known.forgotten_at}

    def _export_without_rows(self) -> None:
        """Export the facts anew where a kill left rows in them that were deleted since; if it cannot be written, the next export does."""
        from storage.custody import facts  # builds on this room

        try:
            manifest = facts.read_manifest(self.home)
            if manifest is not None and forgetting.is_exported(self.home, manifest.written_at):
                with self._database.cursor() as cursor:
                    facts.write(self.home, cursor)
        except (StorageError, OSError) as error:
            _log.error("Rows of a reference that were deleted may still lie in the exported facts: %s", error)

    def reference_profile(self, model: str) -> ReferenceProfile | None:
        """What was worked out of the model's reference; None where it has no reference."""
        info = self.reference_info(model)
        return None if info is None else ReferenceProfile(self.home, model, info["hash"])

    # -- rows ----------------------------------------------------------------------------------------------------------

    def count(self, model: str, seconds: int = 86_400) -> int:
        """Bring the counts of a model's rows up to date, in buckets of which windows of `seconds` are made; the serial they stand for.

        Costs what changed since the last call: rows taken in, and the buckets of time that they and new labels touch.
        """
        while True:
            with self._model(model) as (cursor, found):
                counted = _counts.counted(cursor, found, seconds)
            if isinstance(counted, int):
                return counted
            with self._database.write() as cursor:
                if _counts.save(cursor, found, counted):
                    return counted.serial

    def settle(self, model: str, *, window: str, serial: int, code: str, since: datetime, until: datetime | None) -> None:
        """Say that nothing of a model was due at `since`, as of a `serial` that `count` gave, and nothing will be by the clock alone
        before `until`."""
        with self._database.write() as cursor:
            _changes.settle(cursor, self._found(cursor, model).model_id, window=window, serial=serial, code=code, since=since, until=until)

    def rebase_window(self, model: str, version: str, window_name: str, start: datetime, fingerprint: str) -> None:
        """Say that a computed window's points stand for the rows as they are now."""
        with self._database.write() as cursor:
            cursor.execute(
                'UPDATE window_states SET fingerprint = ? WHERE model = ? AND version = ? AND "window" = ? AND window_start = ?',
                [fingerprint, model, version, window_name, start],
            )

    def prune(self, model: str, version: str, before: datetime, *, dry_run: bool = False) -> dict[str, int]:
        """Remove a version's predictions before a moment with their ground truth: `{"rows", "labels"}`. See storage.custody.retention."""
        from storage.custody import retention  # builds on this room

        with self._database.write() as cursor:
            return retention.prune(cursor, self._found(cursor, model, version), version, before, dry_run=dry_run)

    def drop_hours(self, model: str, before: datetime) -> int:
        """Remove the hourly counts of a model's pruned predictions before a moment; how many."""
        from storage.custody import retention  # builds on this room

        with self._database.write() as cursor:
            return retention.drop_hours(cursor, self._found(cursor, model).model_id, before)

    # -- findings ------------------------------------------------------------------------------------------------------

    def save_window(
        self,
        model: str,
        version: str,
        window: Window,
        points: pa.Table,
        profiles: pa.Table | None = None,
        *,
        window_name: str,
        run: str,
        state: str = "done",
        fingerprint: str = "",
    ) -> None:
        """Replace the findings of one window, in one transaction: all of it, or the old ones stay.

        Points equal to what is there (times of computing and runs aside) stay as they are; others are superseded, never deleted.
        """
        with self._database.write() as cursor:
            _findings.save_window(
                cursor, model, version, window, points, profiles,
                window_name=window_name, run=run, state=state, fingerprint=fingerprint,
            )  # fmt: skip
            if state == "failed":
                _changes.unsettle(cursor, model)

    def save_report(self, row: Mapping[str, Any]) -> str:
        """Add a report, or replace the one of the same model, version, kind, window and format; its id.

        Keys: model, kind, path (relative to the home's reports folder); optional version, window, window_start, window_end,
        format, run, created_at, report_id. Other keys are kept together as `detail` (JSON).
        """
        with self._database.write() as cursor:
            return _findings.save_report(cursor, row)

    def restate(self, found: pa.Table) -> None:
        """Say status, reason and detail of current points anew, in one transaction: verdicts that rest on other windows' points too.

        `found` has the shape of `storage.points.POINTS`. What was measured stays; what was said of it until now is superseded, so that it
        is still known what held before.
        """
        with self._database.write() as cursor:
            _findings.restate(cursor, found)

    def save_causes(self, model: str, window: str, found: pa.Table, *, up_to: datetime) -> None:
        """Replace the causes of a model's windows of this name (in the shape of `storage.points.CAUSES`), in one transaction.

        `up_to` is the one that `unexplained` gave before the points were read.
        """
        with self._database.write() as cursor:
            _causes.save_causes(cursor, model, window, found, up_to)

    # -- the house -----------------------------------------------------------------------------------------------------

    def run_started(self, *, run: str | None = None, model: str | None = None, window: str | None = None, total: int = 0) -> str:
        """Note that a run began (of `total` windows, as far as known); its id, made up where none is given."""
        with self._database.write() as cursor:
            return _runs.started(cursor, run=run, model=model, window=window, total=total)

    def run_progress(self, run: str, *, done: int, total: int | None = None, note: str | None = None) -> None:
        """Note how many windows of a run are done."""
        with self._database.write() as cursor:
            _runs.progress(cursor, run, done=done, total=total, note=note)

    def run_finished(
        self, run: str, *, state: str = "done", points: int = 0, failed: int = 0, insufficient: int = 0, reason: str | None = None
    ) -> None:
        """Note a run's end: `done`, `cancelled`, `interrupted`, or `failed` with the reason."""
        with self._database.write() as cursor:
            _runs.finished(cursor, run, state=state, points=points, failed=failed, insufficient=insufficient, reason=reason)

    def resume_runs(self) -> None:
        """What cancelled runs left is to be computed: none of them is `cancelled` any more, but `interrupted`."""
        with self._database.write() as cursor:
            _runs.resume(cursor)

    def add_event(self, *, level: str, kind: str, text: str, model: str | None = None) -> None:
        """Note what happened (level info | warning | error)."""
        with self._database.write() as cursor:
            _runs.add_event(cursor, level=level, kind=kind, text=text, model=model)

    # -- for this room and the collector -------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[Cursor]:
        """A transaction of the storage room itself: everything in the block is written, or nothing."""
        with self._database.write() as cursor:
            yield cursor

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        """A connection of the storage room itself, for whole transactions of its own; verbs that only ask use `read`."""
        with self._database.cursor() as cursor:
            yield cursor

    @property
    def known_ids(self) -> KnownIds:
        """Which ids the tables may hold; to be asked for within `writing`, for it is another one once the file was opened anew."""
        return self._database.known_ids

    @property
    def spool_stays(self) -> threading.RLock:
        """To be held while a segment leaves the spool."""
        return self._spool.stays

    def reopen(self) -> None:
        """Close and open the file again, after a write that failed in a way that may have lasted."""
        self._database.reopen()

    @property
    def snapshots(self) -> Path:
        """The one folder that SQL may write to, for copies of the database."""
        return self._database.snapshots

    def exclusively(self, act: Callable[[], None]) -> None:
        """Close the file, let `act` do what it wants with it, and open it again; all callers wait."""
        self._database.exclusively(act)

