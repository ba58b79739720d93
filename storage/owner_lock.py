"""Who owns a home: `flock` on a file that holds the owner's pid. The kernel frees it however the owner ends."""

from __future__ import annotations

__all__ = ["OwnerLock", "owner_record"]

import fcntl
import json
import os
from typing import Any

from storage.errors import OwnerBusy
from storage.home import Home


def owner_record(home: Home) -> dict[str, Any]:
    """What the last owner wrote into its lock file: `pid`, and `socket` once it answers. Empty where there is nothing to read."""
    try:
        record = json.loads(home.lock.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


class OwnerLock:
    """Held from construction to `release`. Raises OwnerBusy at once, naming the holder's pid, where another process has it."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._descriptor = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            pid = owner_record(home).get("pid")
            raise OwnerBusy(
                f"The home {home.path} is in use by process {pid or 'unknown'}: ask that process, or stop it first.", pid=pid
            ) from None
        self.record(pid=os.getpid())

    def record(self, **facts: Any) -> None:
        """Replace what the lock file says."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(facts).encode() + b"\n", 0)

    def release(self) -> None:
        """Give the home back; a second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
