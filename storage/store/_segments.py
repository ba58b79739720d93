"""How far each segment of the spool was read. Written in the same transaction as the rows, so that both hold or neither does."""

from __future__ import annotations

__all__ = ["Segment", "known", "last_id", "quarantine", "save"]

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields

import duckdb
import pyarrow as pa

from storage.store._database import ReadCursor, dicts

Cursor = duckdb.DuckDBPyConnection

_LONGEST_LINE = 2_000  # characters of a bad line that the table keeps; the whole of it is in the quarantine folder


@dataclass(slots=True)
class Segment:
    """One segment file: everything before byte `position` is in the tables or in quarantine. Counts are of lines.

    The columns of `ingest_offsets`, which migrations 0001 and 0002 describe.
    """

    segment_id: int
    segment: str
    position: int = 0
    last_n: int = -1
    lines: int = 0
    bad: int = 0
    lost: int = 0
    writer: str | None = None
    ended: bool = False
    state: str = "open"
    sequence: int | None = None
    accepted: int | None = None
    records: int = 0
    bad_records: int = 0
    strange: int = 0
    torn: int = 0
    settled: int = 0
    skewed: int = 0
    began: int | None = None
    counted: bool = True


_COLUMNS = tuple(field.name for field in fields(Segment))
_LIST = ", ".join(_COLUMNS)
_TYPES = {
    "segment": pa.string(), "writer": pa.string(), "state": pa.string(), "ended": pa.bool_(), "counted": pa.bool_(),
    "segment_id": pa.int32(), "sequence": pa.int32(),
}  # fmt: skip
_SCHEMA = pa.schema([(name, _TYPES.get(name, pa.int64())) for name in _COLUMNS])


def known(cursor: ReadCursor, names: Collection[str] | None = None) -> dict[str, Segment]:
    """What is known of the segments with these names, or of all; archived ones too: a name that comes back must not be read twice."""
    chosen = "" if names is None else "WHERE segment IN (SELECT unnest($names))"
    parameters = None if names is None else {"names": list(names)}
    return {row["segment"]: Segment(**row) for row in dicts(cursor, f"SELECT {_LIST} FROM ingest_offsets {chosen}", parameters)}  # noqa: S608 – constants


def last_id(cursor: ReadCursor) -> int:
    """The largest number that a segment has; 0 where there is none."""
    return int(dicts(cursor, "SELECT coalesce(max(segment_id), 0) AS last FROM ingest_offsets")[0]["last"])


def save(cursor: Cursor, segments: Sequence[Segment]) -> None:
    """Insert or replace the lines of some segments."""
    cursor.register("read_segments", pa.Table.from_pylist([asdict(segment) for segment in segments], _SCHEMA))
    try:
        cursor.execute("DELETE FROM ingest_offsets WHERE segment_id IN (SELECT segment_id FROM read_segments)")
        cursor.execute(f"INSERT INTO ingest_offsets ({_LIST}, updated_at) SELECT {_LIST}, now() FROM read_segments")  # noqa: S608 – constants
    finally:
        with suppress(duckdb.Error):  # of a transaction that failed: the caller raises why
            cursor.unregister("read_segments")


def quarantine(cursor: Cursor, segment: str, position: int, *, model: str | None, reason: str, line: str) -> None:
    """Note a line or row that cannot be used."""
    cursor.execute("INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, now())", [segment, position, model, reason, line[:_LONGEST_LINE]])
