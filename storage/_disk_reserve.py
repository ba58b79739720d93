"""Whether the disk has room for a transaction and the checkpoint that may follow it."""

from __future__ import annotations

__all__ = ["RESERVE", "shortage"]

import os

from storage.home import Home

RESERVE = 512 << 20  # bytes to be free beside what a checkpoint may need; a full disk while DuckDB writes costs a reopening at best
_WAL_TIMES = 3  # a checkpoint writes what is in the write-ahead log anew, before it can let go of the log


def shortage(home: Home, reserve: int = RESERVE) -> str | None:
    """Why nothing should be written to the database now, or None where there is room. Looks at sizes, opens nothing."""
    folder = home.database.parent
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    try:
        log = home.database.with_name(f"{home.database.name}.wal").stat().st_size
    except FileNotFoundError:
        log = 0
    needed = max(reserve, _WAL_TIMES * log)
    if free >= needed:
        return None
    return (
        f"The disk of {folder} has {free >> 20} MiB free and {needed >> 20} MiB are wanted: nothing is taken into the database until "
        "there is room. Free some, or lower MONITORING_DISK_RESERVE_MB; loggers go on writing to the spool meanwhile."
    )
