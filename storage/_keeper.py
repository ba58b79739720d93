"""One thread for all writers of a process: it syncs, looks how much room there is and writes counters, so that no call has to.

It begins with the first segment, costs a sleeping process five looks in two seconds, and is begun anew in a forked child by the
child's first segment. Without it – where no thread can be started – calls look for themselves, and the kernel syncs when it likes.
"""

from __future__ import annotations

__all__ = ["TICK", "Tended", "keep", "stop"]

import os
import threading
import weakref
from contextlib import suppress
from typing import Protocol

TICK = 0.4  # seconds between two rounds


class Tended(Protocol):
    """What the thread looks after."""

    def tend(self) -> None:
        """One round; must be quick where nothing is to be done."""


_tended: weakref.WeakSet[Tended] = weakref.WeakSet()
_thread: threading.Thread | None = None
_stopping = threading.Event()


def keep(one: Tended) -> bool:
    """Have `one` tended every 0.4 seconds for as long as it lives; False where there is no thread for it."""
    global _thread
    _tended.add(one)
    if _thread is None or not _thread.is_alive():
        try:
            started = threading.Thread(target=_rounds, args=(_stopping,), name="prediction-log-keeper", daemon=True)
            started.start()
        except RuntimeError:  # no more threads, or the interpreter is ending
            return False
        _thread = started
    return True


def stop() -> None:
    """No more rounds: the interpreter ends."""
    _stopping.set()


def _rounds(stopping: threading.Event) -> None:
    while not stopping.wait(TICK):
        _round()


def _round() -> None:
    for one in list(_tended):
        with suppress(Exception):  # a writer's trouble is counted there, and must not cost the others their rounds
            one.tend()


def _after_fork() -> None:
    global _thread, _stopping, _tended  # the parent's, and as its thread may have been using them
    _thread, _stopping, _tended = None, threading.Event(), weakref.WeakSet()


os.register_at_fork(after_in_child=_after_fork)
