"""Runs, one at a time, with one Evidently worker that is kept between them."""

from __future__ import annotations

__all__ = ["CANCELLED_FOR", "Computing", "Progress"]

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from monitoring import runner
from monitoring.evidently_worker import EvidentlyWorker
from storage.store import Store

Progress = Callable[[dict[str, Any]], None]

CANCELLED_FOR = timedelta(hours=1)  # an owner whose run was cancelled goes on by itself: a monitor must not stay silent by an oversight


class Computing:
    """Calls the runner on one store. Safe for threads: two runs at once would compute the same windows twice, so the second waits."""

    def __init__(self, store: Store) -> None:
        self.memory_limit: int | None = None  # bytes
        self._store = store
        self._alone = threading.Lock()
        self._making = threading.Lock()
        self._cancelled = threading.Event()
        self._cancels = 0
        self._worker: EvidentlyWorker | None = None
        self._second: EvidentlyWorker | None = None

    @property
    def worker(self) -> EvidentlyWorker:
        """Evidently's process, started with the first job and kept: its start costs more than a window."""
        with self._making:
            if self._worker is None:
                self._worker = EvidentlyWorker()
            return self._worker

    def run(self, *, progress: Progress | None = None, **what: Any) -> dict[str, Any]:
        """One run of `monitoring.runner.run` with its parameters: the contract's counts, and the run's id."""
        cancels = self._cancels
        if not self._alone.acquire(blocking=False):
            if progress is not None:
                progress({"message": "another run is under way; this one begins when it ends"})
            self._alone.acquire()
        try:
            if self._cancels != cancels:  # while it waited: whoever ends the run before it wants nothing computed
                return _told(runner.RunResult(0, 0, 0, 0, 0.0, ""))
            self._store.resume_runs()
            return self._run(progress, what)
        finally:
            self._alone.release()

    def run_if_free(self, *, progress: Progress | None = None) -> dict[str, Any] | None:
        """The same for all that is due; None at once where there is no model, another run is under way, or somebody cancelled one."""
        if not self._store.models() or self.rests_until() is not None or not self._alone.acquire(blocking=False):
            return None
        try:
            return self._run(progress, {})
        finally:
            self._alone.release()

    def cancel(self) -> bool:
        """End the run that is under way, and those that wait for it, once the windows that it is at are done; the others stay due.

        False where none is under way.
        """
        under_way = self._alone.locked()
        if under_way:
            self._cancels += 1
            self._cancelled.set()
        return under_way

    def rests_until(self) -> datetime | None:
        """When the owner goes on by itself after a run that was cancelled; None where the newest run was not, or long ago.

        It says so in the store, so that an owner that starts again does not take up at once what somebody ended.
        """
        newest = self._store.runs(1).to_pylist()
        if not newest or newest[0]["state"] != "cancelled":
            return None
        until: datetime = newest[0]["finished_at"] + CANCELLED_FOR
        return until if newest[0]["finished_at"] <= datetime.now(UTC) < until else None

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Nothing is computed while the block runs; waits for a run that is under way."""
        with self._alone:
            yield

    def close(self) -> None:
        """End the workers, in the middle of their jobs if need be. Close the store first: then a window that thereby fails is not saved."""
        for worker in (self._worker, self._second):
            if worker is not None:
                worker.stop()

    def _run(self, progress: Progress | None, what: dict[str, Any]) -> dict[str, Any]:
        self._cancelled.clear()
        with EvidentlyWorker() as self._second:  # starts only where many windows are due, and is not kept: it takes 290 MB
            result = runner.run(self._store, workers=(self.worker, self._second), progress=progress, stop=self._cancelled.is_set,
                                memory_limit=self.memory_limit, **what)  # fmt: skip
        return _told(result)


def _told(result: runner.RunResult) -> dict[str, Any]:
    counts = {"windows": result.windows, "points": result.points, "failed": result.failed, "insufficient": result.insufficient}
    return {**counts, "seconds": round(result.seconds, 3), "run": result.run, "left": result.left}
