"""The face of the storage room."""

from __future__ import annotations

__all__ = ["Store"]

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from storage.custody import catching_up, given
from storage.errors import StoreError
from storage.home import Home
from storage.owner_lock import OwnerLock
from storage.store import _activity, _catalog, _causes, _findings, _frames, _health, _pruned, _reference, _runs
from storage.store._database import Database, Parameters, query, table
from storage.store._frames import Window

Cursor = duckdb.DuckDBPyConnection


class Store:
    """Every read and write of one home's database. Open it with `Store.open`; use it from any thread; close it, or use `with`.

    Tables come back as Arrow; moments are aware UTC. Names of models, features and versions are values and may be any text.
    Raises StoreError, also for a model that was never described.
    """

    def __init__(self, home: Home, lock: OwnerLock, database: Database) -> None:
        self.home = home
        self.lock = lock
        self._database = database
        self.spool_stays = threading.RLock()  # held where segments are taken out of the spool, and where they are counted

    @classmethod
    def open(cls, home: Home, *, catch_up: bool = True) -> Store:
        """Become the owner of a home, which is created where it is missing. Raises OwnerBusy with the holder's pid at once.

        What the database lacks of what was archived, registered or loaded is put back (a write-ahead log that lost its tail opens
        without a word); `catch_up` False leaves that to the caller. Raises StoreError where exported facts have no database.
        """
        home.make()
        lock = OwnerLock(home)
        try:
            if not home.database.exists() and (home.export / "manifest.json").exists():
                raise StoreError(f"There is no database {home.database}, but exported facts: run python -m monitoring rebuild.")
            database = Database(home.database)
            with database.write() as cursor:
                _runs.interrupt(cursor)
                if catch_up:
                    catching_up.catch_up(home, cursor)
                    catching_up.put_back(home, catching_up.archived_names(cursor))
        except BaseException:
            lock.release()
            raise
        return cls(home, lock, database)

    def close(self) -> None:
        """Close the file and give the home back. A second call does nothing."""
        self._database.close()
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

    def models(self) -> list[str]:
        """The names of all models that are described, in order."""
        with self._database.read() as cursor:
            return _catalog.names(cursor)

    def spec(self, model: str, version: str | None = None) -> dict[str, Any]:
        """The newest description of a version; of the model where the version has none of its own, or none is named."""
        with self._model(model, version) as (_, found):
            return found.spec

    def schema_history(self, model: str) -> pa.Table:
        """Every description, oldest first: revision, version, origin (registered | inferred), registered_at, spec (JSON text)."""
        with self._database.read() as cursor:
            return table(cursor, query("schema_history"), [model])

    def feature_columns(self, model: str, version: str | None = None) -> list[dict[str, str]]:
        """name, kind, role (feature | segment | user | item | score) and column, in a frame's order. A score's name is its class."""
        with self._model(model, version) as (_, found):
            fields = found.fields
        return [{"name": field.name, "kind": field.kind, "role": field.role, "column": field.column} for field in fields]

    def put_reference(self, model: str, rows: pa.Table, source: str) -> dict[str, Any]:
        """Replace a model's reference by rows with the model's own column names: `{"rows", "hash"}`.

        The hash depends on the rows' values alone, not on their order. Times without a zone are in the model's `timezone`.
        """
        at = datetime.now(UTC)
        with self._database.write() as cursor:
            put = _reference.put(cursor, self._found(cursor, model), rows, source)
            given.keep_reference(self.home, model, rows, source, at)
        return put

    def reference(self, model: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        """The reference's rows in the shape of `frame`, or None where none was loaded."""
        with self._model(model) as (cursor, found):
            if _reference.info(cursor, found) is None:
                return None
            return _frames.reference(cursor, found, columns)

    def reference_info(self, model: str) -> dict[str, Any] | None:
        """rows, hash, source, loaded_at, start, end, missing_columns of the reference; None where none was loaded."""
        with self._model(model) as (cursor, found):
            return _reference.info(cursor, found)

    # -- rows ----------------------------------------------------------------------------------------------------------

    def versions(self, model: str) -> pa.Table:
        """One row per version that logged: version, rows, first, last (event times), oldest first."""
        with self._model(model) as (cursor, found):
            return _activity.versions(cursor, found)

    def activity(self, model: str, edges: Sequence[tuple[datetime, datetime]]) -> pa.Table:
        """One row per version and window [start, end) with rows: version, start, end, rows, labelled, fingerprint.

        A fingerprint changes if and only if the window's predictions or the values of their ground truth change.
        """
        with self._model(model) as (cursor, found):
            return _activity.activity(cursor, found, edges)

    def row_windows(self, model: str, version: str, size: int) -> pa.Table:
        """One row per window of `size` rows, the last perhaps with fewer: first_row, last_row (half-open), start, end, rows,
        labelled, fingerprint. `end` is a microsecond after the last row."""
        with self._model(model, version) as (cursor, found):
            return _activity.row_windows(cursor, found, version, size)

    def frame(
        self,
        model: str,
        version: str,
        window: Window | None = None,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
        *,
        as_of: datetime | None = None,
    ) -> pa.Table:
        """One row per prediction of a window (the first of each id), in order of time and id.

        Columns: `@id @t @version @prediction @score @label @labelled_at @latency_ms @error @weight`, `@score:<class>` for each
        class, then features, segments, user and item under their own names; only `columns`, in that order, where given.
        `@labelled_at` is since when the label's value has been known; with `as_of` labels are those received by then.
        """
        with self._model(model, version) as (cursor, found):
            return _frames.frame(cursor, found, version, window, columns=columns, limit=limit, as_of=as_of)

    def traffic(self, model: str, version: str, windows: Sequence[Window]) -> pa.Table:
        """One row per window given: start, end, first_row, last_row, rows, errors, latency_p50, latency_p95, latency_p99,
        latency_mean (ms, null without any), n_latency, duplicates (rows set aside because they repeated an id with other content)."""
        with self._model(model, version) as (cursor, found):
            return _activity.traffic(cursor, found, version, windows)

    def quality(self, model: str, version: str, windows: Sequence[Window]) -> pa.Table:
        """One row per window given and feature: start, end, first_row, last_row, column, n (rows of the window), and how many rows
        are missing, type_errors, below or above the reference's range, new_categories (null where there is no reference, or the
        kind has no such thing)."""
        with self._model(model, version) as (cursor, found):
            return _activity.quality(cursor, found, version, windows)

    def predictions(self, model: str, *, limit: int | None = None) -> pa.Table:
        """Every logged row for export, repeats flagged, newest first."""
        with self._model(model) as (cursor, found):
            return _frames.predictions(cursor, found, limit=limit)

    def labels(self, model: str, *, limit: int | None = None) -> pa.Table:
        """Every ground truth received: id, label, labelled_at, received_at, ingested_at, is_latest, has_prediction, newest first."""
        with self._model(model) as (cursor, found):
            return _frames.labels(cursor, found, limit=limit)

    def pruned_before(self, model: str, version: str) -> datetime | None:
        """The moment before which a version's rows were pruned: windows that begin earlier stand as they were computed. None: never."""
        with self._model(model, version) as (cursor, found):
            gone = _pruned.pruned_of(cursor, found.model_id, version)
        return gone["before"] if gone else None

    def window_names(self, model: str, version: str) -> list[str]:
        """The names of the windows that were ever computed of a version, such as `1d`."""
        with self._database.read() as cursor:
            found = table(cursor, 'SELECT DISTINCT "window" AS name FROM window_states WHERE model = ? AND version = ?', [model, version])
        return sorted(found.column("name").to_pylist())

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

    def window_states(self, model: str, version: str, window_name: str) -> pa.Table:
        """One row per computed window, oldest first: start, end, first_row, last_row, fingerprint, computed_at, state, run."""
        with self._database.read() as cursor:
            return _findings.window_states(cursor, model, version, window_name)

    def points(
        self,
        model: str | None = None,
        version: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        metric: str | Sequence[str] | None = None,
        column: str | None = None,
        window: str | None = None,
        as_of: datetime | None = None,
        segment: str | None = None,
    ) -> pa.Table:
        """Findings in the shape of `storage.points.POINTS`, of windows that start in [since, until); those that held at `as_of`.

        `metric` is one name or several; `segment` is `""` for all rows.
        """
        metrics = [metric] if isinstance(metric, str) else metric if metric is None else list(metric)
        filters = {
            "model": model, "version": version, "since": since, "until": until, "metrics": metrics,
            "column": column, "window": window, "as_of": as_of, "segment": segment,
        }  # fmt: skip
        with self._database.read() as cursor:
            return _findings.points(cursor, filters)

    def computed(self, model: str, *, window: str | None = None, as_of: datetime | None = None) -> dict[str, datetime | None]:
        """`{"first", "last"}`: when anything was first found of the model, and when last, no later than `as_of`. None where never."""
        with self._database.read() as cursor:
            return _findings.computed(cursor, model, window, as_of)

    def point_history(
        self, model: str, version: str | None, window: str, start: datetime, metric: str, *, column: str = "", segment: str = ""
    ) -> pa.Table:
        """What one metric of the window that starts at `start` was found to be, each time it changed, oldest first.

        Columns: version, computed_at, superseded_at (null for what holds), value, lower, upper, n, n_labelled, label_coverage, status,
        reason, detail.
        """
        scope = {
            "model": model, "version": version, "window": window, "start": start,
            "metric": metric, "column": column, "segment": segment,
        }  # fmt: skip
        with self._database.read() as cursor:
            return _findings.point_history(cursor, scope)

    def profiles(
        self,
        model: str,
        version: str | None,
        window: str,
        window_start: datetime,
        kind: str | None = None,
        column: str | None = None,
        *,
        until: datetime | None = None,
    ) -> pa.Table:
        """What pages draw for one window, in the shape of `storage.points.PROFILES`; `window` is its name, such as `1d`.

        With `until`, of all windows that start in [window_start, until), oldest first; `version` None is every version.
        """
        filters = {
            "model": model, "version": version, "window": window, "start": window_start, "until": until, "kind": kind, "column": column,
        }  # fmt: skip
        with self._database.read() as cursor:
            return _findings.profiles(cursor, filters)

    def save_report(self, row: Mapping[str, Any]) -> str:
        """Add a report, or replace the one of the same model, version, kind, window and format; its id.

        Keys: model, kind, path (relative to the home's reports folder); optional version, window, window_start, window_end,
        format, run, created_at, report_id. Other keys are kept together as `detail` (JSON).
        """
        with self._database.write() as cursor:
            return _findings.save_report(cursor, row)

    def reports(self, model: str | None = None) -> pa.Table:
        """One row per report, newest window first, with `report_id` and the keys of `save_report`."""
        with self._database.read() as cursor:
            return _findings.reports(cursor, model)

    def report(self, report_id: str) -> dict[str, Any] | None:
        """One report, or None."""
        with self._database.read() as cursor:
            return _findings.report(cursor, report_id)

    # -- when and why ---------------------------------------------------------------------------------------------------

    def unexplained(self, model: str | None = None) -> list[dict[str, Any]]:
        """`{"model", "window", "up_to"}` for each name of windows of which any was computed after its causes were last looked for."""
        with self._database.read() as cursor:
            return _causes.unexplained(cursor, model)

    def save_causes(self, model: str, window: str, found: pa.Table, *, up_to: datetime) -> None:
        """Replace the causes of a model's windows of this name (in the shape of `storage.points.CAUSES`), in one transaction.

        `up_to` is the one that `unexplained` gave before the points were read.
        """
        with self._database.write() as cursor:
            _causes.save_causes(cursor, model, window, found, up_to)

    def causes(self, model: str | None = None, window: str | None = None) -> pa.Table:
        """One row per open finding, in the shape of `storage.points.CAUSES`."""
        with self._database.read() as cursor:
            return _causes.causes(cursor, model, window)

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
        """Note a run's end: `done`, or `failed` with the reason."""
        with self._database.write() as cursor:
            _runs.finished(cursor, run, state=state, points=points, failed=failed, insufficient=insufficient, reason=reason)

    def runs(self, limit: int = 50) -> pa.Table:
        """Runs, newest first: run, model, window, state (running | done | failed | interrupted), started_at, updated_at,
        finished_at, done, total, note, points, failed, insufficient, reason."""
        with self._database.read() as cursor:
            return table(cursor, f"{query('runs')} LIMIT {int(limit)}")

    def quarantine(self, model: str | None = None) -> pa.Table:
        """Lines and rows that could not be used, newest first: segment, position, model, reason, line, quarantined_at."""
        with self._database.read() as cursor:
            return table(cursor, query("quarantine"), {"model": model})

    def add_event(self, *, level: str, kind: str, text: str, model: str | None = None) -> None:
        """Note what happened (level info | warning | error)."""
        with self._database.write() as cursor:
            _runs.add_event(cursor, level=level, kind=kind, text=text, model=model)

    def events(self, limit: int = 100) -> pa.Table:
        """What happened to the house, newest first: happened_at, level, kind, model, text."""
        with self._database.read() as cursor:
            return table(cursor, f"{query('events')} LIMIT {int(limit)}")

    def health(self) -> dict[str, Any]:
        """accounting of records (offered = accepted + sampled_out + refused by reason; accepted = ingested + duplicates + quarantined +
        in_spool + lost; beside them torn, foreign, replayed, skewed), spool (backlog), database, archive and quarantine sizes
        in bytes, models with their newest rows, newest_prediction, newest_label, last runs."""
        version = self._database.schema_version
        with self.spool_stays, self._database.read() as cursor:
            return _health.health(cursor, self.home, schema_version=version)

    # -- for the collector ---------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self) -> Iterator[Cursor]:
        """A transaction of the storage room itself: everything in the block is written, or nothing."""
        with self._database.write() as cursor:
            yield cursor

    @contextmanager
    def reading(self) -> Iterator[Cursor]:
        """A cursor of the storage room itself."""
        with self._database.read() as cursor:
            yield cursor

    def select(self, sql: str, parameters: Parameters = None) -> pa.Table:
        """Rows of one SELECT, for a page or a person: `health` and the like are there for what is asked often.

        Raises StoreError for every other statement, and for more than one: reading must never change what is remembered.
        """
        with self._database.read() as cursor:
            statements = cursor.extract_statements(sql)
            if len(statements) != 1 or statements[0].type is not duckdb.StatementType.SELECT:
                raise StoreError("Only a single SELECT is answered here: use the commands of python -m monitoring to change anything.")
            return table(cursor, sql, parameters)

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

    @contextmanager
    def _model(self, name: str, version: str | None = None) -> Iterator[tuple[Cursor, _catalog.Model]]:
        with self._database.read() as cursor:
            yield cursor, self._found(cursor, name, version)

    @staticmethod
    def _found(cursor: Cursor, name: str, version: str | None = None) -> _catalog.Model:
        model = _catalog.find(cursor, name, version)
        if model is None or not model.spec:
            known = _catalog.names(cursor)
            raise StoreError(
                f"There is no model {name!r} here: " + (f"there are {', '.join(known)}." if known else "register one, or log to it, first.")
            )
        return model
