"""What the collector hands to the store – records one by one, or grouped – and what it gets back."""

from __future__ import annotations

__all__ = ["Counts", "Entry", "Placed", "Refusal"]

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from storage.store._groups import Group


class Entry(NamedTuple):
    """One good frame: its record, and where it stood."""

    segment_id: int
    position: int
    record: dict[str, Any]


class Placed(NamedTuple):
    """A group of good frames, and the segment in which they stood."""

    segment_id: int
    group: Group

    def entries(self) -> list[Entry]:
        """The same, one by one."""
        return [Entry(self.segment_id, line.offset, line.record) for line in self.group.lines() if line.record is not None]


class Refusal(NamedTuple):
    """A record that cannot be used, and why."""

    entry: Entry
    reason: str


@dataclass(slots=True)
class Counts:
    """What became of a batch, in rows."""

    ingested: int = 0
    duplicates: int = 0
    refused: list[Refusal] = field(default_factory=list)
