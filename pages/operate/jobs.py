"""Long work in the server process: started by a button, watched by any page, still there after a reload."""

from __future__ import annotations

__all__ = ["Job", "find", "forget", "start"]

import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Literal

from storage.errors import StorageError

Key = tuple[str, ...]
Progress = Callable[[dict[str, Any]], None]

_log = logging.getLogger("driftboard.pages")
_jobs: dict[Key, Job] = {}
_lock = threading.Lock()


@dataclass(slots=True)
class Job:
    """One piece of work. `done` of `total` steps where the work tells them, `note` what it is at, `error` one sentence when it failed."""

    key: Key
    state: Literal["running", "done", "failed"] = "running"
    done: int = 0
    total: int = 0
    note: str = ""
    error: str = ""
    result: str = ""
    _began: float = field(default_factory=monotonic)
    _ended: float | None = None

    @property
    def seconds(self) -> float:
        """How long it has taken so far, or took."""
        return (self._ended or monotonic()) - self._began

    @property
    def share(self) -> float | None:
        """How much is done, 0 to 1; None where the work does not count its steps."""
        return min(self.done / self.total, 1.0) if self.total else None


def find(key: Key) -> Job | None:
    """The job of that key, running or ended, or None."""
    return _jobs.get(key)


def forget(key: Key) -> None:
    """Drop an ended job; a running one stays."""
    with _lock:
        job = _jobs.get(key)
        if job is not None and job.state != "running":
            del _jobs[key]


def start(key: Key, work: Callable[[Progress], str]) -> Job:
    """Run `work` in a thread of its own, unless a job of this key is running: then that one is returned."""
    with _lock:
        running = _jobs.get(key)
        if running is not None and running.state == "running":
            return running
        job = _jobs[key] = Job(key)
    threading.Thread(target=_run, args=(job, work), name="driftboard-job", daemon=True).start()
    return job


def _run(job: Job, work: Callable[[Progress], str]) -> None:
    try:
        job.result = work(lambda told: _note(job, told))
        job.state = "done"
    except StorageError as error:  # the root of everything raised on purpose: its text is for a person
        job.error, job.state = str(error), "failed"
    except Exception:
        mark = uuid.uuid4().hex[:8]
        _log.exception("%s: %s", mark, job.key)
        job.error, job.state = f"The work failed; the log has the details under {mark}.", "failed"
    finally:
        job._ended = monotonic()


def _note(job: Job, told: dict[str, Any]) -> None:
    """Take over what the work tells: `done`, `total`, and `note`, `step` or `message` in words."""
    job.done = int(told.get("done") or 0)
    job.total = int(told.get("total") or 0)
    job.note = str(told.get("note") or told.get("step") or told.get("message") or "")
