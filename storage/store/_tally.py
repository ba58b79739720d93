"""What the lines of a segment say of their writer's records. Pure.

A writer says now and then how many records it has accepted so far: in each segment's header (before this segment) and in its
counters. From the last such statement on its lines are counted, those that never came included: their numbers are missing.
"""

from __future__ import annotations

__all__ = ["count", "records_ahead"]

import re
from collections.abc import Collection, Sequence
from typing import Any

from storage.frames import BadFrame, decode
from storage.spool import Line
from storage.store._groups import Run
from storage.store._segments import Segment

RECORDS = ("pred", "label", "erased")
TORN = ("torn last line", "zero-filled tail")
SKEW = 300_000_000  # µs by which a clock may be off without a word
_KIND = re.compile(rb'^\{"c":".{8}","d":\{"v":1,"k":"([a-z]{3,6})",')
_NAME = re.compile(r"^(.+)-(\d{8})\.seg\.jsonl$")
_RECORD_HEADS = (b'{"v":1,"k":"pred', b'{"v":1,"k":"labe')
_HEAD = slice(20, 36)  # where a line says its version and kind


def count(segment: Segment, parts: Sequence[Line | Run], end: int, refused: Collection[int], now: int) -> None:
    """Count lines that were read in one go, in their order and up to `end`, onto what is known of their segment. `refused` are the
    offsets of lines that were read and cannot be used, `now` is when, in UTC µs."""
    _named(segment)
    for part in parts:
        if isinstance(part, Run):
            _count_run(segment, part)
        else:
            _count_one(segment, part, part.offset in refused)
    segment.position = end
    segment.lost = max(segment.last_n + 1 - segment.lines - segment.bad, 0)  # numbers that neither came nor were bad
    segment.skewed += _skewed(segment, parts, now)


def records_ahead(segment: Segment, content: bytes) -> int:
    """How many records stand in whole lines that were not read yet, good or not; `accepted` and `sequence` move on with them."""
    _named(segment)
    found = 0
    for raw in content.splitlines(keepends=True):
        if raw[_HEAD] in _RECORD_HEADS:
            record: dict[str, Any] = {"k": "pred"}
        else:
            try:
                record = decode(raw)
            except BadFrame:
                continue
        found += record["k"] in RECORDS
        if not _stated(segment, record) and record["k"] in RECORDS and segment.accepted is not None:
            segment.accepted += 1
    return found


def _named(segment: Segment) -> None:
    """What the name says, until a header says it."""
    if segment.writer is None:
        name = _NAME.match(segment.segment)
        segment.writer, segment.sequence = (name[1], int(name[2])) if name else (segment.segment, None)
        if segment.sequence == 0:
            segment.accepted = 0


def _count_run(segment: Segment, run: Run) -> None:
    """Good predictions and labels, numbered without a gap: at once, where no gap is before them either."""
    size = len(run.times)
    if segment.settled or run.first != segment.last_n + 1:
        for number in range(run.first, run.first + size):
            _count_one(segment, Line(0, 0, {"k": "pred", "n": number}, b"", None), refused=False)
        return
    segment.lines += size
    segment.records += size
    segment.last_n += size
    if segment.accepted is not None:
        segment.accepted += size


def _count_one(segment: Segment, line: Line, refused: bool) -> None:
    if line.record is None:
        segment.bad += 1
        _count_unreadable(segment, line)
        return
    kind = line.record["k"]
    segment.bad += refused
    segment.lines += not refused
    missing = _missing_before(segment, line.record)
    if kind == "hdr":
        segment.began = _whole(line.record.get("t"))
    if kind == "end":
        segment.ended = True
    if kind in RECORDS:
        segment.bad_records += refused
        segment.records += not refused  # one whose subject was erased since was taken in, too
    if not _stated(segment, line.record) and segment.accepted is not None:
        segment.accepted += missing + (kind in RECORDS)


def _count_unreadable(segment: Segment, line: Line) -> None:
    """A line without a record: its head may still say what it was."""
    if line.reason in TORN:
        segment.torn += 1  # never acknowledged
        return
    kind = _KIND.match(line.raw)
    if kind is None:
        segment.strange += 1  # a gap in the numbers will tell whether it was the writer's
        return
    segment.settled += 1
    if kind[1].decode() in RECORDS:
        segment.bad_records += 1
        if segment.accepted is not None:
            segment.accepted += 1


def _missing_before(segment: Segment, record: dict[str, Any]) -> int:
    """Lines between the last good one and this one that are not accounted for yet."""
    number = _whole(record.get("n"))
    if number is None or number <= segment.last_n:
        return 0
    missing = max(number - segment.last_n - 1 - segment.settled, 0)
    segment.last_n, segment.settled = number, 0
    return missing


def _stated(segment: Segment, record: dict[str, Any]) -> bool:
    """Take over what the writer itself says of its records; False where this line says nothing of them."""
    if record["k"] == "hdr":
        segment.writer, segment.sequence = str(record.get("writer") or segment.writer), _whole(record.get("seq"), segment.sequence)
    said = _whole(record.get({"hdr": "acc", "stat": "accepted"}.get(record["k"], "")))
    if said is None or (record["k"] == "stat" and record.get("writer", segment.writer) != segment.writer):
        return False
    segment.accepted = said
    return True


def _skewed(segment: Segment, parts: Sequence[Line | Run], now: int) -> int:
    """Lines written more than 5 minutes after now, or before their own segment began: the clock was wrong, or was set."""
    latest, earliest = now + SKEW, (segment.began or 0) - SKEW
    skewed = 0
    for part in parts:
        if isinstance(part, Run):
            if max(part.times) > latest or min(part.times) < earliest:
                skewed += sum(time >= 0 and not earliest <= time <= latest for time in part.times)
        elif part.record is not None and (time := _whole(part.record.get("t"))) is not None:
            skewed += not earliest <= time <= latest
    return skewed


def _whole(value: Any, default: int | None = None) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 62 else default
