"""Lines of a segment, sorted: good predictions and ground truth of one shape together, as columns; all others one by one. Pure.

Most lines of a log are alike but for their values, and what is asked of each can be asked of all at once. Whatever is not plainly
good – a checksum, a number missing, a time, a type – sends the lines around it the slow way, which alone says what is wrong.
"""

from __future__ import annotations

__all__ = ["Group", "Run", "sort"]

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from storage._block import Block
from storage._segment_reader import Line, judged
from storage.frames import FORMAT, BadFrame
from storage.store import _columnar
from storage.store._judging import are_usable, are_usable_arrays

_FEWEST = 8  # of one shape, below which columns cost more than they save
_KEPT = {"id", "t", "e", "p", "s", "lat", "w", "err", "nf", "y"}  # of a record's keys
_ARROW = {float: pa.float64(), int: pa.int64(), str: pa.string()}
_NOTHING: dict[str, Any] = {}
_Record = dict[str, Any]
Values = Any  # a pyarrow.Array or a tuple
_LAST_NUMBER = 1 << 62  # as far as lines are numbered
_Doubt = (orjson.JSONDecodeError, BadFrame, TypeError, KeyError)
_FEWEST_READ = 256  # lines that look alike, below which asking DuckDB costs more than it saves
_KIND = 32  # where in a line its kind begins
_QUOTE, _BACKSLASH = (np.uint8(ord(sign)) for sign in '"\\')
_TOGETHER = 400  # lines of which objects are made at once, so that these stay in the processor's cache


class Run(NamedTuple):
    """Good predictions and labels that stand one after the other, numbered so from `first` on; `times` of writing in UTC µs."""

    first: int
    times: list[int]


@dataclass(frozen=True, slots=True)
class Group:
    """Good records of one kind, model, version and shape: `columns` by the records' keys, those of their mappings f and x apart.

    A column of one type is an Arrow array of it (float64, int64, string), any other a tuple. `places` are those of the lines in the block.
    Where numbers are not `told`, doubles may stand for whole numbers that equal them.
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
    told: bool = True

    def exactly(self) -> list[Group]:
        """The same with whole numbers and others told apart."""
        if self.told:
            return [self]
        payloads = self.block.payloads()
        assert payloads is not None  # as before
        records = [orjson.loads(payloads[1][place]) for place in self.places]
        found = [_group(self.block, self.offsets, records, places) for places in _alike(records)]
        return [replace(group, places=[self.places[place] for place in group.places]) for group in found if group is not None]

    def lines(self) -> list[Line]:
        """The lines, each judged by itself."""
        lines = self.block.lines()
        return [lines[place] for place in self.places]


def sort(block: Block) -> tuple[list[Run | Line], list[Group]]:
    """The lines in their order, as runs of those that are in a group and as lines of the others; and the groups."""
    try:
        return _read(block)
    except (_columnar.Doubt, *_Doubt):
        pass
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


class _Lines:
    """The lines of a block whose checksums match: their payloads, and what was found of each so far."""

    def __init__(self, block: Block) -> None:
        """Raises BadFrame where a checksum does not match."""
        payloads = block.payloads()
        if payloads is None:
            raise BadFrame("one of many")
        self.block, (self.offsets, self.bodies) = block, payloads
        self.groups: list[Group] = []
        self._numbers: list[Any] = [None] * len(self.bodies)  # by which a line is counted, and
        self._times: list[Any] = [None] * len(self.bodies)  # when it was written; of those in a group
        self._others: dict[int, Line] = {}

    def join(self, records: Sequence[_Record], places: Sequence[int]) -> None:
        """Make groups of the records in these places, and lines of those that are in none. Raises one of `_Doubt`."""
        for alike in _alike(records):
            chosen = [places[place] for place in alike]
            group = _group(self.block, [self.offsets[place] for place in places], records, alike) if len(alike) >= _FEWEST else None
            if group is None:
                self._others |= {place: self._judged(place) for place in chosen}
                continue
            self.add(replace(group, places=chosen), [records[place]["n"] for place in alike], [records[place]["t"] for place in alike])

    def add(self, group: Group, numbers: Iterable[Any], times: Iterable[int]) -> None:
        """A group, the numbers of its lines and when they were written."""
        self.groups.append(group)
        for place, number, time in zip(group.places, numbers, times, strict=True):
            self._numbers[place], self._times[place] = number, time

    def parts(self) -> list[Run | Line]:
        """Runs between the lines that are in no group. Raises TypeError where a run is not numbered as it stands."""
        parts: list[Run | Line] = []
        start = 0
        for stop in [*sorted(self._others), len(self.bodies)]:
            if stop > start:
                parts.append(_run(self._numbers[start:stop], self._times[start:stop]))
            if stop < len(self.bodies):
                parts.append(self._others[stop])
            start = stop + 1
        return parts

    def _judged(self, place: int) -> Line:
        offset = self.offsets[place]
        end = self.offsets[place + 1] if place + 1 < len(self.offsets) else self.block.end
        return judged(offset, end, self.block.content[offset - self.block.offset : end - self.block.offset])


def _sorted(piece: Block) -> tuple[list[Run | Line], list[Group]]:
    """A piece, sorted. Raises one of `_Doubt` where any of it is odd: then all of it is judged line by line."""
    lines = _Lines(piece)
    lines.join(list(map(orjson.loads, lines.bodies)), range(len(lines.bodies)))
    return lines.parts(), lines.groups


def _read(block: Block) -> tuple[list[Run | Line], list[Group]]:
    """A block, sorted, much of it without an object for each value. Raises `_columnar.Doubt` or one of `_Doubt` where that cannot be."""
    lines = _Lines(block)
    left: list[list[int]] = []
    for places in _outwardly_alike(block, lines.offsets):
        try:
            if len(places) < _FEWEST_READ:
                raise _columnar.Doubt
            group, numbers, times = _read_group(lines, places)
        except (_columnar.Doubt, KeyError):
            left.append(places)
        else:
            lines.add(group, numbers, times)
    if not lines.groups:
        raise _columnar.Doubt
    others = sorted(chain.from_iterable(left))
    for start in range(0, len(others), _TOGETHER):
        some = others[start : start + _TOGETHER]
        lines.join([orjson.loads(lines.bodies[place]) for place in some], some)
    return lines.parts(), sorted(lines.groups, key=lambda group: group.places[0])


def _outwardly_alike(block: Block, offsets: Sequence[int]) -> list[list[int]]:
    """The places of lines that are probably of one kind and shape: with one letter where the kind stands, and as many quotes.

    Text where others have a number, a name more and a note of what was NaN show in the number of quotes, and cost their own lines alone.
    """
    signs = np.frombuffer(block.content, np.uint8)
    starts = np.array(offsets) - block.offset
    quotes = signs == _QUOTE
    if b"\\" in block.content:
        quotes[1:] &= signs[:-1] != _BACKSLASH
    found = np.add.reduceat(quotes.view(np.uint8), starts, dtype=np.uint16)
    keys = found.astype(np.int64) * 256 + signs[np.minimum(starts + _KIND, len(signs) - 1)]
    return [np.flatnonzero(keys == key).tolist() for key in np.unique(keys)]


def _read_group(lines: _Lines, places: Sequence[int]) -> tuple[Group, list[int], list[int]]:
    """Lines as a group, with their numbers and when they were written. Raises `_columnar.Doubt` or KeyError where they are none."""
    own, features, others = _columnar.read([lines.bodies[place] for place in places])
    form, kind, model, version = (_the_one(own[key]) if key in own else None for key in ("v", "k", "m", "ver"))
    if form != FORMAT or kind not in ("pred", "label") or not isinstance(model, str) or not model or not isinstance(version, str | None):
        raise _columnar.Doubt
    if not are_usable_arrays(kind, own):
        raise _columnar.Doubt
    kept = {key: own[key] for key in own.keys() & _KEPT}
    offsets = [lines.offsets[place] for place in places]
    group = Group(kind, model, version or "", kept, features, others, offsets, lines.block, places, told=False)
    return group, own["n"].to_numpy().tolist(), own["t"].to_numpy().tolist()


def _the_one(cells: Values) -> Any:
    """What all of some cells are."""
    found = pc.unique(cells).to_pylist() if isinstance(cells, pa.Array) else []
    if len(found) != 1:
        raise _columnar.Doubt
    return found[0]


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


def _run(numbers: list[Any], times: list[int]) -> Run:
    first = numbers[0]
    if type(first) is not int or not 0 <= first < _LAST_NUMBER or numbers != list(range(first, first + len(numbers))):
        raise TypeError
    return Run(first, times)
