"""What a writer has done, and how much it may do."""

from __future__ import annotations

__all__ = ["Counts", "Limits"]

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """What one process has done: records accepted, left out by sampling, and refused by reason; bytes and segments written.

    A record is a prediction or a ground truth; headers, counters and ends are none. `sync_failures` counts segments of which the disk
    did not confirm all: what was accepted in them survived the process, but may not survive a power loss.
    """

    accepted: int
    sampled_out: int
    refused: Mapping[str, int]
    bytes: int
    segments: int
    sync_failures: int = 0

    @property
    def offered(self) -> int:
        """Accepted, sampled out and refused together: every record that was handed over."""
        return self.accepted + self.sampled_out + sum(self.refused.values())

    def __add__(self, other: Counts) -> Counts:
        """Of two writers together."""
        refused = {reason: self.refused.get(reason, 0) + other.refused.get(reason, 0) for reason in (*self.refused, *other.refused)}
        sums = (getattr(self, name) + getattr(other, name) for name in ("bytes", "segments", "sync_failures"))
        return Counts(self.accepted + other.accepted, self.sampled_out + other.sampled_out, refused, *sums)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a spool takes. `max_spool_bytes` for all segments of all writers; `min_free_bytes` stay free on the disk (default: 256 MiB
    or 2 % of it, the larger); a call waits up to `patience` seconds for room; `allow_network_fs` trusts a network file system's locks."""

    max_spool_bytes: int = 1 << 30
    min_free_bytes: int | None = None
    patience: float = 0.0
    allow_network_fs: bool = False
