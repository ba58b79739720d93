"""The owner's clock: computes what is due, soon after rows arrive and at the latest every minute."""

from __future__ import annotations

__all__ = ["Background"]

import logging
import threading
import time
from collections.abc import Callable

_log = logging.getLogger(__name__)


class Background:
    """Calls `work` in one thread: at the latest every `every` seconds, and `settle` seconds after `wake` while it is idle.

    `work` says whether there was anything to do. Where there was, the next turn waits its full time – and at least as long
    as the work took –, so that steady traffic does not have its running window computed without end. An exception is
    logged and the next turn comes as planned: one failure must not end the monitoring.
    """

    def __init__(self, work: Callable[[], bool], *, every: float, settle: float) -> None:
        self._work = work
        self._every = every
        self._settle = settle
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="driftboard-runner", daemon=True)

    def start(self) -> None:
        """Begin; the first turn comes at once."""
        self._thread.start()

    def wake(self) -> None:
        """Something new is there to be computed."""
        self._woken.set()

    def stop(self, *, timeout: float = 30.0) -> None:
        """Ask the thread to end and wait for it, at most `timeout` seconds."""
        self._stopping.set()
        self._woken.set()
        self._thread.join(timeout)

    @property
    def stopping(self) -> bool:
        """True once `stop` was called: long work looks here between two steps."""
        return self._stopping.is_set()

    def _loop(self) -> None:
        while not self._stopping.is_set():
            started = time.monotonic()
            self._woken.clear()
            try:
                busy = self._work()
            except Exception:
                if self._stopping.is_set():  # what it worked on was closed under it
                    return
                _log.exception("Computing in the background failed; the next attempt comes in %g seconds.", self._every)
                busy = True
            if busy:
                self._stopping.wait(max(self._every, time.monotonic() - started))
            elif self._woken.wait(self._every):
                self._stopping.wait(self._settle)
