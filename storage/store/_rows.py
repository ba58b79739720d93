"""Logged records as columns of plain values, whether they came one by one or in groups. Pure."""

from __future__ import annotations

__all__ = ["Rows", "Values", "events", "rows_of"]

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from storage.store._values import Values, listed

if TYPE_CHECKING:
    from storage.store._entries import Entry, Placed

_NOTHING: dict[str, Any] = {}


class Rows(Protocol):
    """Records of one kind and model, one per row; where they stood in the log as `segment_ids` and `positions`."""

    segment_ids: pa.Array
    positions: list[int]

    def column(self, key: str) -> Values:
        """What the records have under a key of their own; None where they have nothing."""

    def named(self, name: str) -> Values:
        """The values of a feature, or of another column where no feature has that name, or a row's is missing."""

    def unknown(self, known: set[str]) -> Iterator[tuple[int, str, Any]]:
        """(row, name, value) of all features and other columns whose names are not among the known; of two of a name the feature last."""


def rows_of(entries: Sequence[Entry], groups: Sequence[Placed]) -> list[Rows]:
    """Both as rows."""
    found: list[Rows] = [_EntryRows(entries)] if entries else []
    return [*found, *map(_GroupRows, groups)]


def events(rows: Rows) -> Values:
    """When the records' events were, in UTC µs: when they were written, where they do not say."""
    said, written = rows.column("e"), rows.column("t")
    if isinstance(said, pa.Array):
        return pc.coalesce(said, written) if said.null_count else said
    return [at if event is None else event for event, at in zip(said, listed(written), strict=True)]


class _EntryRows:
    def __init__(self, entries: Sequence[Entry]) -> None:
        self.segment_ids = pa.array([entry.segment_id for entry in entries], pa.int32())
        self.positions = [entry.position for entry in entries]
        self._records = [entry.record for entry in entries]
        self._features = [record.get("f") or _NOTHING for record in self._records]
        self._others = [record.get("x") or _NOTHING for record in self._records]
        self._has_others = any(self._others)

    def column(self, key: str) -> Values:
        return [record.get(key) for record in self._records]

    def named(self, name: str) -> Values:
        values = [found.get(name) for found in self._features]
        return _first_of(values, [found.get(name) for found in self._others]) if self._has_others else values

    def unknown(self, known: set[str]) -> Iterator[tuple[int, str, Any]]:
        for row, both in enumerate(zip(self._others, self._features, strict=True)):
            for values in both:
                if not values.keys() <= known:
                    yield from ((row, name, value) for name, value in values.items() if name not in known)


class _GroupRows:
    def __init__(self, placed: Placed) -> None:
        self._group = placed.group
        self._nothing = [None] * len(placed.group.offsets)
        self.segment_ids = pa.repeat(pa.scalar(placed.segment_id, pa.int32()), len(placed.group.offsets))
        self.positions = placed.group.offsets

    def column(self, key: str) -> Values:
        return self._group.columns.get(key, self._nothing)

    def named(self, name: str) -> Values:
        first, second = self._group.features.get(name), self._group.others.get(name)
        if first is None or second is None:
            return next((values for values in (first, second) if values is not None), self._nothing)
        return _first_of(listed(first), listed(second))

    def unknown(self, known: set[str]) -> Iterator[tuple[int, str, Any]]:
        for columns in (self._group.others, self._group.features):
            for name, values in columns.items():
                if name not in known:
                    yield from ((row, name, value) for row, value in enumerate(listed(values)))


def _first_of(values: Sequence[Any], others: Sequence[Any]) -> Sequence[Any]:
    return [other if value is None else value for value, other in zip(values, others, strict=True)]
