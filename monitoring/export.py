"""Tables out: Parquet, CSV and JSON files that hold exactly the numbers of the table."""

from __future__ import annotations

__all__ = ["FORMATS", "write_table"]

import math
import secrets
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from monitoring.errors import InputError, nearest
from monitoring.moments import iso
from monitoring.plain import jsonable

_ROWS = 20_000  # rows turned into Python values at a time: bounds the memory of an export, not its content
_QUOTED = frozenset(',"\r\n')


def write_table(table: pa.Table, path: Path, *, format: str) -> dict[str, Any]:  # noqa: A002 – the word of the command line
    """Write `table` to `path` in one step – a reader never sees half a file – and return `{"path", "rows", "format"}`.

    `parquet` keeps the types. `csv` (RFC 4180, header, `\\n`): floats in the shortest form that reads back equal, times
    as ISO 8601 with `Z`, null as nothing and the empty string as `""`. `json`: a list of objects, null where missing, and
    the words `NaN`, `Infinity`, `-Infinity` for what JSON has no number for. Raises `InputError` for an unknown format
    and a folder that is not there.
    """
    writer = FORMATS.get(format)
    if writer is None:
        raise InputError(f'The format "{format}" is not known: {nearest(format, FORMATS)}')
    folder = path.absolute().parent
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: create it first, or choose another path.")
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a file in it.")
    try:
        _in_one_step(table, path.absolute(), writer)
    except OSError as error:
        raise InputError(f"{path} could not be written ({error.strerror or error}): free the disk or choose another path.") from None
    return {"path": str(path), "rows": table.num_rows, "format": format}


def _in_one_step(table: pa.Table, path: Path, writer: Callable[[pa.Table, IO[bytes]], None]) -> None:
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as stream:
            writer(table, stream)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _parquet(table: pa.Table, stream: IO[bytes]) -> None:
    pq.write_table(table, stream, compression="zstd")


def _csv(table: pa.Table, stream: IO[bytes]) -> None:
    stream.write((",".join(_quoted(name) for name in table.column_names) + "\n").encode())
    for columns in _batches(table):
        cells = [[_cell(value) for value in column] for column in columns]
        lines = [",".join(row) for row in zip(*cells, strict=True)]
        stream.write(("\n".join(lines) + "\n").encode("utf-8", "replace"))


def _json(table: pa.Table, stream: IO[bytes]) -> None:
    names, comma = table.column_names, b"[\n"
    for columns in _batches(table):
        for row in zip(*columns, strict=True):
            stream.write(comma + orjson.dumps(dict(zip(names, map(_json_value, row), strict=True))))
            comma = b",\n"
    stream.write(b"[]\n" if comma == b"[\n" else b"\n]\n")


FORMATS: dict[str, Callable[[pa.Table, IO[bytes]], None]] = {"csv": _csv, "json": _json, "parquet": _parquet}


def _batches(table: pa.Table) -> Iterator[list[list[Any]]]:
    """The table's columns as lists of Python values, `_ROWS` rows at a time."""
    for start in range(0, table.num_rows, _ROWS):
        part = table.slice(start, _ROWS)
        yield [column.to_pylist() for column in part.columns]


def _cell(value: Any) -> str:
    """One value as CSV text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, int):
        return str(value)
    return _quoted(orjson.dumps(jsonable(value)).decode() if isinstance(value, dict | list | tuple) else str(jsonable(value)))


def _quoted(text: str) -> str:
    if text and not _QUOTED.intersection(text) and text == text.strip():
        return text
    return '"' + text.replace('"', '""') + '"'


def _time(value: datetime) -> str:
    """ISO 8601; with `Z` where the column has a zone."""
    return iso(value) if value.tzinfo is not None else value.isoformat()


def _json_value(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else jsonable(value)
    if isinstance(value, datetime):
        return _time(value)
    return jsonable(value) if isinstance(value, dict | list | tuple | timedelta | date | bytes) else value
