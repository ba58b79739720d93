"""Who owns a home: `flock` on a file that holds the owner's pid. The kernel frees it however the owner ends."""

from __future__ import annotations

__all__ = ["OwnerLock", "busy", "held_by"]

import fcntl
import os
import stat
import time
import weakref
from contextlib import suppress

from storage._places import trusted_in
from storage.errors import OwnerBusy, StoreError
from storage.home import Home

_GLANCES = 10  # at the lock file, for its holder may have locked it and not yet written its pid
_BETWEEN = 0.02  # seconds
_TRIES = 3  # at the lock, which somebody who looks whether it is held has for an instant


class OwnerLock:
    """Held from construction to `release`. Raises OwnerBusy at once, naming the holder's pid, where it is held already, and StoreError
    where the lock is no plain file of this user – somebody else could hold it, or let it go – or cannot be written."""

    def __init__(self, home: Home) -> None:
        self._descriptor = _opened(home, os.O_RDWR | os.O_CREAT)
        if not any(_taken(self._descriptor, fcntl.LOCK_EX, pause=_BETWEEN if turn else 0) for turn in range(_TRIES)):
            pid = _holder(self._descriptor)
            self.release()
            raise busy(home, pid)
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, b"%d\n" % os.getpid(), 0)
        except OSError as error:
            self.release()
            raise StoreError(f"The lock {home.lock} cannot be written ({error.strerror}): make room on the disk.") from error
        _HELD.add(self)

    def release(self) -> None:
        """Give the home back; a second call does nothing. In a forked child this lets go of the child's share alone."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def busy(home: Home, pid: int | None) -> OwnerBusy:
    """What to raise where a process has the home."""
    who = f"process {pid}" if pid else "another process"
    return OwnerBusy(f"The home {home.path} is in use by {who}: ask that process, or stop it first.", pid=pid or None)


def held_by(home: Home) -> int | None:
    """The pid of the process that owns a home now (0 where it has not written it yet), or None. Changes nothing."""
    try:
        descriptor = _opened(home, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        return None if _taken(descriptor, fcntl.LOCK_SH) else _holder(descriptor) or 0
    finally:
        os.close(descriptor)


_HELD: weakref.WeakSet[OwnerLock] = weakref.WeakSet()


def _opened(home: Home, flags: int) -> int:
    """The lock's file, judged as it was opened and not by its name. Raises FileNotFoundError and StoreError."""
    try:
        descriptor = os.open(home.lock, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreError(f"The lock {home.lock} cannot be opened ({error.strerror}): remove it, or use a home of your own.") from error
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_uid in trusted_in(home.path):
        return descriptor
    os.close(descriptor)
    raise StoreError(f"The lock {home.lock} is no plain file of this user: remove it, or use a home of your own.")


def _taken(descriptor: int, kind: int, *, pause: float = 0) -> bool:
    time.sleep(pause)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
