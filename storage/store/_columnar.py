"""Records of one shape as columns without an object for each value: DuckDB's JSON reader makes them, and what it leaves open is proved.

That reader is lenient: text that says a number passes for one, true passes for 1, a name that was not asked for is dropped, and so is a
comma too many. So names of text are read as raw JSON, which keeps its quotes, and then all quotes are counted: with those of the names and
of the text that was found, none may be left over. Words, commas and the size of numbers are looked at in the same way, for all lines at
once. Whatever is not plainly so raises Doubt: `_groups` then reads the lines with `orjson`.

A whole number may come back as the double that equals it; `Group.exactly` reads it again where the difference shows.
"""

from __future__ import annotations

__all__ = ["Columns", "Doubt", "read"]

from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import duckdb
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

Values = Any  # a pyarrow.Array of float64, int64 or string, or a tuple of bools

_SAMPLE = 16  # records whose values say what type a name has
_WHOLE = {"v", "n", "t", "e"}  # a record's own keys that are whole numbers
_MAPPINGS = ("f", "x")
_EXACT = 2.0**53  # whole numbers below are exact in a double
_QUOTE, _COMMA, _COLON, _CLOSING, _SPACE, _T, _F = (np.uint8(ord(sign)) for sign in '",:} tf')
_BOOLS: Final = {"true": True, "false": False, None: None}


class Doubt(ValueError):  # noqa: N818  no fault: another way of reading decides
    """The lines are not plainly of one shape."""


class Columns(NamedTuple):
    """Values by a record's own keys, of its features and of its other columns; all of the same length."""

    own: dict[str, Values]
    features: dict[str, Values]
    others: dict[str, Values]


def read(bodies: Sequence[bytes]) -> Columns:
    """JSON objects – one or more, in bytes – as columns. Raises Doubt where `orjson` might tell them otherwise, or not at all."""
    shape = _shape(bodies)
    try:
        text = b"".join(bodies)
        ends = np.cumsum([0, *map(len, bodies)], dtype=np.int32)  # a block is far from 2 GiB
        lines = pa.StringArray.from_buffers(len(bodies), pa.py_buffer(ends), pa.py_buffer(text))
        lines.validate(full=True)  # refuses what is not UTF-8
        with _reader().cursor() as cursor:
            cursor.register("lines", pa.table({"line": lines}))
            asked = {"shape": orjson.dumps(shape).decode()}
            found = cursor.sql("SELECT json_transform_strict(line, $shape) AS found FROM lines", params=asked).to_arrow_table()
    except (duckdb.Error, pa.ArrowException) as error:
        raise Doubt(str(error)[:100]) from None
    own = _fields(found.column("found").combine_chunks())
    mappings = {key: _fields(own.pop(key)) if key in own else {} for key in _MAPPINGS}
    told = [cells for group in (own, *mappings.values()) for cells in group.values()]
    texts = [cells for cells in told if pa.types.is_string(cells.type)]
    bools, whole, strings = _told_apart(texts, {id(own[key]) for key in _WHOLE & own.keys()})
    names = [*shape, *(name for key in _MAPPINGS for name in shape.get(key, ()))]
    _prove_complete(text, quotes=2 * len(names) * len(bodies) + 2 * sum(map(_present, strings)))
    _prove_bools(text, sum(map(_present, bools)), names * len(bodies), strings)
    has_escapes = b"\\" in text
    ready = {id(cells): _as_bools(cells) for cells in bools} | {id(cells): _as_whole(cells) for cells in whole}
    ready |= {id(cells): _as_text(cells, has_escapes) for cells in strings}
    for cells in told:
        if id(cells) not in ready:
            ready[id(cells)] = _exact(cells)
    return Columns(*({name: ready[id(cells)] for name, cells in group.items()} for group in (own, mappings["f"], mappings["x"])))


@cache
def _reader() -> duckdb.DuckDBPyConnection:
    """A database of its own, without a file: what fails in it breaks off no transaction of ours."""
    return duckdb.connect(":memory:", config={"threads": 1, "memory_limit": "1GB", "enable_external_access": "false"})


def _shape(bodies: Sequence[bytes]) -> dict[str, Any]:
    """What DuckDB is to read each name as, by some of the records."""
    try:
        sample = [orjson.loads(body) for body in bodies[:: max(len(bodies) // _SAMPLE, 1)]]
    except orjson.JSONDecodeError:
        raise Doubt from None
    if not all(isinstance(record, dict) and record.keys() == sample[0].keys() for record in sample):
        raise Doubt
    own = {key: [record[key] for record in sample] for key in sample[0]}
    shape: dict[str, Any] = {key: "JSON" if key in _WHOLE else _type(values) for key, values in own.items() if key not in _MAPPINGS}
    for key in own.keys() & set(_MAPPINGS):
        first = own[key][0]
        if not isinstance(first, dict) or not first or not all(type(one) is dict and one.keys() == first.keys() for one in own[key]):
            raise Doubt
        shape[key] = {name: _type([one[name] for one in own[key]]) for name in first}
    return shape


def _type(values: Sequence[Any]) -> str:
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {str} or kinds == {bool}:
        return "JSON"
    if kinds <= {int, float}:
        return "DOUBLE"
    raise Doubt


def _fields(cells: pa.StructArray) -> dict[str, pa.Array]:
    """The columns of a mapping that no record lacks."""
    if cells.null_count:
        raise Doubt
    return {cells.type.field(place).name: cells.field(place) for place in range(cells.type.num_fields)}


def _told_apart(texts: Sequence[pa.Array], whole: set[int]) -> tuple[list[pa.Array], list[pa.Array], list[pa.Array]]:
    """Raw JSON that is bools throughout, that is to be whole numbers (by `id`), and that is strings throughout."""
    found: tuple[list[pa.Array], list[pa.Array], list[pa.Array]] = ([], [], [])
    for cells in texts:
        if id(cells) in whole:
            found[1].append(cells)
        elif pc.all(pc.starts_with(cells, '"')).as_py() is not False:
            found[2].append(cells)
        elif set(pc.unique(cells).to_pylist()) <= _BOOLS.keys():
            found[0].append(cells)
        else:
            raise Doubt
    return found


def _prove_complete(text: bytes, *, quotes: int) -> None:
    """Raises Doubt unless the lines have so many quotes beside those inside of strings, and no comma too many.

    Then what was found is all there is: a name that was dropped, and a string that was read as a number, would have had quotes of its own.
    """
    signs = np.frombuffer(text, np.uint8)
    escaped = text.replace(b"\\\\", b"").count(b'\\"') if b"\\" in text else 0
    if np.count_nonzero(signs == _QUOTE) - escaped != quotes:
        raise Doubt
    before = signs[np.flatnonzero(signs == _CLOSING) - 1]
    if np.any((before == _COMMA) | (before <= _SPACE)):
        raise Doubt


def _prove_bools(text: bytes, bools: int, names: Sequence[str], strings: Sequence[pa.Array]) -> None:
    """Raises Doubt unless the words true and false in the lines are those that were found: none was read as a number."""
    signs = np.frombuffer(text, np.uint8)
    begins = np.flatnonzero((signs == _T) | (signs == _F))
    before = signs[begins - 1]
    if not bools and not np.any((before <= _SPACE) | (before == _COLON) | (before == _COMMA)):  # no word begins with either letter
        return
    words = sum(map(text.count, (b"true", b"false")))
    if words == bools:
        return
    if b"\\" in text:  # an escape can hide a word
        raise Doubt
    said = "".join(names)
    inside = sum(map(said.count, ("true", "false")))
    inside += sum(pc.sum(pc.count_substring(cells, word)).as_py() or 0 for cells in strings for word in ("true", "false"))
    if words != bools + inside:
        raise Doubt


def _present(cells: pa.Array) -> int:
    return int(len(cells) - cells.null_count)


def _as_bools(cells: pa.Array) -> tuple[bool | None, ...]:
    return tuple([_BOOLS[word] for word in cells.to_pylist()])


def _as_whole(cells: pa.Array) -> pa.Array:
    try:
        return cells.cast(pa.int64())  # raw JSON of a fraction has a point or an exponent, and that of a string its quotes
    except pa.ArrowInvalid:
        raise Doubt from None


def _as_text(cells: pa.Array, has_escapes: bool) -> pa.Array:
    """Raw JSON strings as what they say."""
    if not has_escapes or not pc.any(pc.match_substring(cells, "\\")).as_py():
        return pc.ascii_trim(cells, '"')  # without escapes there are no quotes inside
    said = orjson.loads("[" + ",".join(["null" if one is None else one for one in cells.to_pylist()]) + "]")
    return pa.array(said, pa.string())


def _exact(cells: pa.Array) -> pa.Array:
    """Doubles that are finite and equal the number that was written, whole or not."""
    if pc.all(pc.less(pc.abs(cells), _EXACT)).as_py() is False:
        raise Doubt
    return cells
