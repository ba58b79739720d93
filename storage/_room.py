"""How much more a spool may hold: its own limit, and what the disk must keep free for everybody else."""

from __future__ import annotations

__all__ = ["FULL", "Room", "halvings_at", "room_in"]

import math
import os
from dataclasses import dataclass
from pathlib import Path

_LEAST_FREE = 256 << 20  # bytes that stay free on the disk, or
_LEAST_SHARE = 0.02  # this share of it, whichever is more
_MOST_HALVINGS = 10  # so that one record in 1024 is kept at the least
_SPOOL_FULL, _DISK_FULL = "spool full", "disk nearly full"
FULL = frozenset({_SPOOL_FULL, _DISK_FULL, "queue full"})  # reasons that pass once something is taken away


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes `left`, bytes `used`, and the `reason` why there are none left."""

    left: int
    used: int = 0
    reason: str = _SPOOL_FULL

    @property
    def full(self) -> str | None:
        """Why nothing more may be written; None where there is room."""
        return self.reason if self.left <= 0 else None

    @property
    def halvings(self) -> int:
        """How often the share of records to keep should be halved: once at half full, and again at each half of the rest."""
        return halvings_at(self.used, self.left)


def halvings_at(used: int, left: int) -> int:
    """0 while less than half is used, 1 up to three quarters, 2 up to seven eighths …"""
    if left <= 0:
        return _MOST_HALVINGS
    return min(int(math.log2((used + left) / left)), _MOST_HALVINGS)


def room_in(folder: Path, most: int, least_free: int | None = None) -> Room:
    """The room in a spool that may hold `most` bytes, on a disk that keeps `least_free` (default: 256 MiB or 2 %, the larger).

    Where the folder cannot be read the room is as if it were empty: what is wrong with it shows when a segment is opened.
    """
    used = 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    used += entry.stat(follow_symlinks=False).st_size
                except OSError:  # archived meanwhile
                    continue
        disk = os.statvfs(folder)
    except (OSError, ValueError):
        return Room(most)
    size = disk.f_blocks * disk.f_frsize
    reserve = max(_LEAST_FREE, int(size * _LEAST_SHARE)) if least_free is None else least_free
    on_disk = disk.f_bavail * disk.f_frsize - reserve if size else most  # some file systems tell no size
    return Room(on_disk, used, _DISK_FULL) if on_disk < most - used else Room(most - used, used)
