"""The runner: due and dirty windows, newest first, each computed and saved in one transaction of its own."""

from __future__ import annotations

__all__ = ["Progress", "RunResult", "run"]

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from queue import SimpleQueue
from threading import Lock
from time import monotonic
from typing import Any

from monitoring.analysis import Analysis, Baseline, Found, Worker, analyse, broken, empty, gone
from monitoring.drift_nulls import NullCache
from monitoring.engine_jobs import PARTS
from monitoring.evidently_worker import EvidentlyWorker
from monitoring.planning import Due, plan
from monitoring.snapshot_folders import snapshot_folder, snapshot_rows
from storage.errors import StorageError
from storage.store import Store

_log = logging.getLogger(__name__)

Progress = Callable[[dict[str, Any]], None]

_TWO_WORKERS_FROM = 7  # windows: with fewer, a second worker's start (about 9 s of CPU) costs more than it saves
_AT_ONCE = 32  # windows whose counts are read in one scan: many enough to be cheap, few enough that the first result comes soon


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run did: windows computed, points saved, how many of them failed or had too few rows, wall seconds, and its id.

    `run` is "" where there was nothing to do.
    """

    windows: int
    points: int
    failed: int
    insufficient: int
    seconds: float
    run: str


def run(
    store: Store,
    *,
    model: str | None = None,
    window: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    everything: bool = False,
    progress: Progress | None = None,
    worker: Worker | None = None,
    jobs: int | None = None,
    now: datetime | None = None,
) -> RunResult:
    """Compute what is due or dirty: of one model or of all, in its own window or the one named, for windows that meet [since, until).

    `everything` computes all of them again. `progress` is told `{"done", "total", "model", "version", "window", "message"}` after each
    window; what it raises ends the run, with every window so far kept. `worker` is an Evidently worker that outlives the run; `jobs`
    windows are computed at a time, each with a worker of its own (default 2 where many are due); `now` is the wall clock.

    A window that fails says so in its points and stops no other. Safe to kill: running again computes what is missing, and the points
    are the same. Raises StoreError for a model that is not there.
    """
    began, clock = monotonic(), now or datetime.now(UTC)
    due = _due(store, model, window, since, until, everything, clock)
    if not due:
        return RunResult(0, 0, 0, 0, monotonic() - began, "")
    identity = store.run_started(model=model, window=window, total=len(due))
    workers = jobs or (2 if len(due) >= _TWO_WORKERS_FROM else 1)
    going = _Run(store, identity, clock, len(due), progress)
    state, reason = "interrupted", None
    try:
        going.work(due, workers, worker)
        state = "done"
    except Exception as error:
        state, reason = "failed", str(error)
        raise
    finally:
        counted = going.counted
        store.run_finished(identity, state=state, points=counted.total(), failed=counted["failed"],
                           insufficient=counted["insufficient_data"], reason=reason)  # fmt: skip
    return RunResult(going.done, counted.total(), counted["failed"], counted["insufficient_data"], monotonic() - began, identity)


def _due(store: Store, model: str | None, window: str | None, since: datetime | None, until: datetime | None, everything: bool,
         now: datetime) -> list[Due]:  # fmt: skip
    """The windows to compute of all models, newest first."""
    due: list[Due] = []
    for name in [model] if model is not None else store.models():
        try:
            for found in plan(store, name, window=window, since=since, until=until, everything=everything, now=now):
                due += found.due
        except StorageError as error:
            if model is not None:
                raise
            _log.warning("The windows of %s cannot be planned: %s", name, error)
            store.add_event(level="error", kind="run", text=f"The windows of {name} cannot be planned: {error}", model=name)
    return sorted(due, key=lambda one: one.window.start, reverse=True)


class _Run:
    """One run under way: its counts, and what its windows share."""

    def __init__(self, store: Store, identity: str, now: datetime, total: int, progress: Progress | None) -> None:
        self.counted: Counter[str] = Counter()
        self.done = 0
        self._store = store
        self._identity = identity
        self._now = now
        self._total = total
        self._progress = progress
        self._nulls = NullCache(store.home.path / "cache" / "nulls")
        self._baselines: dict[str, Baseline | None] = {}
        self._loading = Lock()

    def work(self, due: Sequence[Due], jobs: int, worker: Worker | None) -> None:
        """Compute and save all of them, `jobs` at a time, in order as far as that goes."""
        with ExitStack() as stack:
            workers: SimpleQueue[Worker] = SimpleQueue()
            for number in range(jobs):
                workers.put(worker if worker is not None and not number else stack.enter_context(EvidentlyWorker()))
            pool = stack.enter_context(ThreadPoolExecutor(jobs, thread_name_prefix="driftboard-window"))
            waiting, under_way = self._counted_windows(due), set[Future[tuple[Due, Counter[str]]]]()
            try:
                while True:
                    for one, traffic, quality in islice(waiting, 2 * jobs - len(under_way)):
                        under_way.add(pool.submit(self._window, one, traffic, quality, workers))
                    if not under_way:
                        return
                    finished, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    for future in finished:
                        self._tell(*future.result())
            finally:
                pool.shutdown(cancel_futures=True)

    def _counted_windows(self, due: Sequence[Due]) -> Iterator[tuple[Due, dict[str, Any], list[dict[str, Any]]]]:
        """Each window with its traffic and quality, which are counted set-wise for some windows at once."""
        for first in range(0, len(due), _AT_ONCE):
            some = due[first : first + _AT_ONCE]
            by_version: dict[tuple[str, str], list[Due]] = defaultdict(list)
            for one in some:
                if one.rows and not one.gone:
                    by_version[one.subject.model, one.subject.version].append(one)
            counts: dict[tuple[str, str, Any], tuple[dict[str, Any], list[dict[str, Any]]]] = {}
            for (model, version), windows in by_version.items():
                asked = [one.window for one in windows]
                traffic = self._store.traffic(model, version, asked).to_pylist()
                quality = self._store.quality(model, version, asked).to_pylist()
                each = len(quality) // len(windows)
                for place, window in enumerate(asked):
                    counts[model, version, window] = (traffic[place], quality[place * each : (place + 1) * each])
            for one in some:
                yield one, *counts.get((one.subject.model, one.subject.version, one.window), ({}, []))

    def _window(self, one: Due, traffic: Mapping[str, Any], quality: Sequence[Mapping[str, Any]],
                workers: SimpleQueue[Worker]) -> tuple[Due, Counter[str]]:  # fmt: skip
        found = self._found(one, traffic, quality, workers)
        try:
            self._save(one, found)
        except StorageError as error:
            _log.warning("The findings of %s could not be saved: %s", _named(one), error)
            return one, Counter({"failed": found.counted.total()})
        return one, found.counted

    def _found(self, one: Due, traffic: Mapping[str, Any], quality: Sequence[Mapping[str, Any]], workers: SimpleQueue[Worker]) -> Found:
        common = self._common(one)
        if one.gone:
            return gone(common)
        if not one.rows:
            return empty(common, one.window, self._now)
        worker = workers.get()
        try:
            subject = one.subject
            frame = self._store.frame(subject.model, subject.version, one.window)
            folder = snapshot_folder(self._store.home, subject.model, subject.version, one.spec.name, one.window)
            analysis = Analysis(
                subject=subject, window=one.window, frame=frame, traffic=traffic, quality=quality, baseline=self._baseline(subject.model),
                nulls=self._nulls, common=common, now=self._now, snapshots=folder,
                parts=frozenset(PARTS) if one.summary else frozenset(PARTS) - {"summary"},
            )  # fmt: skip
            return analyse(analysis, worker)
        except Exception as error:  # whatever it is, the other windows go on and this one says why
            _log.exception("Computing %s failed.", _named(one))
            return broken(common, one.subject.task, f"computing failed: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
        finally:
            workers.put(worker)

    def _save(self, one: Due, found: Found) -> None:
        subject, window = one.subject, one.window
        # Reports first: a kill between the two leaves the window due, so that nothing stays without its report.
        for row in snapshot_rows(self._store.home, subject.model, subject.version, one.spec.name, window, found.snapshots, self._identity):
            self._store.save_report(row)
        state = "gone" if one.gone else "failed" if found.failure else "done"
        self._store.save_window(subject.model, subject.version, window, found.points, found.profiles, window_name=one.spec.name,
                                run=self._identity, state=state, fingerprint=one.fingerprint)  # fmt: skip

    def _tell(self, one: Due, counted: Counter[str]) -> None:
        self.done += 1
        self.counted += counted
        message = f"{_named(one)}: {self.done} of {self._total}"
        self._store.run_progress(self._identity, done=self.done, total=self._total, note=message)
        if self._progress is not None:
            self._progress({"done": self.done, "total": self._total, "model": one.subject.model, "version": one.subject.version,
                            "window": one.spec.name, "message": message})  # fmt: skip

    def _baseline(self, model: str) -> Baseline | None:
        with self._loading:
            if model not in self._baselines:
                table, info = self._store.reference(model), self._store.reference_info(model)
                self._baselines[model] = Baseline(table, info["hash"]) if table is not None and info is not None else None
            return self._baselines[model]

    def _common(self, one: Due) -> dict[str, Any]:
        return {
            "model": one.subject.model,
            "version": one.subject.version,
            "window_start": one.window.start,
            "window_end": one.window.end,
            "window": one.spec.name,
            "partial": one.window.partial,
            "computed_at": datetime.now(UTC),
            "run": self._identity,
        }


def _named(one: Due) -> str:
    version = f" {one.subject.version}" if one.subject.version else ""
    return f"{one.subject.model}{version}, {one.window.start:%Y-%m-%d %H:%M} to {one.window.end:%Y-%m-%d %H:%M} UTC"
