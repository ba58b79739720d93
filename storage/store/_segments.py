"""How far each segment of the spool was read. Written in the same transaction as the rows, so that both hold or neither does."""

from __future__ import annotations

__all__ = ["Segment", "known", "quarantine", "save"]

from dataclasses import dataclass

import duckdb

from storage.store._database import dicts

Cursor = duckdb.DuckDBPyConnection

_LONGEST_LINE = 2_000  # characters of a bad line that the table keeps; the whole of it is in the quarantine folder


@dataclass(slots=True)
class Segment:
    """One segment file: everything before byte `position` is in the tables or in quarantine. Counts are of lines."""

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


def known(cursor: Cursor) -> dict[str, Segment]:
    """Every segment ever seen, by name; the archived ones too, because a name that comes back must not be read twice."""
    rows = dicts(
        cursor,
        "SELECT segment_id, segment, position, last_n, lines, bad, lost, writer, ended, state FROM ingest_offsets",
    )
    return {row["segment"]: Segment(**row) for row in rows}


def save(cursor: Cursor, segment: Segment) -> None:
    """Insert or replace a segment's line."""
    cursor.execute("DELETE FROM ingest_offsets WHERE segment_id = ?", [segment.segment_id])
    cursor.execute(
        "INSERT INTO ingest_offsets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, now())",
        [
            segment.segment_id, segment.segment, segment.position, segment.last_n, segment.lines,
            segment.bad, segment.lost, segment.writer, segment.ended, segment.state,
        ],
    )  # fmt: skip


def quarantine(cursor: Cursor, segment: str, position: int, *, model: str | None, reason: str, line: str) -> None:
    """Note a line or row that cannot be used."""
    cursor.execute("INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, now())", [segment, position, model, reason, line[:_LONGEST_LINE]])
