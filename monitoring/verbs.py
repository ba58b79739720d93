"""What everyone may ask of a home, by name: over the socket, from the command line, from Python and from pages."""

from __future__ import annotations

__all__ = ["VERBS", "Verbs"]

import inspect
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from monitoring.checks import judge
from monitoring.computing import Computing, Progress
from monitoring.custody import CustodyVerbs
from monitoring.doctor import diagnose
from monitoring.errors import InputError, NotFound, nearest
from monitoring.export import write_table
from monitoring.known import not_computed_by
from monitoring.moments import iso, moment
from monitoring.plain import jsonable
from monitoring.reading import read_table
from monitoring.reports import ReportRequest, render
from monitoring.schema import ModelSchema
from monitoring.windows import WindowSpec
from storage.collector import Collector
from storage.home import Home
from storage.store import Store

VERBS = frozenset(
    {
        "backup",
        "check",
        "collect",
        "describe",
        "erase",
        "export",
        "health",
        "models",
        "points",
        "prune",
        "quarantined",
        "rebuild",
        "reference",
        "register",
        "replay",
        "report",
        "run",
        "run_newest",
        "table",
    }
)
_REPORTING = frozenset({"prune", "rebuild", "report", "run", "run_newest"})  # the verbs that tell their progress
_TABLES = ("causes", "labels", "points", "predictions", "quarantine")
_MICROSECOND = timedelta(microseconds=1)


class Verbs(CustodyVerbs):
    """The verbs are the methods named in `VERBS`. All take keywords only, accept what JSON can carry (times as ISO text), and return
    JSON-able values or an Arrow table. They may be called from any thread.
    """

    def __init__(self, home: Home, store: Store, *, wake: Callable[[], None]) -> None:
        self.home = home
        self.store = store
        self.reader = store.reader()  # what pages ask
        self.computing = Computing(store)
        self.collector = Collector(store, at=self._collected)
        self._wake = wake  # called when there may be something new to compute

    def do(self, verb: str, params: dict[str, Any], progress: Progress | None = None) -> Any:
        """Call a verb by name, as a request over the socket does; `progress` goes to the verbs that report on their way."""
        if verb not in VERBS:
            raise InputError(f'There is no verb "{verb}": {nearest(verb, VERBS)}')
        method = getattr(self, verb)
        arguments = {**params, "progress": progress} if verb in _REPORTING else params
        try:
            inspect.signature(method).bind(**arguments)
        except TypeError as error:
            raise InputError(f'The verb "{verb}" does not take these parameters: {error}.') from None
        return method(**arguments)

    def register(self, *, spec: dict[str, Any]) -> dict[str, Any]:
        """Register a model or a new version of its schema ("1" unless it names one, as in a logger): `{"model", "version", "changed"}`."""
        schema = ModelSchema.from_dict({**spec, "version": spec.get("version") or "1"})
        changed = self.store.register_model(schema.to_dict())
        self._wake()
        return {"model": schema.name, "version": schema.version, "changed": changed}

    def models(self) -> list[dict[str, Any]]:
        """One dict per registered model: `model, task, version` (of the newest schema)`, versions, predictions, newest`."""
        return [self._model_line(name) for name in self.store.models()]

    def describe(self, *, model: str) -> dict[str, Any]:
        """Everything known about one model: `model, spec, reference, versions, history`."""
        name = self.known(model)
        reference = self.store.reference_info(name)
        return {
            "model": name,
            "spec": self.store.spec(name),
            "reference": jsonable(reference),
            "versions": jsonable(self.store.versions(name).to_pylist()),
            "history": jsonable(self.store.schema_history(name).to_pylist()),
        }

    def reference(self, *, model: str, path: str | Path) -> dict[str, Any]:
        """Make the rows of a Parquet, CSV or JSON Lines file the model's reference: `{"rows", "hash"}`."""
        name = self.known(model)
        schema = ModelSchema.from_dict(self.store.spec(name))
        table = read_table(Path(path), schema)
        result = self.store.put_reference(name, table, str(Path(path).name))
        self._wake()
        return {"model": name, **result}

    def collect(self) -> dict[str, int]:
        """Ingest what lies in the spool now: `{"ingested", "duplicates", "quarantined", "pending"}`."""
        return self.collector.once()

    def run(
        self,
        *,
        model: str | None = None,
        window: str | None = None,
        since: str | None = None,
        until: str | None = None,
        everything: bool = False,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Collect, then compute due and dirty windows: `{"windows", "points", "failed", "insufficient", "seconds"}`."""
        name = None if model is None else self.known(model)
        self.collect()
        begin, end = moment(since, name="since"), moment(until, name="until")
        return self.computing.run(model=name, window=window, since=begin, until=end, everything=everything, progress=progress)

    def run_newest(self, *, windows: int = 2, progress: Progress | None = None) -> dict[str, Any]:
        """Compute each model's newest windows only, so that its pages soon have something to say; what `run` gives, summed."""
        self.collect()
        total: dict[str, Any] = {"windows": 0, "points": 0, "failed": 0, "insufficient": 0, "seconds": 0.0}
        for line in self.models():
            if line["newest"] is not None:
                since = self._start_of_newest(line["model"], cast("datetime", moment(line["newest"])), windows)
                done = self.computing.run(model=line["model"], since=since, progress=progress)
                total = {name: round(value + done[name], 3) for name, value in total.items()}
        return total

    def points(
        self,
        *,
        model: str | None = None,
        version: str | None = None,
        since: str | None = None,
        until: str | None = None,
        metric: str | None = None,
        column: str | None = None,
        window: str | None = None,
        as_of: str | None = None,
    ) -> pa.Table:
        """The findings of windows that start in [since, until), in the shape of `storage.points.POINTS`."""
        return self.store.points(
            model=None if model is None else self.known(model),
            version=version,
            since=moment(since, name="since"),
            until=moment(until, name="until"),
            metric=metric,
            column=column,
            window=window,
            as_of=moment(as_of, name="as_of"),
        )

    def table(self, *, model: str, what: str, as_of: str | None = None) -> pa.Table:
        """All `points`, `causes`, `predictions`, `labels` or `quarantine` rows of one model.

        With `as_of` the points that held then, from what had been computed by then, or the labels received by then.
        """
        name, known = self.known(model), moment(as_of, name="--as-of")
        if known is not None and what in _TABLES:
            return self._as_known(name, what, known)
        if what == "points":
            return self.store.points(model=name)
        if what == "predictions":
            return self.store.predictions(name)
        if what == "causes":
            return self.store.causes(name)
        if what == "labels":
            return self.store.labels(name)
        if what == "quarantine":
            return self.store.quarantine(name)
        raise InputError(f'There is no table "{what}": {nearest(what, _TABLES)}')

    def _as_known(self, model: str, what: str, known: datetime) -> pa.Table:
        if what == "labels":
            labels = self.store.labels(model)
            return labels.filter(pc.less_equal(labels["received_at"], pa.scalar(known, labels["received_at"].type)))
        if what != "points":
            raise InputError(f"--as-of is for points and labels: what is known of {what} does not change.")
        points = self.store.points(model=model, as_of=known)
        if not points.num_rows:
            raise NotFound(not_computed_by(self.store.computed(model, as_of=known), known))
        return points

    def export(self, *, model: str, what: str, format: str, path: str | Path, as_of: str | None = None) -> dict[str, Any]:  # noqa: A002
        """Write one of a model's tables to an absolute path: `{"path", "rows", "format", "what"}`; `as_of` as for `table`."""
        return {"what": what, **write_table(self.table(model=model, what=what, as_of=as_of), Path(path), format=format)}

    def report(
        self,
        *,
        model: str,
        kind: str,
        since: str | None = None,
        until: str | None = None,
        format: str = "html",  # noqa: A002
        version: str | None = None,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Render Evidently's `drift`, `performance` or `summary` report of [since, until): its row of `Store.reports` with `file`.

        Without a range the newest window, a complete one first, is meant. A range that no window covers is analysed first.
        """
        name = self.known(model)
        request = ReportRequest(name, kind, format, moment(since, name="--from"), moment(until, name="--to"), version)

        def compute(begin: datetime, end: datetime) -> object:
            return self.computing.run(model=name, window="range", since=begin, until=end, progress=progress)

        return cast("dict[str, Any]", jsonable(render(self.store, self.computing.worker, request, compute=compute)))

    def check(self, *, model: str, window: str = "last", fail_on: str = "warn") -> dict[str, Any]:
        """Judge one window for a pipeline; see `monitoring.checks.Check.to_dict`, and `causes`: since when and why, a sentence for each
        finding that is open in the newest judged window."""
        name = self.known(model)
        size = str(self.store.spec(name).get("window") or "1d")
        told = judge(self.store.points(model=name), name, size=size, window=window, fail_on=fail_on).to_dict()
        keys = ("metric", "column", "method", "sentence")
        return told | {"causes": [{key: row[key] for key in keys} for row in self.store.causes(name, size).to_pylist()]}

    def health(self) -> dict[str, Any]:
        """How the home is: the store's own account, plus disk, holder, versions and what to do about each finding."""
        reasons = self.store.quarantine()["reason"].value_counts().to_pylist()
        quarantined = {row["values"]: row["counts"] for row in sorted(reasons, key=lambda row: -row["counts"])}
        return cast("dict[str, Any]", jsonable(diagnose(self.home, self.store.health(), quarantined)))

    def known(self, model: str) -> str:
        """`model` itself where it is registered, else `NotFound` that names what is."""
        names = self.store.models()
        if model not in names:  # its description may still lie in the spool, where its logger left it
            self.collect()
            names = self.store.models()
        if model in names:
            return model
        if not names:
            raise NotFound("No model is registered yet: python -m monitoring models register FILE.yaml, or python -m monitoring demo.")
        raise NotFound(f'There is no model "{model}": {nearest(model, names)}')

    def _model_line(self, name: str) -> dict[str, Any]:
        spec = self.store.spec(name)
        versions = self.store.versions(name).to_pylist()
        newest = max((row["last"] for row in versions if row["last"] is not None), default=None)
        return {
            "model": name,
            "task": spec.get("task"),
            "version": spec.get("version"),
            "versions": [row["version"] for row in versions],
            "predictions": sum(row["rows"] for row in versions),
            "newest": None if newest is None else iso(newest),
        }

    def _start_of_newest(self, model: str, newest: datetime, windows: int) -> datetime | None:
        """Where the newest `windows` windows of a model begin; None for windows of rows, which no time begins."""
        size = WindowSpec.parse(str(self.store.spec(model).get("window") or "1d"))
        if size.unit in {"rows", "range"}:
            return None
        start = size.floor(newest)
        for _ in range(windows - 1):
            start = size.floor(start - _MICROSECOND)
        return start

    def _collected(self, step: str) -> None:
        """What the collector tells of itself: rows are there once their transaction is."""
        if step == "after commit":
            self._wake()
