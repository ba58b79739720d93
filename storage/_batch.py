"""What the collector takes from segments for one transaction: lines, sorted; and one by one again where a transaction failed."""

from __future__ import annotations

__all__ = ["Batch", "Slice", "halves", "slice_of", "unwritten"]

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from storage._block import Block
from storage._segment_reader import Line
from storage.store._groups import Group, Run, sort


class Slice(NamedTuple):
    """Some lines of one segment up to byte `end`: in their order as `parts`, and as groups the lines of the runs among these."""

    segment: str
    end: int
    parts: Sequence[Line | Run]
    groups: Sequence[Group] = ()

    @property
    def lines(self) -> list[Line]:
        """The lines that are in no group."""
        return [part for part in self.parts if isinstance(part, Line)]

    @property
    def rows(self) -> int:
        """How many lines there are."""
        return sum(len(part.times) if isinstance(part, Run) else 1 for part in self.parts)

    def one_by_one(self) -> Slice:
        """The same with every line for itself."""
        lines = [*self.lines, *(line for group in self.groups for line in group.lines())]
        return slice_of(self.segment, sorted(lines, key=lambda line: line.offset))


Batch = list[Slice]


def slice_of(segment: str, lines: Sequence[Line], before: Block | None = None) -> Slice:
    """Lines that were read at once, and behind them lines that were read one by one; there is at least one."""
    parts, groups = sort(before) if before else ([], [])
    return Slice(segment, lines[-1].end if lines else before.end if before else 0, [*parts, *lines], groups)


def halves(batch: Batch) -> tuple[Batch, Batch]:
    """A batch of two lines or more, each for itself, cut in two."""
    if len(batch) > 1:
        return batch[: len(batch) // 2], batch[len(batch) // 2 :]
    lines = batch[0].lines
    middle = len(lines) // 2
    return [slice_of(batch[0].segment, lines[:middle])], [slice_of(batch[0].segment, lines[middle:])]


def unwritten(batch: Batch, positions: Mapping[str, int]) -> Batch:
    """What of a batch is not in the database, which holds each segment up to a position: every line for itself."""
    left = [(part.segment, [line for line in part.one_by_one().lines if line.offset >= positions.get(part.segment, 0)]) for part in batch]
    return [slice_of(segment, lines) for segment, lines in left if lines]
