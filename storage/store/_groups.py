"""Lines of a segment, sorted: good predictions and ground truth of one shape together, as columns; all others one by one. Pure.

Most lines of a log are alike but for their values, and what is asked of each can be asked of all at once. Whatever is not plainly
good – a checksum, a number missing, a time, a type – sends the lines around it the slow way, which alone says what is wrong.
"""

from __future__ import annotations

__all__ = ["Group", "Run", "sort"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from storage._block import Block
from storage._segment_reader import Line, judged
from storage.frames import FORMAT, BadFrame, payloads
from storage.store._judging import are_usable

_FEWEST = 8  # of one shape, below which columns cost more than they save
_KEPT = {"id", "t", "e", "p", "s", "lat", "w", "err", "nf", "y"}  # of a record's keys
_ARROW = {float: pa.float64(), int: pa.int64(), str: pa.string()}
_NOTHING: dict[str, Any] = {}
_Record = dict[str, Any]
Values = Any  # a pyarrow.Array or a tuple
_LAST_NUMBER = 1 << 62  # as far as lines are numbered
_Doubt = (orjson.JSONDecodeError, BadFrame, TypeError, KeyError)


class Run(NamedTuple):
    """Good predictions and labels that stand one after the other, numbered so from `first` on; `times` of writing in UTC µs."""

    first: int
    times: list[int]


@dataclass(frozen=True, slots=True)
class Group:
    """Good records of one kind, model, version and shape: `columns` by the records' keys, those of their mappings f and x apart.

    A column of one type is an Arrow array of it (float64, int64, string), any other a tuple. `places` are those of the lines in the block.
    """

    kind: str
    model: str
    version: str
    columns: Mapping[str, Values]
    features: Mapping[str, Values]
    others: Mapping[str, Values]
    offsets: list[int]
    block: Block
    places: Sequence[int]

    def lines(self) -> list[Line]:
        """The lines, each judged by itself."""
        lines = self.block.lines()
        return [lines[place] for place in self.places]


def sort(block: Block) -> tuple[list[Run | Line], list[Group]]:
    """The lines in their order, as runs of those that are in a group and as lines of the others; and the groups."""
    parts: list[Run | Line] = []
    groups: list[Group] = []
    for piece in block.pieces():
        try:
            found, alike = _sorted(piece)
        except _Doubt:
            found, alike = list(piece.lines()), []
        parts += found
        groups += alike
    return parts, groups


def _sorted(piece: Block) -> tuple[list[Run | Line], list[Group]]:
    """A piece, sorted. Raises one of `_Doubt` where any of it is odd: then all of it is judged line by line."""
    raws = piece.raws()
    bodies = payloads(raws)
    if bodies is None:
        raise BadFrame("one of many")
    records: list[_Record] = list(map(orjson.loads, bodies))
    offsets = piece.offsets(raws)
    groups: list[Group] = []
    left: set[int] = set()
    for places in _alike(records):
        group = _group(piece, offsets, records, places) if len(places) >= _FEWEST else None
        if group is None:
            left.update(places)
        else:
            groups.append(group)
    others = {place: judged(offsets[place], offsets[place] + len(raws[place]) + 1, raws[place] + b"\n") for place in sorted(left)}
    return _in_order(records, others), groups


def _alike(records: Sequence[_Record]) -> list[Sequence[int]]:
    """The places of records that have the same keys, in the same order, and so do their mappings."""
    if set(map(type, records)) != {dict}:
        raise TypeError
    shapes: list[Any] = list(map(tuple, records))
    for key in {"f", "x"}.intersection(chain.from_iterable(set(shapes))):
        mappings = [record.get(key, _NOTHING) for record in records]
        if set(map(type, mappings)) != {dict}:
            raise TypeError
        shapes = [*zip(shapes, map(tuple, mappings), strict=True)]
    return _places(shapes)


def _places(shapes: Sequence[Any]) -> list[Sequence[int]]:
    if shapes.count(shapes[0]) == len(shapes):
        return [range(len(shapes))]
    places: dict[Any, list[int]] = {}
    for place, shape in enumerate(shapes):
        places.setdefault(shape, []).append(place)
    return list(places.values())


def _group(piece: Block, offsets: Sequence[int], records: Sequence[_Record], places: Sequence[int]) -> Group | None:
    """Records of one shape as columns; None where they are no predictions or labels, or not all of them are good."""
    chosen = records if len(places) == len(records) else [records[place] for place in places]
    columns = _columns(chosen)
    if not set(map(type, columns.get("ver", ()))) <= {str, type(None)}:  # 1, 1.0 and True are one and the same, and three versions
        return None
    heads = set(zip(columns["k"], columns["m"], columns.get("ver", columns["k"]), columns["v"], strict=True))
    if len(heads) != 1:
        return None
    ((kind, model, version, form),) = heads
    if form != FORMAT or kind not in ("pred", "label") or not are_usable(kind, columns):
        return None
    features, others = (_columns(columns.get(key, ())) for key in ("f", "x"))
    return Group(
        kind,
        model,
        str(version or "") if "ver" in columns else "",
        {key: _packed(columns[key]) for key in columns.keys() & _KEPT},
        {name: _packed(values) for name, values in features.items()},
        {name: _packed(values) for name, values in others.items()},
        [offsets[place] for place in places],
        piece,
        places,
    )


def _columns(mappings: Sequence[_Record]) -> dict[str, tuple[Any, ...]]:
    """Mappings with the same keys in the same order, by key."""
    if not mappings or not mappings[0]:
        return {}
    return dict(zip(mappings[0], zip(*[mapping.values() for mapping in mappings], strict=True), strict=True))


def _packed(values: tuple[Any, ...]) -> Values:
    """At once, while the values are at hand: later each of them would have to be fetched from memory again."""
    kinds = set(map(type, values))
    kinds.discard(type(None))
    kind = _ARROW.get(kinds.pop()) if len(kinds) == 1 else None
    try:
        return values if kind is None else pa.array(values, kind)
    except OverflowError:  # whole numbers of more than 64 bits
        return values


def _in_order(records: Sequence[_Record], others: Mapping[int, Line]) -> list[Run | Line]:
    """Runs between the lines that are in no group. Raises TypeError where a run is not numbered as it stands."""
    parts: list[Run | Line] = []
    start = 0
    for stop in [*others, len(records)]:
        if stop > start:
            parts.append(_run(records[start:stop]))
        if stop < len(records):
            parts.append(others[stop])
        start = stop + 1
    return parts


def _run(records: Sequence[_Record]) -> Run:
    numbers = [record["n"] for record in records]
    first = numbers[0]
    if type(first) is not int or not 0 <= first < _LAST_NUMBER or numbers != list(range(first, first + len(numbers))):
        raise TypeError
    return Run(first, [record["t"] for record in records])
