"""Runs, one at a time, with one Evidently worker that is kept between them."""

from __future__ import annotations

__all__ = ["Computing", "Progress"]

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from monitoring import runner
from monitoring.evidently_worker import EvidentlyWorker
from storage.store import Store

Progress = Callable[[dict[str, Any]], None]


class Computing:
    """Calls the runner on one store. Safe for threads: two runs at once would compute the same windows twice, so the second waits."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._alone = threading.Lock()
        self._making = threading.Lock()
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
        if not self._alone.acquire(blocking=False):
            if progress is not None:
                progress({"message": "another run is under way; this one begins when it ends"})
            self._alone.acquire()
        try:
            return self._run(progress, what)
        finally:
            self._alone.release()

    def run_if_free(self, *, progress: Progress | None = None) -> dict[str, Any] | None:
        """The same for all that is due; None at once where there is no model, or another run is under way."""
        if not self._store.models() or not self._alone.acquire(blocking=False):
            return None
        try:
            return self._run(progress, {})
        finally:
            self._alone.release()

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
        with EvidentlyWorker() as self._second:  # starts only where many windows are due, and is not kept: it takes 290 MB
            result = runner.run(self._store, workers=(self.worker, self._second), progress=progress, **what)
        counts = {"windows": result.windows, "points": result.points, "failed": result.failed, "insufficient": result.insufficient}
        return {**counts, "seconds": round(result.seconds, 3), "run": result.run}
