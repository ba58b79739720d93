"""Writers through a fork and to the interpreter's end: none is copied in the middle of a write, and each is closed."""

from __future__ import annotations

__all__ = ["Forked", "keep_through_forks"]

import atexit
import os
import threading
import weakref
from typing import Any, Protocol

from storage import _keeper


class Forked(Protocol):
    """A writer, as a process that is copied sees it."""

    lock: Any  # held by whoever is in the middle of something

    def born_again(self) -> None:
        """Begin anew, in the child."""

    def close(self) -> None:
        """End for good."""


_live: weakref.WeakSet[Forked] = weakref.WeakSet()
_forking: list[Forked] = []
_one_fork = threading.Lock()
_PATIENCE = 1.0  # seconds that a fork waits for a write that hangs


def keep_through_forks(writer: Forked) -> None:
    """Mind a writer for as long as it lives."""
    _live.add(writer)


def _before_fork() -> None:
    """No other thread is between two steps of a write while the process is copied."""
    _one_fork.acquire()
    _forking[:] = [writer for writer in list(_live) if writer.lock.acquire(timeout=_PATIENCE)]


def _after_fork_in_parent() -> None:
    for writer in _forking:
        writer.lock.release()
    _forking.clear()
    _one_fork.release()


def _after_fork_in_child() -> None:
    _forking.clear()
    _one_fork.release()
    for writer in list(_live):
        writer.born_again()


def _at_exit() -> None:
    _keeper.stop()
    for writer in list(_live):
        writer.close()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
atexit.register(_at_exit)
