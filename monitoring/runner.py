"""The runner: due and dirty windows, newest first, each computed and saved in one transaction of its own."""

from __future__ import annotations

__all__ = ["Progress", "RunResult", "run"]

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from monitoring.planning import CODE, Due, Settled, plan_model
from storage.errors import StorageError
from storage.store import Store

if TYPE_CHECKING:
    from monitoring.analysis import Scores, Worker

_log = logging.getLogger(__name__)

Progress = Callable[[dict[str, Any]], None]

_TWO_WORKERS_FROM = 7  # windows: with fewer, a second worker's start (about 9 s of CPU) costs more than it saves


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run did: windows computed, points saved, how many of them failed or had too few rows, wall seconds, and its id.

    `run` is "" where there was nothing to do. `left` windows stay due because the run was cancelled.
    """

    windows: int
    points: int
    failed: int
    insufficient: int
    seconds: float
    run: str
    left: int = 0


def run(
    store: Store,
    *,
    model: str | None = None,
    window: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    everything: bool = False,
    progress: Progress | None = None,
    stop: Callable[[], bool] = lambda: False,
    workers: Sequence[Worker] = (),
    jobs: int | None = None,
    memory_limit: int | None = None,
    now: datetime | None = None,
    scores: Scores | None = None,
) -> RunResult:
    """Compute what is due or dirty: of one model or of all, in its own window or the one named, for windows that meet [since, until).

    `everything` computes all of them again. `progress` is told `{"done", "total", "model", "version", "window", "message"}` after each
    window; what it raises ends the run, with every window so far kept. Once `stop` says so, no other window is begun and the run is
    "cancelled": windows that were under way are finished, the others stay due. `workers` are Evidently workers that outlive the run;
    `jobs` windows are computed at a time, each with a worker of its own (default 2 where many are due); `memory_limit` is in bytes, see
    `monitoring.memory`, and makes that one; `now` is the wall clock; `scores` says who computes drift scores (default: what
    MONITORING_SCORES says).

    A window that fails says so in its points and stops no other. Safe to kill: running again computes what is missing, and the points
    are the same. Raises StoreError for a model that is not there.
    """
    began, clock = monotonic(), now or datetime.now(UTC)
    due, planned = _due(store, model, window, since, until, everything, clock)
    busy = {one.subject.model for one in due}
    _settle(store, window, clock, [one for one in planned if one.model not in busy])
    if not due:
        if store.unexplained(model):  # a run that was killed before its end left its windows, and not yet their causes
            _explain(store, model)
        return RunResult(0, 0, 0, 0, monotonic() - began, "")
    from monitoring.run_under_way import RunUnderWay  # scipy and scikit-learn: half a second, when there is something to compute
    from monitoring.settings import Settings

    identity = store.run_started(model=model, window=window, total=len(due))
    going = RunUnderWay(store, identity, clock, len(due), progress, scores=scores or Settings.read().scores, memory_limit=memory_limit)
    state, reason = "interrupted", None
    try:
        going.work(due, jobs or (2 if len(due) >= _TWO_WORKERS_FROM and memory_limit is None else 1), workers, stop)
        _explain(store, model)
        state = "done" if going.done == len(due) else "cancelled"
        if state == "done":
            _settle(store, window, clock, [one for one in planned if one.model in busy - going.failing])
    except Exception as error:
        state, reason = "failed", str(error)
        raise
    finally:
        counted = going.counted
        store.run_finished(identity, state=state, points=counted.total(), failed=counted["failed"],
                           insufficient=counted["insufficient_data"], reason=reason)  # fmt: skip
    return RunResult(going.done, counted.total(), counted["failed"], counted["insufficient_data"], monotonic() - began, identity,
                     len(due) - going.done)  # fmt: skip


def _explain(store: Store, model: str | None) -> None:
    from monitoring.causes.storing import explain_models  # scipy, when there is something to explain
    from monitoring.persisting import persist_models

    persist_models(store, model)  # before the causes: they are of what is named
    explain_models(store, model)


def _due(store: Store, model: str | None, window: str | None, since: datetime | None, until: datetime | None, everything: bool,
         now: datetime) -> tuple[list[Due], list[Settled]]:  # fmt: skip
    """The windows to compute of all models, newest first, and of which models nothing will be due then. Settled ones are not looked at."""
    due: list[Due] = []
    planned: list[Settled] = []
    whole = since is None and until is None and not everything
    settled = store.settled(window=window or "", code=CODE, now=now) if whole else set()
    for name in [model] if model is not None else store.models():
        if name in settled:
            continue
        try:
            plans, until_when = plan_model(store, name, window=window, since=since, until=until, everything=everything, now=now)
            due += [one for found in plans for one in found.due]
            planned += [until_when] if until_when is not None and whole else []
        except Exception as error:  # whatever one model's rows or description may be, it must not stop the others
            if model is not None:
                raise
            _log.warning("The windows of %s cannot be planned: %s", name, error, exc_info=not isinstance(error, StorageError))
            store.add_event(level="error", kind="run", text=f"The windows of {name} cannot be planned: {error}", model=name)
    return sorted(due, key=lambda one: one.window.start, reverse=True), planned


def _settle(store: Store, window: str | None, now: datetime, done: Sequence[Settled]) -> None:
    """Remember of which models nothing is due, so that the next run need not look at them."""
    for one in done:
        store.settle(one.model, window=window or "", serial=one.serial, code=CODE, since=now, until=one.until)
