"""The owner of a home: its store, its background work, and the verbs that everyone asks it for."""

from __future__ import annotations

__all__ = ["VERBS", "House", "opened"]

import inspect
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from monitoring.background import Background
from monitoring.checks import judge
from monitoring.doctor import diagnose
from monitoring.errors import InputError, NotFound, nearest
from monitoring.evidently_worker import EvidentlyWorker
from monitoring.export import write_table
from monitoring.moments import iso, moment
from monitoring.plain import jsonable
from monitoring.reading import read_table
from monitoring.reports import ReportRequest, render
from monitoring.schema import ModelSchema
from monitoring.settings import Settings
from monitoring.windows import WindowSpec
from storage import wire
from storage.collector import Collector
from storage.home import Home, default_home
from storage.store import Store

Progress = Callable[[dict[str, Any]], None]

VERBS = frozenset(
    {
        "check",
        "collect",
        "describe",
        "export",
        "health",
        "models",
        "points",
        "reference",
        "register",
        "report",
        "run",
        "run_newest",
        "table",
    }
)
_REPORTING = frozenset({"report", "run", "run_newest"})  # the verbs that tell their progress
_TABLES = ("labels", "points", "predictions", "quarantine")

_GRACE = 3.0  # seconds: a window takes one or two once the worker is warm, and nobody waits longer for Ctrl-C
_MICROSECOND = timedelta(microseconds=1)

_opened: dict[Path, House] = {}
_opening = threading.RLock()


def opened(home: Path | str) -> House | None:
    """The House that this process has open for `home`, or None."""
    return _opened.get(Path(home).absolute())


class _Closing(BaseException):
    """Ends a run between two windows because the house closes; no `Exception`, so that it is not taken for a failure."""


class House:
    """One process's ownership of one home. Open it with `House.open`; close it, or use it as a context manager.

    `store` may be used from any thread. The verbs are the methods named in `VERBS`; all take keywords only, accept what
    JSON can carry (times as ISO text), and return JSON-able values or an Arrow table, so that they work over the socket too.
    """

    def __init__(self, home: Home, store: Store, settings: Settings) -> None:
        self.home = home
        self.store = store
        self.settings = settings
        self.collector = Collector(store, at=self._collected)
        self._running = threading.Lock()
        self._closing = ExitStack()
        self._background: Background | None = None
        self._worker: EvidentlyWorker | None = None

    @classmethod
    def open(cls, home: Path | str | None = None, background: bool = False) -> House:
        """Own `home` (created where it is missing) and answer on its socket; with `background` also collect and compute.

        Opening a home that this process has open already returns that House, and starts its background work if asked for.
        Raises `OwnerBusy` with the holder's pid where another process owns it.
        """
        path = Path(home or default_home()).absolute()
        with _opening:
            house = _opened.get(path) or cls._owning(Home(path))
            if background:
                house._work()
            return house

    @classmethod
    def _owning(cls, home: Home) -> House:
        settings = Settings.read()  # before the lock: a variable that cannot be used must not leave the home held
        home.make()
        with ExitStack() as undo:
            store = Store.open(home)
            house = cls(home, store, settings)
            # Last in, first out: no more questions, no more turns, then the file – and only then the worker, so that a window
            # which loses its worker finds no store to write "failed" into.
            undo.callback(house._end_worker)
            undo.callback(store.close)
            undo.callback(wire.serve(home, house.do).close)
            house._closing = undo.pop_all()
        _opened[home.path] = house
        return house

    def close(self) -> None:
        """Stop answering, collecting and computing, and give the home back. A second call does nothing.

        A window that is being computed is given `_GRACE` seconds; then it is left as it was, and stays due.
        """
        with _opening:
            if _opened.get(self.home.path) is self:
                del _opened[self.home.path]
            self._closing.close()

    def __enter__(self) -> House:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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

    # -- verbs ---------------------------------------------------------------------------------------------------------

    def register(self, *, spec: dict[str, Any]) -> dict[str, Any]:
        """Register a model or a new version of its schema: `{"model", "version", "changed"}`."""
        schema = ModelSchema.from_dict(spec)
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
        with self._alone(progress):
            return self._compute(model=name, window=window, since=begin, until=end, everything=everything, progress=progress)

    def run_newest(self, *, windows: int = 2, progress: Progress | None = None) -> dict[str, Any]:
        """Compute each model's newest windows only, so that its pages soon have something to say; what `run` gives, summed."""
        self.collect()
        total: dict[str, Any] = {"windows": 0, "points": 0, "failed": 0, "insufficient": 0, "seconds": 0.0}
        for line in self.models():
            if line["newest"] is not None:
                since = self._start_of_newest(line["model"], cast("datetime", moment(line["newest"])), windows)
                with self._alone(progress):
                    done = self._compute(model=line["model"], since=since, progress=progress)
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

    def table(self, *, model: str, what: str) -> pa.Table:
        """All `points`, `predictions`, `labels` or `quarantine` rows of one model."""
        name = self.known(model)
        if what == "points":
            return self.store.points(model=name)
        if what == "predictions":
            return self.store.predictions(name)
        if what == "labels":
            return self.store.labels(name)
        if what == "quarantine":
            return self.store.quarantine(name)
        raise InputError(f'There is no table "{what}": {nearest(what, _TABLES)}')

    def export(self, *, model: str, what: str, format: str, path: str | Path) -> dict[str, Any]:  # noqa: A002
        """Write one of a model's tables to an absolute path: `{"path", "rows", "format", "what"}`."""
        return {"what": what, **write_table(self.table(model=model, what=what), Path(path), format=format)}

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

        Without a range the newest complete window is meant. A range that no window covers is analysed first.
        """
        name = self.known(model)
        request = ReportRequest(name, kind, format, moment(since, name="--from"), moment(until, name="--to"), version)

        def compute(begin: datetime, end: datetime) -> object:
            with self._alone(progress):
                return self._compute(model=name, window="range", since=begin, until=end, progress=progress)

        return cast("dict[str, Any]", jsonable(render(self.store, self.worker, request, compute=compute)))

    def check(self, *, model: str, window: str = "last", fail_on: str = "warn") -> dict[str, Any]:
        """Judge one window for a pipeline; see `monitoring.checks.Check.to_dict`."""
        name = self.known(model)
        size = str(self.store.spec(name).get("window") or "1d")
        return judge(self.store.points(model=name), name, size=size, window=window, fail_on=fail_on).to_dict()

    def health(self) -> dict[str, Any]:
        """How the home is: the store's own account, plus disk, holder, versions and what to do about each finding."""
        reasons = self.store.quarantine()["reason"].value_counts().to_pylist()
        quarantined = {row["values"]: row["counts"] for row in sorted(reasons, key=lambda row: -row["counts"])}
        return cast("dict[str, Any]", jsonable(diagnose(self.home, self.store.health(), quarantined)))

    # -- the inside ----------------------------------------------------------------------------------------------------

    def known(self, model: str) -> str:
        """`model` itself where it is registered, else `NotFound` that names what is."""
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

    def _compute(self, **what: Any) -> dict[str, Any]:
        """One run of the runner, with the parameters of `runner.run`."""
        from monitoring import runner  # scipy and scikit-learn: not before there is something to compute

        result = runner.run(self.store, worker=self.worker, **what)
        counts = {"windows": result.windows, "points": result.points, "failed": result.failed, "insufficient": result.insufficient}
        return {**counts, "seconds": round(result.seconds, 3), "run": result.run}

    @contextmanager
    def _alone(self, progress: Progress | None) -> Iterator[None]:
        """One run at a time: two would compute the same windows twice."""
        if not self._running.acquire(blocking=False):
            if progress is not None:
                progress({"message": "another run is under way; this one begins when it ends"})
            self._running.acquire()
        try:
            yield
        finally:
            self._running.release()

    @property
    def worker(self) -> EvidentlyWorker:
        """Evidently's process, started with the first job and kept: its start costs more than a window."""
        if self._worker is None:
            self._worker = EvidentlyWorker()
        return self._worker

    def _end_worker(self) -> None:
        if self._worker is None:
            return
        pid = self._worker.pid
        if self._running.locked() and pid is not None:  # close() would wait for its job
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._worker.close()

    def _work(self) -> None:
        """Collect and compute in the background; a second call does nothing."""
        if self._background is not None:
            return
        self._background = Background(self._turn, every=self.settings.run_seconds, settle=self.settings.settle_seconds)
        self.collector.start()
        self._closing.callback(self.collector.stop)
        self._background.start()
        self._closing.callback(self._background.stop, timeout=_GRACE)

    def _turn(self) -> bool:
        """One turn of the background: True where there was something to compute. Skipped while a run is under way."""
        if not self._running.acquire(blocking=False):
            return False
        try:
            return bool(self._compute(progress=self._unless_closing)["windows"])
        except _Closing:
            return False
        finally:
            self._running.release()

    def _unless_closing(self, _: dict[str, Any]) -> None:
        if self._background is not None and self._background.stopping:
            raise _Closing

    def _collected(self, step: str) -> None:
        """What the collector tells of itself: rows are there once their transaction is."""
        if step == "after commit":
            self._wake()

    def _wake(self) -> None:
        if self._background is not None:
            self._background.wake()
