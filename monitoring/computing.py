"""Runs, one at a time, with one Evidently worker that is kept between them."""

from __future__ import annotations

__all__ = ["Computing", "Progress"]

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

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

    def close(self) -> None:
        """End the worker, in the middle of its job if need be. Close the store first: then a window that thereby fails is not saved."""
        worker = self._worker
        if worker is None:
            return
        pid = worker.pid
        if self._alone.locked() and pid is not None:  # the worker's own close() waits for its job
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        worker.close()

    def _run(self, progress: Progress | None, what: dict[str, Any]) -> dict[str, Any]:
        from monitoring import runner  # scipy and scikit-learn: not before there is something to compute

        result = runner.run(self._store, worker=self.worker, progress=progress, **what)
        counts = {"windows": result.windows, "points": result.points, "failed": result.failed, "insufficient": result.insufficient}
        return {**counts, "seconds": round(result.seconds, 3), "run": result.run}
