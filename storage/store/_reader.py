"""The reading half of the storage room's face."""

from __future__ import annotations

__all__ = ["Reader"]

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa

from storage.custody import forgetting
from storage.errors import StoreError
from storage.home import Home
from storage.points import POINTS
from storage.store import (
    _activity,
    _catalog,
    _causes,
    _changes,
    _counts,
    _findings,
    _frames,
    _health,
    _outcomes,
    _pruned,
    _quality,
    _reference,
)
from storage.store._database import Parameters, ReadCursor, dicts, query, table
from storage.store._frames import Window
from storage.store._tails import SpoolView
from storage.store._window_columns import WindowColumns


class _Readable(Protocol):
    """A database that can be asked."""

    @property
    def schema_version(self) -> int: ...
    def read(self) -> AbstractContextManager[ReadCursor]: ...


class Reader:
    """Every question to one home's database. It has no verb that writes, and what it asks through cannot: pages are given this.

    Tables come back as Arrow; moments are aware UTC. Names of models, features and versions are values and may be any text.
    Raises StoreError, also for a model that was never described. Use it from any thread.
    """

    def __init__(self, home: Home, database: _Readable, spool: SpoolView | None = None) -> None:
        self.home = home
        self._readable = database
        self._spool = spool or SpoolView()

    # -- models --------------------------------------------------------------------------------------------------------

    def models(self) -> list[str]:
        """The names of all models that are described, in order."""
        with self._readable.read() as cursor:
            return _catalog.names(cursor)

    def spec(self, model: str, version: str | None = None) -> dict[str, Any]:
        """The newest description of a version; of the model where the version has none of its own, or none is named."""
        with self._model(model, version) as (_, found):
            return found.spec

    def specs(self) -> dict[str, dict[str, Any]]:
        """The newest description of every model, in order of their names: what `spec` says of each, by one question."""
        with self._readable.read() as cursor:
            return {row["name"]: json.loads(row["spec"]) for row in dicts(cursor, query("newest_specs"))}

    def schema_history(self, model: str) -> pa.Table:
        """Every description, oldest first: revision, version, origin (registered | inferred), registered_at, spec (JSON text)."""
        with self._readable.read() as cursor:
            return table(cursor, query("schema_history"), [model])

    def feature_columns(self, model: str, version: str | None = None) -> list[dict[str, str]]:
        """name, kind, role (feature | segment | user | item | score) and column, in a frame's order. A score's name is its class."""
        with self._model(model, version) as (_, found):
            fields = found.fields
        return [{"name": field.name, "kind": field.kind, "role": field.role, "column": field.column} for field in fields]

    def reference(self, model: str, columns: Sequence[str] | None = None) -> pa.Table | None:
        """The reference's rows in the shape of `frame`, or None where none was loaded. Raises StoreError where they were deleted."""
        with self._model(model) as (cursor, found):
            info = _reference.info(cursor, found)
            if info is None:
                return None
            gone = forgetting.forgotten(self.home, model, info)
            if gone is not None:
                raise StoreError(f"The rows of this reference were deleted on {gone.forgotten_at[:10]}: load it again to have them.")
            return _frames.reference(cursor, found, columns)

    def reference_info(self, model: str) -> dict[str, Any] | None:
        """rows, hash, source, loaded_at, start, end, missing_columns, forgotten_at (since when its rows are deleted, else None) of the
        reference; None where none was loaded."""
        with self._model(model) as (cursor, found):
            info = _reference.info(cursor, found)
        if info is None:
            return None
        gone = forgetting.forgotten(self.home, model, info)
        return info | {"forgotten_at": None if gone is None else datetime.fromisoformat(gone.forgotten_at)}

    def forgotten_reference(self, model: str) -> forgetting.Forgotten | None:
        """What is known of a reference whose rows were deleted; None where they are there, or none was loaded."""
        with self._model(model) as (cursor, found):
            info = _reference.info(cursor, found)
        return None if info is None else forgetting.forgotten(self.home, model, info)

    # -- rows ----------------------------------------------------------------------------------------------------------

    def versions(self, model: str) -> pa.Table:
        """One row per version that logged: version, rows, first, last (event times), oldest first."""
        with self._model(model) as (cursor, found):
            return _counts.versions_now(cursor, found)

    def activity(self, model: str, edges: Sequence[tuple[datetime, datetime]]) -> pa.Table:
        """One row per version and window [start, end) with rows: version, start, end, rows, labelled, fingerprint.

        A fingerprint changes if and only if the window's predictions or the values of their ground truth change.
        """
        with self._model(model) as (cursor, found):
            return _activity.activity(cursor, found, edges)

    def counted_activity(self, model: str, edges: Sequence[tuple[datetime, datetime]]) -> pa.Table:
        """What `activity` says of windows made of whole buckets, as of the last `count`, without looking at the rows."""
        with self._model(model) as (cursor, found):
            return _counts.activity(cursor, found, edges)

    def counted_versions(self, model: str) -> pa.Table:
        """What `versions` says, as of the last `count`, without looking at the rows."""
        with self._model(model) as (cursor, found):
            return _counts.versions(cursor, found)

    def settled(self, *, window: str, code: str, now: datetime) -> set[str]:
        """The models of which nothing is due as long as nothing changes: what `settle` said still holds at `now`, for this version
        `code` of the code. `window` is the name of the windows asked for, "" for each model's own."""
        with self._readable.read() as cursor:
            return _changes.settled(cursor, window=window, code=code, now=now)

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

    @contextmanager
    def window_columns(self, model: str, version: str, windows: Sequence[Window]) -> Iterator[WindowColumns]:
        """The columns of some windows (all of time or all of rows) without reading a window by itself; see WindowColumns.

        One query per column or more, all of one moment. Memory is bounded by the windows' rows, see its `read`.
        """
        with self._model(model, version) as (cursor, found):
            yield WindowColumns(cursor, found, version, windows)

    def outcomes(self, model: str, version: str, windows: Sequence[Window]) -> pa.Table:
        """One row per prediction of windows that do not overlap, in order of time and id, in one scan: the columns of `frame` that are
        no feature, `@id`, `@version` or `@error`, and in `@window` the place of its window among those given."""
        with self._model(model, version) as (cursor, found):
            return _outcomes.outcomes(cursor, found, version, windows)

    def traffic(self, model: str, version: str, windows: Sequence[Window]) -> pa.Table:
        """One row per window given: start, end, first_row, last_row, rows, errors, latency_p50, latency_p95, latency_p99,
        latency_mean (ms, null without any), n_latency, duplicates (rows set aside because they repeated an id with other content),
        weight (the calls that the rows stand for; 1 each unless a sample was logged), weight_squares, error_weight (sums)."""
        with self._model(model, version) as (cursor, found):
            return _quality.traffic(cursor, found, version, windows)

    def quality(self, model: str, version: str, windows: Sequence[Window]) -> pa.Table:
        """One row per window given and feature: start, end, first_row, last_row, column, n (rows of the window), and how many rows
        are missing, type_errors, below or above the reference's range, new_categories (null where there is no reference, or the
        kind has no such thing)."""
        with self._model(model, version) as (cursor, found):
            return _quality.quality(cursor, found, version, windows)

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
        with self._readable.read() as cursor:
            found = table(cursor, 'SELECT DISTINCT "window" AS name FROM window_states WHERE model = ? AND version = ?', [model, version])
        return sorted(found.column("name").to_pylist())

    # -- findings ------------------------------------------------------------------------------------------------------

    def window_states(self, model: str, version: str, window_name: str) -> pa.Table:
        """One row per computed window, oldest first: start, end, first_row, last_row, fingerprint, computed_at, state, run."""
        with self._readable.read() as cursor:
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
        with self._readable.read() as cursor:
            return _findings.points(cursor, filters)

    def recent_points(
        self, own: Mapping[str, str], metrics: Sequence[str], since: datetime | None = None, until: datetime | None = None
    ) -> pa.Table:
        """Of several models, the points that say how each finding is now, and since when; not its whole course.

        `own` names each model's window; points of all rows (segment ""), in the shape of `storage.points.POINTS`, by model and window.
        """
        return self._of_own_windows("recent_points", own, metrics, since, until).cast(POINTS)

    def strip_points(
        self, own: Mapping[str, str], metrics: Sequence[str], since: datetime | None = None, until: datetime | None = None
    ) -> pa.Table:
        """Of several models, the points that say how each of their windows was: model, version, segment, window_start, metric, column,
        value, status, detail, by model and window; `own` as for `recent_points`."""
        return self._of_own_windows("strip_points", own, metrics, since, until)

    def _of_own_windows(
        self, name: str, own: Mapping[str, str], metrics: Sequence[str], since: datetime | None, until: datetime | None
    ) -> pa.Table:
        asked = pa.table({"model": pa.array(list(own), pa.string()), "window": pa.array(list(own.values()), pa.string())})
        with self._readable.read() as cursor, _activity.registered(cursor, "own", asked):
            return table(cursor, query(name), {"metrics": list(metrics), "since": since, "until": until})

    def points_marks(self) -> dict[str, str]:
        """For each described model a text that changes whenever its points or its description do."""
        with self._readable.read() as cursor:
            return {row["name"]: row["mark"] for row in dicts(cursor, query("points_marks"))}

    def newest_window(self) -> datetime | None:
        """When the newest window that was computed of any model ends; a range of somebody's choice does not count."""
        with self._readable.read() as cursor:
            asked = "SELECT max(window_end) AS newest FROM window_states WHERE state <> 'gone' AND \"window\" <> 'range'"
            found: datetime | None = dicts(cursor, asked)[0]["newest"]
            return found

    def computed(self, model: str, *, window: str | None = None, as_of: datetime | None = None) -> dict[str, datetime | None]:
        """`{"first", "last"}`: when anything was first found of the model, and when last, no later than `as_of`. None where never."""
        with self._readable.read() as cursor:
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
        with self._readable.read() as cursor:
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
        with self._readable.read() as cursor:
            return _findings.profiles(cursor, filters)

    def reports(
        self, model: str | None = None, *, version: str | None = None, kinds: Sequence[str] | None = None, format: str | None = None,  # noqa: A002
        since: datetime | None = None, until: datetime | None = None, limit: int | None = None, offset: int = 0,
    ) -> pa.Table:  # fmt: skip
        """One row per report whose window starts in [since, until), newest window first, with `report_id` and the keys of `save_report`.

        `format` is `html`, `json`, `snapshot`, …; `limit` rows from `offset` on, or all.
        """
        filters = _report_filters(model, version, kinds, format, since, until)
        with self._readable.read() as cursor:
            return _findings.reports(cursor, filters, limit, offset)

    def count_reports(
        self, model: str | None = None, *, version: str | None = None, kinds: Sequence[str] | None = None, format: str | None = None,  # noqa: A002
        since: datetime | None = None, until: datetime | None = None,
    ) -> int:  # fmt: skip
        """How many rows `reports` has in all."""
        filters = _report_filters(model, version, kinds, format, since, until)
        with self._readable.read() as cursor:
            return _findings.count_reports(cursor, filters)

    def report_windows(
        self, model: str, *, version: str | None = None, kinds: Sequence[str] | None = None, since: datetime | None = None,
        until: datetime | None = None, limit: int,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """The newest windows that have a report: window_start and window_end of each."""
        filters = _report_filters(model, version, kinds, None, since, until)
        with self._readable.read() as cursor:
            return _findings.report_windows(cursor, filters, limit)

    def report(self, report_id: str) -> dict[str, Any] | None:
        """One report, or None."""
        with self._readable.read() as cursor:
            return _findings.report(cursor, report_id)

    # -- when and why --------------------------------------------------------------------------------------------------

    def unexplained(self, model: str | None = None) -> list[dict[str, Any]]:
        """`{"model", "window", "up_to"}` for each name of windows of which any was computed after its causes were last looked for."""
        with self._readable.read() as cursor:
            return _causes.unexplained(cursor, model)

    def causes(self, model: str | None = None, window: str | None = None) -> pa.Table:
        """One row per open finding, in the shape of `storage.points.CAUSES`."""
        with self._readable.read() as cursor:
            return _causes.causes(cursor, model, window)

    # -- the house -----------------------------------------------------------------------------------------------------

    def runs(self, limit: int = 50) -> pa.Table:
        """Runs, newest first: run, model, window, state (running | done | failed | interrupted | cancelled), started_at, updated_at,
        finished_at, done, total, note, points, failed, insufficient, reason."""
        with self._readable.read() as cursor:
            return table(cursor, f"{query('runs')} LIMIT {int(limit)}")

    def quarantine(self, model: str | None = None) -> pa.Table:
        """Lines and rows that could not be used, newest first: segment, position, model, reason, line, quarantined_at."""
        with self._readable.read() as cursor:
            return table(cursor, query("quarantine"), {"model": model})

    def events(self, limit: int = 100) -> pa.Table:
        """What happened to the house, newest first: happened_at, level, kind, model, text."""
        with self._readable.read() as cursor:
            return table(cursor, f"{query('events')} LIMIT {int(limit)}")

    def freshness(self) -> dict[str, Any]:
        """`newest_prediction` (event time, or None) and `backlog_bytes` of the spool: what of `health` a page says of every home."""
        with self._readable.read() as cursor:
            return _health.freshness(cursor, self.home)

    def health(self) -> dict[str, Any]:
        """accounting of records (offered = accepted + sampled_out + refused by reason; accepted = ingested + duplicates + quarantined +
        in_spool + lost; beside them torn, foreign, replayed, skewed), spool (backlog), database, archive and quarantine sizes
        in bytes, models with their newest rows, newest_prediction, newest_label, last runs."""
        version = self._readable.schema_version
        return self._spool.looked_at(lambda: self._health(version))

    def _health(self, version: int) -> dict[str, Any]:
        with self._readable.read() as cursor:
            return _health.health(cursor, self.home, self._spool.tails, schema_version=version)

    def select(self, sql: str, parameters: Parameters = None) -> pa.Table:
        """Rows of one SELECT, for a page or a person: `health` and the like are there for what is asked often.

        Raises StoreError for every other statement, and for more than one: reading must never change what is remembered.
        """
        with self._readable.read() as cursor:
            return table(cursor, sql, parameters)

    @contextmanager
    def _model(self, name: str, version: str | None = None) -> Iterator[tuple[ReadCursor, _catalog.Model]]:
        with self._readable.read() as cursor:
            yield cursor, self._found(cursor, name, version)

    @staticmethod
    def _found(cursor: ReadCursor, name: str, version: str | None = None) -> _catalog.Model:
        model = _catalog.find(cursor, name, version)
        if model is None or not model.spec:
            known = _catalog.names(cursor)
            raise StoreError(
                f"There is no model {name!r} here: " + (f"there are {', '.join(known)}." if known else "register one, or log to it, first.")
            )
        return model


def _report_filters(model: str | None, version: str | None, kinds: Sequence[str] | None, format: str | None,  # noqa: A002
                    since: datetime | None, until: datetime | None) -> dict[str, Any]:  # fmt: skip
    return {"model": model, "version": version, "kinds": None if kinds is None else list(kinds), "format": format, "since": since,
            "until": until}  # fmt: skip
