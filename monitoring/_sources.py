"""Rows from wherever they are – a frame, a file, an iterable – as chunks of columns, streamed. Heavy imports only where they are needed."""

from __future__ import annotations

__all__ = ["Chunk", "chunks_of"]

import json
import os
from codecs import BOM_UTF8
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from monitoring.errors import InputError, NotFound, nearest
from monitoring.schema.reading import one_line

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 8_192  # of one chunk: a few megabytes as Python objects
_ENDINGS = (".csv", ".jsonl", ".ndjson", ".parquet")
_LONGEST_LINE = 1 << 20  # bytes of one JSON line; a record may have a quarter of it


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows, by column: Arrow arrays, or lists of Python values. `numbers` are the rows' own in the source, counted from 1.

    `textual`: the values are text because the file has no types. `bad`: rows (from 0 in the chunk) that could not be read, and why.
    """

    numbers: Sequence[int]
    columns: Mapping[str, Any]
    textual: bool = False
    bad: Mapping[int, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.numbers)


def chunks_of(source: Any) -> Iterator[Chunk]:
    """The rows of a path (.parquet, .csv, .jsonl), of anything with `__arrow_c_stream__`, or of an iterable of mappings.

    Raises InputError for what is none of these or cannot be read, NotFound for a file that is not there.
    """
    if isinstance(source, str | os.PathLike):
        return _of_file(Path(source))
    if hasattr(source, "__arrow_c_stream__"):
        return _of_frame(source)
    if hasattr(source, "collect") and hasattr(source, "lazy"):
        raise InputError("A lazy frame has no rows yet; give it as frame.collect().")
    if isinstance(source, Iterable) and not isinstance(source, Mapping | bytes | bytearray):
        return _of_rows(source)
    raise InputError(f"Rows cannot be read from a {type(source).__name__}; give a frame, the path of a file, or an iterable of mappings.")


def _of_file(path: Path) -> Iterator[Chunk]:
    readers = {".parquet": _parquet, ".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines}
    try:
        there = path.is_file()
    except (OSError, ValueError):
        there = False
    if not there:
        raise NotFound(f"{one_line(path.name)[1:-1]} is not a file; give the path of a Parquet, CSV or JSON Lines file.")
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f'{one_line(path.name)[1:-1]} ends in {one_line(path.suffix)}; {nearest(path.suffix.lower(), _ENDINGS)}')
    return reader(path)


def _of_frame(frame: Any) -> Iterator[Chunk]:
    with _readable("The frame"):
        import pyarrow as pa

        is_pandas = hasattr(frame, "set_axis") and hasattr(frame, "columns")
        if is_pandas:
            frame = _without_index(frame)
        try:
            reader = pa.RecordBatchReader.from_stream(frame)
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # columns of mixed Python objects: take the objects
            if not is_pandas:
                raise
            reader = None
        if reader is not None:
            yield from _of_batches(reader)
    if reader is None:
        for start in range(0, len(frame), ROWS):
            part = frame.iloc[start : start + ROWS]
            yield Chunk(range(start + 1, start + 1 + len(part)), {name: part[name].tolist() for name in frame.columns})


def _without_index(frame: Any) -> Any:
    """A pandas frame whose columns are called by texts, and whose index is one of them if it has a name. One without a name counts rows:
    it is no feature."""
    names = [str(name) for name in frame.columns]
    _refuse_doubles(names)
    if names != list(frame.columns):
        frame = frame.set_axis(names, axis=1)
    counting = [level for level, name in enumerate(frame.index.names) if name is None or str(name) in names]
    if len(counting) < frame.index.nlevels:
        return frame.reset_index(level=counting, drop=True).reset_index().rename(columns=str)
    return frame.reset_index(drop=True)


def _parquet(path: Path) -> Iterator[Chunk]:
    with _readable(path.name):
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            yield from _of_batches(file.iter_batches(batch_size=ROWS), names=file.schema_arrow.names)


def _csv(path: Path) -> Iterator[Chunk]:
    """All columns as text: types are the schema's affair, and one bad value must not cost the file."""
    with _readable(path.name):
        import csv

        import pyarrow as pa
        import pyarrow.csv as pc

        with path.open(encoding="utf-8-sig", newline="") as file:
            names = next(csv.reader(file), [])
        _refuse_doubles(names)
        options = pc.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
        )
        odd: list[int] = []

        def skip(row: Any) -> str:
            odd.append((row.number or 1) - 1)  # counted from 1, with the header
            return "skip"

        parsing = pc.ParseOptions(newlines_in_values=True, invalid_row_handler=skip)
        reading = pc.ReadOptions(use_threads=False)
        with pc.open_csv(path, reading, parsing, options) as reader:
            yield from _of_batches(reader, textual=True, missing=odd)
        if odd:
            yield Chunk(odd, {}, True, dict.fromkeys(range(len(odd)), "row has another number of fields than the header"))


def _json_lines(path: Path) -> Iterator[Chunk]:
    with _readable(path.name), path.open("rb") as file:
        yield from _of_rows(_lines(file))


class _Unreadable(NamedTuple):
    """A line without a value."""

    reason: str


def _lines(file: Any) -> Iterator[Any]:
    if file.read(len(BOM_UTF8)) != BOM_UTF8:
        file.seek(0)
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and line[-1:] != b"\n":
            while (more := file.readline(_LONGEST_LINE)) and more[-1:] != b"\n":
                pass
            yield _Unreadable("line too long")
        elif line.strip():
            yield _value(line)


def _value(line: bytes) -> Any:
    """The value of a line. NaN and Infinity are no JSON, but Python writes them, and they are not missing."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return _Unreadable("line is not valid JSON")


def _of_batches(
    batches: Iterable[pa.RecordBatch], *, names: list[str] | None = None, textual: bool = False, missing: Collection[int] = ()
) -> Iterator[Chunk]:
    """Record batches as chunks; `missing` are the numbers of rows that came in none, as far as they were read."""
    first = 1
    for batch in batches:
        names = names or batch.schema.names
        _refuse_doubles(names)
        for start in range(0, batch.num_rows, ROWS):
            part = batch.slice(start, ROWS)
            numbers = _numbers(first, part.num_rows, missing)
            yield Chunk(numbers, dict(zip(part.schema.names, part.columns, strict=True)), textual)
            first = numbers[-1] + 1


def _numbers(first: int, rows: int, missing: Collection[int]) -> Sequence[int]:
    if not missing:
        return range(first, first + rows)
    gaps = set(missing)
    return list(islice((number for number in count(first) if number not in gaps), rows))


def _of_rows(rows: Iterable[Any]) -> Iterator[Chunk]:
    first, stream = 1, iter(rows)
    while True:
        part = _taken(stream)
        if not part:
            return
        bad: dict[int, str] = {}
        for place, row in enumerate(part):
            if not isinstance(row, Mapping):
                bad[place] = row.reason if isinstance(row, _Unreadable) else "row is not a mapping"
        good = [{} if place in bad else row for place, row in enumerate(part)]
        names = dict.fromkeys(name for row in good for name in row)
        numbers = range(first, first + len(part))
        yield Chunk(numbers, {name: [row.get(name) for row in good] for name in names if isinstance(name, str)}, bad=bad)
        first += len(part)


def _taken(stream: Iterator[Any]) -> list[Any]:
    try:
        return list(islice(stream, ROWS))
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"The rows stopped with {type(error).__name__}; what came before is logged, and may be logged again.") from error


def _refuse_doubles(names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"Two columns are called {one_line(name)}; rename one of them.")
        seen.add(name)


@contextmanager
def _readable(what: str) -> Iterator[None]:
    """Turn what a reader raises into one sentence."""
    try:
        yield
    except (InputError, NotFound):
        raise
    except ImportError as error:
        raise InputError(f"{what} needs {error.name or 'pyarrow'} to be read; pip install 'driftboard[files]'.") from None
    except (OSError, ValueError, TypeError, NotImplementedError) as error:  # Arrow's errors are among these
        said = one_line(" ".join(str(error).split())[:200])[1:-1]
        raise InputError(f"{one_line(what)[1:-1]} cannot be read ({said}); write it again, or give it in another form.") from None
