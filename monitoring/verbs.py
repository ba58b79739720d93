"""What everyone may ask of a home, by name: over the socket, from the command line, from Python and from pages."""

from __future__ import annotations

__all__ = ["VERBS", "Verbs"]

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from monitoring.computing import Computing, Progress
from monitoring.custody import CustodyVerbs
from monitoring.doctor import diagnose
from monitoring.errors import Cancelled, InputError, nearest
from monitoring.moments import moment
from monitoring.plain import jsonable
from monitoring.questions import Questions, bound
from monitoring.reading import read_table
from monitoring.reports import ReportRequest, render
from monitoring.schema import ModelSchema
from monitoring.windows import WindowSpec, own_window
from storage.collector import Collector
from storage.home import Home
from storage.store import Store

VERBS = frozenset(
    {
        "backup",
        "cancel",
        "check",
        "collect",
        "describe",
        "erase",
        "export",
        "forget_reference",
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
        "resume",
        "run",
        "run_newest",
        "table",
    }
)
_REPORTING = frozenset({"forget_reference", "prune", "rebuild", "report", "run", "run_newest"})  # the verbs that tell their progress
_MICROSECOND = timedelta(microseconds=1)


class Verbs(Questions, CustodyVerbs):
    """The verbs are the methods named in `VERBS`. All take keywords only, accept what JSON can carry (times as ISO text), and return
    JSON-able values or an Arrow table. They may be called from any thread.
    """

    def __init__(self, home: Home, store: Store, *, wake: Callable[[], None]) -> None:
        super().__init__(store.reader())  # which is what pages ask, too
        self.home = home
        self.store = store
        self.computing = Computing(store)
        self.collector = Collector(store, at=self._collected)
        self._wake = wake  # called when there may be something new to compute

    def do(self, verb: str, params: dict[str, Any], progress: Progress | None = None) -> Any:
        """Call a verb by name, as a request over the socket does; `progress` goes to the verbs that report on their way."""
        if verb not in VERBS:
            raise InputError(f'There is no verb "{verb}": {nearest(verb, VERBS)}')
        method = getattr(self, verb)
        arguments = {**params, "progress": progress} if verb in _REPORTING else params
        return bound(verb, method, arguments)()

    def register(self, *, spec: dict[str, Any]) -> dict[str, Any]:
        """Register a model or a new version of its schema ("1" unless it names one, as in a logger): `{"model", "version", "changed"}`."""
        schema = ModelSchema.from_dict({**spec, "version": spec.get("version") or "1"})
        changed = self.store.register_model(schema.to_dict())
        self._wake()
        return {"model": schema.name, "version": schema.version, "changed": changed}

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
        request: str = "",
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Collect, then compute due and dirty windows: `{"windows", "points", "failed", "insufficient", "seconds", "run", "left",
        "cancelled"}`. `request` is a name of the asker's choice, by which `cancel` ends this run and no other."""
        begin, end = moment(since, name="since"), moment(until, name="until")
        with self.computing.turn(request, progress=progress) as turn:
            name = None if model is None else self.known(model)
            self.collect()
            return turn.run(model=name, window=window, since=begin, until=end, everything=everything)

    def cancel(self, *, request: str = "") -> dict[str, Any]:
        """End a request after the windows that it is at – the one that is under way, unless `request` names one –: `{"cancelled", "was"}`,
        with `was` "waiting", "under way", or "" where there is none. What a run under way leaves stays due, and is computed by the next
        request, or by the owner itself after an hour (`resume`: at once)."""
        was = self.computing.cancel(request)
        return {"cancelled": bool(was), "was": was}

    def resume(self) -> dict[str, bool]:
        """Let the owner go on at once with what a cancelled run left: `{"resumed"}`."""
        waited = self.computing.rests_until() is not None
        self.store.resume_runs()
        self._wake()
        return {"resumed": waited}

    def run_newest(self, *, windows: int = 2, request: str = "", progress: Progress | None = None) -> dict[str, Any]:
        """Compute each model's newest windows only, so that its pages soon have something to say; what `run` gives, summed. `request` as
        there."""
        total: dict[str, Any] = {"windows": 0, "points": 0, "failed": 0, "insufficient": 0, "seconds": 0.0, "left": 0}
        with self.computing.turn(request, progress=progress) as turn:
            self.collect()
            for line in self.models():
                if line["newest"] is not None:
                    since = self._start_of_newest(line["model"], cast("datetime", moment(line["newest"])), windows)
                    done = turn.run(model=line["model"], since=since)
                    total = {name: round(value + done[name], 3) for name, value in total.items()}
            return {**total, "cancelled": turn.cancelled}

    def report(
        self,
        *,
        model: str,
        kind: str,
        since: str | None = None,
        until: str | None = None,
        format: str = "html",  # noqa: A002
        version: str | None = None,
        request: str = "",
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Render a report of [since, until): its row of `Store.reports` with `file`.

        `kind` is Evidently's `drift`, `performance` or `summary`, Evidently's whole preset on the raw rows (`full`), or our own page of all
        `findings`. Without a range the newest window, a complete one first, is meant. A range that no window covers is analysed first: that
        run `cancel` ends by the name `request`, and then there is no report.
        """
        name = self.known(model)
        wanted = ReportRequest(name, kind, format, moment(since, name="--from"), moment(until, name="--to"), version)

        def compute(begin: datetime, end: datetime) -> object:
            with self.computing.turn(request, progress=progress) as turn:
                told = turn.run(model=name, window="range", since=begin, until=end)
            if turn.cancelled:
                raise Cancelled("The run that the report needs was cancelled: ask for the report again.")
            return told

        return cast("dict[str, Any]", jsonable(render(self.store, self.computing.worker, wanted, compute=compute, progress=progress)))

    def health(self) -> dict[str, Any]:
        """How the home is: the store's own account, plus disk, holder, versions and what to do about each finding."""
        reasons = self.store.quarantine()["reason"].value_counts().to_pylist()
        quarantined = {row["values"]: row["counts"] for row in sorted(reasons, key=lambda row: -row["counts"])}
        return cast("dict[str, Any]", jsonable(diagnose(self.home, self.store.health(), quarantined)))

    def known(self, model: str) -> str:
        """`model` itself where it is registered, else `NotFound` that names what is."""
        if model not in self.store.models():  # its description may still lie in the spool, where its logger left it
            self.collect()
        return super().known(model)

    def _start_of_newest(self, model: str, newest: datetime, windows: int) -> datetime | None:
        """Where the newest `windows` windows of a model begin; None for windows of rows, which no time begins."""
        size = WindowSpec.parse(own_window(self.store.spec(model)))
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
