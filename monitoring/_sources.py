"""Rows from wherever they are – a frame, a file, an iterable – as chunks of columns, streamed. Heavy imports only where they are needed."""

from __future__ import annotations

__all__ = ["Chunk", "chunks_of"]

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    """Some rows, by column: Arrow arrays, or lists of Python values. `first` is the number of the first row, counted from 1.

    `textual`: the values are text because the file has no types. `bad`: rows (from 0 in the chunk) that could not be read, and why.
    """

    first: int
    rows: int
    columns: Mapping[str, Any]
    textual: bool = False
    bad: Mapping[int, str] = field(default_factory=dict)


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

        try:
            reader = pa.RecordBatchReader.from_stream(frame)
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # columns of mixed Python objects: take the objects
            if not hasattr(frame, "to_dict"):
                raise
            reader = None
        if reader is not None:
            yield from _of_batches(reader)
    if reader is None:
        _refuse_doubles([str(name) for name in frame.columns])
        for start in range(0, len(frame), ROWS):
            part = frame.iloc[start : start + ROWS]
            yield Chunk(start + 1, len(part), {str(name): part[name].tolist() for name in frame.columns})


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
            odd.append(row.number or 0)
            return "skip"

        parsing = pc.ParseOptions(newlines_in_values=True, invalid_row_handler=skip)
        reading = pc.ReadOptions(use_threads=False)
        with pc.open_csv(path, reading, parsing, options) as reader:
            last = 1
            for chunk in _of_batches(reader, textual=True):
                yield chunk
                last = chunk.first + chunk.rows
        if odd:
            yield Chunk(last, len(odd), {}, True, dict.fromkeys(range(len(odd)), "row has another number of fields than the header"))


def _json_lines(path: Path) -> Iterator[Chunk]:
    with _readable(path.name), path.open("rb") as file:
        yield from _of_rows(_lines(file))


def _lines(file: Any) -> Iterator[Any]:
    while line := file.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and line[-1:] != b"\n":
            while (more := file.readline(_LONGEST_LINE)) and more[-1:] != b"\n":
                pass
            yield "line too long"
        elif line.strip():
            try:
                yield orjson.loads(line)
            except orjson.JSONDecodeError:
                yield "line is not valid JSON"


def _of_batches(batches: Iterable[pa.RecordBatch], *, names: list[str] | None = None, textual: bool = False) -> Iterator[Chunk]:
    first = 1
    for batch in batches:
        names = names or batch.schema.names
        _refuse_doubles(names)
        for start in range(0, batch.num_rows, ROWS):
            part = batch.slice(start, ROWS)
            yield Chunk(first, part.num_rows, dict(zip(part.schema.names, part.columns, strict=True)), textual)
            first += part.num_rows


def _of_rows(rows: Iterable[Any]) -> Iterator[Chunk]:
    first, stream = 1, iter(rows)
    while True:
        part = _taken(stream)
        if not part:
            return
        bad: dict[int, str] = {}
        for place, row in enumerate(part):
            if not isinstance(row, Mapping):
                bad[place] = row if isinstance(row, str) and row.startswith("line ") else "row is not a mapping"
        good = [{} if place in bad else row for place, row in enumerate(part)]
        names = dict.fromkeys(name for row in good for name in row)
        yield Chunk(first, len(part), {name: [row.get(name) for row in good] for name in names if isinstance(name, str)}, bad=bad)
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
