"""Runs, one at a time, with one Evidently worker that is kept between them."""

from __future__ import annotations

__all__ = ["CANCELLED_FOR", "Computing", "Progress", "Turn"]

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from monitoring import runner
from monitoring.evidently_worker import EvidentlyWorker
from monitoring.turns import Request, Turns
from storage.store import Store

Progress = Callable[[dict[str, Any]], None]

CANCELLED_FOR = timedelta(hours=1)  # an owner whose run was cancelled goes on by itself: a monitor must not stay silent by an oversight


class Computing:
    """Calls the runner on one store. Safe for threads: two runs at once would compute the same windows twice, so the second waits."""

    def __init__(self, store: Store) -> None:
        self.memory_limit: int | None = None  # bytes
        self._store = store
        self._turns = Turns()
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

    @contextmanager
    def turn(self, request: str = "", *, progress: Progress | None = None) -> Iterator[Turn]:
        """The right to compute, for as long as the block runs: of a request that `cancel` may name, from now until the block ends."""

        def waits() -> None:
            if progress is not None:
                progress({"message": "another run is under way; this one begins when it ends"})

        with self._turns.turn(request, waits=waits) as one:
            if one.began:
                self._store.resume_runs()
            yield Turn(one, partial(self._run, one, progress))

    def run_if_free(self, *, progress: Progress | None = None) -> dict[str, Any] | None:
        """One run of all that is due; None at once where there is no model, another run is under way, or somebody cancelled one."""
        if not self._store.models() or self.rests_until() is not None:
            return None
        with self._turns.turn_if_free() as one:
            return None if one is None else Turn(one, partial(self._run, one, progress)).run()

    def cancel(self, request: str = "") -> str:
        """End a request once the windows that it is at are done, or before it begins; the others stay due. No name: the one under way.

        Whether it was `waiting` or `under way`; "" where there is none.
        """
        return self._turns.cancel(request)

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
        with self._turns.resting():
            yield

    def close(self) -> None:
        """End the workers, in the middle of their jobs if need be. Close the store first: then a window that thereby fails is not saved."""
        for worker in (self._worker, self._second):
            if worker is not None:
                worker.stop()

    def _run(self, request: Request, progress: Progress | None, /, **what: Any) -> runner.RunResult:
        with EvidentlyWorker() as self._second:  # starts only where many windows are due, and is not kept: it takes 290 MB
            return runner.run(self._store, workers=(self.worker, self._second), progress=progress, stop=lambda: request.cancelled,
                              memory_limit=self.memory_limit, **what)  # fmt: skip


class Turn:
    """The right to compute. Once a run of it was cancelled, or all of it before it began, its other runs compute nothing."""

    def __init__(self, request: Request, run: Callable[..., runner.RunResult]) -> None:
        self.cancelled = not request.began
        self._run = run

    def run(self, **what: Any) -> dict[str, Any]:
        """One run of `monitoring.runner.run` with its parameters: the contract's counts, the run's id, the windows `left`, and `cancelled`
        where somebody ended it before all was computed."""
        result = runner.RunResult(0, 0, 0, 0, 0.0, "") if self.cancelled else self._run(**what)
        self.cancelled = self.cancelled or result.left > 0
        counts = {"windows": result.windows, "points": result.points, "failed": result.failed, "insufficient": result.insufficient}
        return {**counts, "seconds": round(result.seconds, 3), "run": result.run, "left": result.left, "cancelled": self.cancelled}
