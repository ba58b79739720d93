"""The reading half of the storage room's face."""

from __future__ import annotations

__all__ = ["Reader"]

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pyarrow as pa

from storage.custody import forgetting
from storage.errors import StoreError
from storage.home import Home
from storage.store import (
    _activity,
    _catalog,
    _changes,
    _counts,
    _frames,
    _health,
    _outcomes,
    _pruned,
    _quality,
    _reference,
)
from storage.store._asking import Readable
from storage.store._database import Parameters, dicts, query, table
from storage.store._findings_reader import FindingsReader
from storage.store._frames import Window
from storage.store._tails import SpoolView
from storage.store._window_columns import WindowColumns


class Reader(FindingsReader):
    """Every question to one home's database. It has no verb that writes, and what it asks through cannot: pages are given this.

    Tables come back as Arrow; moments are aware UTC. Names of models, features and versions are values and may be any text.
    Raises StoreError, also for a model that was never described. Use it from any thread.
    """

    def __init__(self, home: Home, database: Readable, spool: SpoolView | None = None) -> None:
        super().__init__(home, database)
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
