"""Which window a row is in, as SQL that one scan answers for every row: by comparing, not by a join that carries all columns along."""

from __future__ import annotations

__all__ = ["Slots", "layers", "parameters"]

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from storage.store._catalog import Model
from storage.store._database import ReadCursor
from storage.store._frames import Window
from storage.store._pruned import pruned_of
from storage.store._values import microseconds_of
from storage.store._window_columns import merged

_MOST = 64  # windows of a query: each is a comparison per row
_Edge = tuple[int, int, int]  # start, end, place among the windows given


@dataclass(frozen=True, slots=True)
class Slots:
    """Some windows that do not overlap. A query asks `FROM {rows}` for `window_place`, a number, and whatever else its rows have.

    Edges are numbers of this room's own (microseconds, or row numbers) and stand in the SQL; the rest are parameters.
    """

    edges: tuple[_Edge, ...]
    by_rows: bool

    def rows(self, model: Model, columns: str, condition: str) -> str:
        """SQL of the version's rows in these windows that meet a condition: `window_place` and `columns` (both of the table `p`)."""
        key = "row_number() OVER (ORDER BY p.t, p.written_at, p.n, p.id) - 1 + $pruned" if self.by_rows else "epoch_us(p.t)"
        slot = " + ".join(f"(key >= {start})::TINYINT" for start, _, _ in self.edges)
        ends, places = ([edge[part] for edge in self.edges] for part in (1, 2))
        return f"""(
            SELECT {places}[slot] AS window_place, * EXCLUDE (key, slot) FROM (SELECT *, {slot} AS slot FROM (
                SELECT {key} AS key, {columns} FROM {model.predictions} p
                WHERE p.version = $version AND ($before IS NULL OR p.t >= CAST($before AS TIMESTAMPTZ)) AND {condition} {self._bounds()}
            )) WHERE slot > 0 AND key < {ends}[slot]
        )"""  # noqa: S608 – surrogate names and numbers only

    def _bounds(self) -> str:
        """The stretches of time as conditions by which the database skips what lies outside; rows are numbered over all of them."""
        if self.by_rows:
            return ""
        stretches = merged([(start, end) for start, end, _ in self.edges])
        return "AND (" + " OR ".join(f"(p.t >= make_timestamptz({a}) AND p.t < make_timestamptz({b}))" for a, b in stretches) + ")"


def layers(windows: Sequence[Window], *, by_rows: bool | None = None) -> Iterator[Slots]:
    """The windows in as few `Slots` as may be; those of rows by their row numbers, or by time where `by_rows` is False."""
    for rows in (False, True):
        edges = sorted((*_edge(window, rows), place) for place, window in enumerate(windows)
                       if (window.rows is not None and by_rows is not False) == rows)  # fmt: skip
        found: list[list[_Edge]] = []
        for edge in edges:
            room = next((layer for layer in found if layer[-1][1] <= edge[0] and len(layer) < _MOST), None)
            if room is None:
                found.append([edge])
            else:
                room.append(edge)
        for layer in found:
            yield Slots(tuple(layer), rows)


def _edge(window: Window, by_rows: bool) -> tuple[int, int]:
    if by_rows:
        assert window.rows is not None
        return window.rows
    return microseconds_of(window.start), max(microseconds_of(window.start), microseconds_of(window.end))


def parameters(cursor: ReadCursor, model: Model, version: str) -> dict[str, Any]:
    """Of a query over `Slots.rows`: the version, and how many rows were pruned before when."""
    found = pruned_of(cursor, model.model_id, version)
    return {"version": version, "pruned": found["rows"] if found else 0, "before": found["before"] if found else None}
