"""The spool: a folder of segments, each written by one process and read by the owner. The durable half of the log.

`<host>-<pid>-<start ns, hex>-<random>-<sequence>.seg.jsonl`: a header line, records, and an `end` line where the writer closed it.
A writer holds `flock` on the segment it writes; a segment without `end` that nobody holds was left by a process that died.
A file whose name starts with a dot is a segment being born: it gets its name once it is locked and has its header.
"""

from __future__ import annotations

__all__ = [
    "DURABILITIES", "WHEN_FULL", "Counts", "Limits", "Line", "SegmentWriter", "Spool", "count_lines", "is_live", "open_spool",
    "read_segment", "segments", "strangers",
]  # fmt: skip

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from storage._counts import Counts, Limits
from storage._queue import QueuedWriter
from storage._segment_reader import Line, count_lines, is_live, read_segment, segments, strangers
from storage._segment_writer import SegmentWriter

DURABILITIES = ("memory", "process", "disk")
# What becomes of a record for which there is no room: it is refused; fewer are offered from half full on, by who asks `halvings`; the call
# waits up to `Limits.patience`; or, in a queue, the oldest gives way.
WHEN_FULL = ("drop_new", "sample", "block", "drop_oldest")


class Spool(Protocol):
    """Where a logger puts its records. Thread-safe and fork-safe; raises nothing that the disk does."""

    @property
    def halvings(self) -> int:
        """How often the share of records to keep should be halved, so full is the spool: 0 up to half, 1 up to three quarters …"""

    def append(self, kind: str, body: bytes, now: int = 0) -> str | None:
        """Write one record; None once it is safe at the chosen durability, else the reason for which it was refused (and counted).

        `now` is the time in UTC µs where the caller has just asked for it.
        """

    def extend(self, kind: str, bodies: Sequence[bytes]) -> tuple[int, str | None]:
        """Write many records in few writes: how many of the first are safe, and why the rest are not."""

    def refuse(self, reason: str, count: int = 1) -> None:
        """Count records that were refused before they reached the spool."""

    def leave_out(self, count: int = 1) -> None:
        """Count records that sampling left out before they reached the spool."""

    def counts(self) -> Counts:
        """What this process has written and refused so far."""

    def flush(self) -> None:
        """Hand everything accepted so far to the kernel, and then to the disk."""

    def close(self) -> None:
        """Flush and end the segment; what comes later is refused. Closing twice is harmless."""


def open_spool(
    folder: Path,
    *,
    durability: str = "process",
    preamble: Sequence[tuple[str, bytes]] = (),
    about: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    drop_oldest: bool = False,
) -> Spool:
    """A spool at one of the three durabilities.

    `memory`: queued, lost with the process; `process`: written, survives the process's death, and synced every second; `disk`: synced
    before the call returns, survives power loss. `preamble` is written once per process, before its first record; `about` is added to
    the counters that are written now and then. `drop_oldest` is for `memory` alone: elsewhere it would drop what is promised.
    """
    limits = limits or Limits()
    writer = SegmentWriter(folder, sync=durability == "disk", preamble=preamble, about=about or {}, limits=limits)
    return QueuedWriter(writer, drop_oldest=drop_oldest, patience=limits.patience) if durability == "memory" else writer
