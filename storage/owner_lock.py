"""Who owns a home: `flock` on a file that holds the owner's pid. The kernel frees it however the owner ends."""

from __future__ import annotations

__all__ = ["OwnerLock"]

import fcntl
import os
import time
import weakref
from contextlib import suppress

from storage.errors import OwnerBusy
from storage.home import Home

_GLANCES = 10  # at the lock file, for its holder may have locked it and not yet written its pid
_BETWEEN = 0.02  # seconds


class OwnerLock:
    """Held from construction to `release`. Raises OwnerBusy at once, naming the holder's pid, where it is held already."""

    def __init__(self, home: Home) -> None:
        self._descriptor = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _holder(self._descriptor)
            self.release()
            who = f"process {pid}" if pid else "another process"
            raise OwnerBusy(f"The home {home.path} is in use by {who}: ask that process, or stop it first.", pid=pid) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)
        _HELD.add(self)

    def release(self) -> None:
        """Give the home back; a second call does nothing. In a forked child this lets go of the child's share alone."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


_HELD: weakref.WeakSet[OwnerLock] = weakref.WeakSet()


def _holder(descriptor: int) -> int | None:
    for _ in range(_GLANCES):
        with suppress(ValueError):
            return int(os.pread(descriptor, 32, 0))
        time.sleep(_BETWEEN)
    return None


def _after_fork() -> None:
    # A lock lives as long as any copy of its descriptor: a child that keeps one would keep the home from the next owner.
    for lock in list(_HELD):
        lock.release()


os.register_at_fork(after_in_child=_after_fork)
