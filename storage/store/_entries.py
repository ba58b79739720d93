"""What the collector hands to the store, and what it gets back."""

from __future__ import annotations

__all__ = ["Counts", "Entry", "Refusal"]

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Entry(NamedTuple):
    """One good frame: its record, and where it stood."""

    segment_id: int
    position: int
    record: dict[str, Any]


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
