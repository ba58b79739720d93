"""A run under way: windows read, analysed and saved, some at a time, each in one transaction of its own."""

from __future__ import annotations

__all__ = ["RunUnderWay"]

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from queue import SimpleQueue
from threading import Lock
from typing import Any

import pyarrow as pa

from monitoring.analysis import Analysis, Baseline, Found, Scores, Subject, Weighing, Worker, analyse, broken, empty, gone
from monitoring.analysis.counts import Counted, counted
from monitoring.drift_nulls import NullCache
from monitoring.engine_jobs import PARTS
from monitoring.evidently_worker import EvidentlyWorker
from monitoring.memory import too_large
from monitoring.moments import just_after
from monitoring.persistence import METRICS, hold, kept, promised
from monitoring.planning import Due
from monitoring.reference.opening import baseline_of
from monitoring.snapshot_folders import snapshot_folder, snapshot_rows
from storage.errors import StorageError
from storage.store import Store

_log = logging.getLogger(__name__)


class RunUnderWay:
    """One run under way: its counts, and what its windows share."""

    def __init__(self, store: Store, identity: str, now: datetime, total: int, progress: Callable[[dict[str, Any]], None] | None,
                 *, scores: Scores = "auto", memory_limit: int | None = None) -> None:  # fmt: skip
        self.counted: Counter[str] = Counter()
        self.done = 0
        self.failing: set[str] = set()  # models of which a window failed or could not be saved: it is due again
        self._store = store
        self._identity = identity
        self._now = now
        self._total = total
        self._progress = progress
        self._scores = scores
        self._memory_limit = memory_limit
        self._nulls = NullCache(store.home.path / "cache" / "nulls")
        self._baselines: dict[str, Baseline | None] = {}
        self._loading = Lock()

    def work(self, due: Sequence[Due], jobs: int, given: Sequence[Worker], stop: Callable[[], bool] = lambda: False) -> None:
        """Compute and save all of them, `jobs` at a time, in order as far as that goes; with `given` workers as far as they go.

        Once `stop` says so no other window is begun: those that are under way are finished and kept.
        """
        with ExitStack() as stack:
            workers: SimpleQueue[Worker] = SimpleQueue()
            for number in range(jobs):
                workers.put(given[number] if number < len(given) else stack.enter_context(EvidentlyWorker()))
            pool = stack.enter_context(ThreadPoolExecutor(jobs, thread_name_prefix="driftboard-window"))
            waiting = counted(self._store, due, self._baseline, self._weighing, self._too_large)
            under_way = set[Future[tuple[Due, Counter[str]]]]()
            try:
                while True:
                    if stop():
                        waiting = iter(())
                        under_way = {future for future in under_way if not future.cancel()}
                    for one, counts in islice(waiting, 2 * jobs - len(under_way)):
                        under_way.add(pool.submit(self._window, one, counts, workers))
                    if not under_way:
                        return
                    finished, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    for future in finished:
                        self._tell(*future.result())
            finally:
                pool.shutdown(cancel_futures=True)

    def _window(self, one: Due, counts: Counted, workers: SimpleQueue[Worker]) -> tuple[Due, Counter[str]]:
        found = self._found(one, counts, workers)
        try:
            self._save(one, found)
        except StorageError as error:
            self.failing.add(one.subject.model)
            _log.warning("The findings of %s could not be saved: %s", _named(one), error)
            return one, Counter({"failed": found.counted.total()})
        return one, found.counted

    def _found(self, one: Due, counts: Counted, workers: SimpleQueue[Worker]) -> Found:
        common = self._common(one)
        if one.gone:
            return gone(common)
        if not one.rows:
            return empty(common, one.window, self._now)
        worker = workers.get()
        try:
            subject = one.subject
            if counts.refused:
                return broken(common, subject, counts.refused)
            if counts.failure is not None:
                raise counts.failure
            frame = self._store.frame(subject.model, subject.version, one.window)
            folder = snapshot_folder(self._store.home, subject.model, subject.version, one.spec.name, one.window)
            analysis = Analysis(
                subject=subject, window=one.window, frame=frame, counts=counts, baseline=self._baseline(subject.model),
                weighing=self._weighing(subject), nulls=self._nulls, common=common, now=self._now, snapshots=folder, scores=self._scores,
                parts=frozenset(PARTS) if one.summary else frozenset(PARTS) - {"summary"},
            )  # fmt: skip
            found = analyse(analysis, worker)
            asked = subject.schema.drift.persistence
            if asked is None or one.spec.unit == "range":  # a range has no windows before it
                return found
            held = hold(found.points, share=promised(subject.schema, asked))
            return replace(found, points=kept(held, self._stored(one)))
        except StorageError as error:
            _log.warning("%s could not be read: %s", _named(one), error)
            return broken(common, one.subject, f"It could not be read: {error}")
        except Exception as error:  # whatever it is, the other windows go on and this one says why
            _log.exception("Computing %s failed.", _named(one))
            return broken(common, one.subject, f"computing failed: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
        finally:
            workers.put(worker)

    def _too_large(self, one: Due) -> str:
        if self._memory_limit is None:
            return ""
        return too_large(one.rows, self._memory_limit, len(self._store.feature_columns(one.subject.model, one.subject.version)))

    def _stored(self, one: Due) -> pa.Table:
        """The verdicts of this window that were settled before."""
        start = one.window.start
        return self._store.points(model=one.subject.model, version=one.subject.version, window=one.spec.name, metric=list(METRICS),
                                  since=start, until=just_after(start))  # fmt: skip

    def _save(self, one: Due, found: Found) -> None:
        subject, window = one.subject, one.window
        if found.failure:
            self.failing.add(subject.model)
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
                self._baselines[model] = baseline_of(self._store, model)
            return self._baselines[model]

    def _weighing(self, subject: Subject) -> Weighing | None:
        baseline = self._baseline(subject.model)
        if baseline is None:
            return None
        return Weighing(subject=subject, baseline=baseline, nulls=self._nulls, scores=self._scores, pictures=True)

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
