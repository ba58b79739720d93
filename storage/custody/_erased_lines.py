"""Lines of the log without the subject they were about, in the space that they took: offsets and numbering stay right. Pure."""

from __future__ import annotations

__all__ = ["Wanted", "edits", "spellings"]

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from storage._segment_reader import lines
from storage.frames import FORMAT, encode
from storage.store._values import text

_LONG = 4  # characters from which on a value is looked for in running text too; shorter ones only between quotes
_RECORDS = ("pred", "label")


@dataclass(slots=True)
class Wanted:
    """A subject: its column and the texts that stand for it there, and the ids of its predictions by model."""

    column: str
    values: frozenset[str]
    ids: dict[str, frozenset[str]] = field(default_factory=dict)
    is_id: dict[str, bool] = field(default_factory=dict)  # whether the column is that model's prediction id

    def is_about(self, record: Mapping[str, Any]) -> bool:
        """True for a prediction or a ground truth of the subject."""
        model = record.get("m")
        if record["k"] not in _RECORDS or not isinstance(model, str):
            return False
        if record.get("id") in self.ids.get(model, ()) or (self.is_id.get(model) and record.get("id") in self.values):
            return True
        return any(isinstance(part := record.get(key), dict) and text(part.get(self.column))[0] in self.values for key in ("f", "x"))

    def needles(self) -> list[bytes]:
        """What to look for where lines cannot be read."""
        return [needle for value in sorted(self.values) for needle in spellings(value)]


def spellings(value: str) -> list[bytes]:
    """A value as it may stand in a file: in JSON, with and without escapes, and – where it is long enough – as running text."""
    quoted = {json.dumps(value).encode(), orjson.dumps(value)}
    return sorted(quoted | ({value.encode()} if len(value) >= _LONG else set()))


def edits(content: bytes, wanted: Wanted, *, live: bool = False) -> Iterator[tuple[int, bytes, bool]]:
    """(offset, as many bytes as stand there, whether it was a record) for every line that is to be replaced.

    `live`: the segment's writer may still be at its last line.
    """
    needles = wanted.needles()
    for line in lines(io.BytesIO(content), live=live):
        length = line.end - line.offset
        if line.record is not None:
            if wanted.is_about(line.record):
                yield line.offset, _blank_record(line.record, length), True
        elif any(needle in content[line.offset : line.end] for needle in needles):
            ended = content[line.end - 1 : line.end] == b"\n"
            yield line.offset, b" " * (length - ended) + b"\n" * ended, False


def _blank_record(record: Mapping[str, Any], length: int) -> bytes:
    """An `erased` frame of exactly `length` bytes: what kind of record it was, its number and its times."""
    kept = {"v": FORMAT, "k": "erased", "n": record.get("n"), "t": record.get("t"), "of": record["k"]}
    more = {"m": record["m"], **({"ver": record.get("ver"), "e": record.get("e")} if record["k"] == "pred" else {})}
    for body in (kept | {key: value for key, value in more.items() if value is not None}, kept):
        line = encode(body, length=length)
        if len(line) == length:
            return line
    return b" " * (length - 1) + b"\n"  # a record shorter than its own bookkeeping: none that a logger writes is
