"""One line of the log: a JSON object, its checksum, a newline.

    {"c":"<crc32 of the bytes of d, 8 hex digits>","d":{"v":1,"k":"pred","n":17,"t":1763800000000000,...}}\\n

The checksum covers the bytes of `d` as written, so a reader needs no canonical JSON, and a damaged line costs that line alone.
"""

from __future__ import annotations

__all__ = ["DATA", "FORMAT", "KINDS", "MAX_RECORD_BYTES", "MIDDLE", "START", "BadFrame", "compose", "decode", "encode"]

from collections.abc import Mapping
from typing import Any
from zlib import crc32

import orjson

FORMAT = 1
KINDS = frozenset({"hdr", "model", "pred", "label", "stat", "end", "erased"})
MAX_RECORD_BYTES = 256 * 1024  # one record must stay far below what a reader holds in memory at once

_HEADS = {kind: b'{"v":%d,"k":"%b","n":%%d,"t":%%d,' % (FORMAT, kind.encode()) for kind in KINDS}
START = b'{"c":"'
MIDDLE = b'","d":'
DATA = len(START) + 8 + len(MIDDLE)  # where `d` begins in a line


class BadFrame(ValueError):  # noqa: N818  it names a line, not a fault of the program
    """A line that is no good frame; `str` is the reason, as the quarantine shows it."""


def encode(record: Mapping[str, Any], *, length: int = 0) -> bytes:
    """The line of a whole record (`v`, `k`, `n`, `t` and the payload). Raises TypeError where orjson refuses a value.

    A line shorter than `length` bytes is filled up with spaces before its last brace, where JSON allows them.
    """
    payload = orjson.dumps(record)
    missing = length - len(_line(payload))
    return _line(payload[:-1] + b" " * missing + b"}" if missing > 0 else payload)


def compose(kind: str, number: int, written: int, body: bytes) -> bytes:
    """The line of `body`, the bytes of a JSON object that is not empty and lacks `v`, `k`, `n` and `t`: they are spliced in front.

    `number` is the record's place in its segment, `written` the time of writing in UTC µs.
    """
    payload = _HEADS[kind] % (number, written) + body[1:]
    return b'{"c":"%08x","d":' % crc32(payload) + payload + b"}\n"


def decode(line: bytes) -> dict[str, Any]:
    """The record of one line, with or without its newline. Raises BadFrame with the reason."""
    line = line.removesuffix(b"\n")
    if not (line.startswith(START) and line[DATA - len(MIDDLE):DATA] == MIDDLE and line.endswith(b"}")):
        raise BadFrame("blank line" if not line.strip() else "not a frame")
    payload = line[DATA:-1]
    if b"%08x" % crc32(payload) != line[len(START):len(START) + 8]:
        raise BadFrame("checksum does not match")
    try:
        record = orjson.loads(payload)
    except orjson.JSONDecodeError:
        raise BadFrame("not valid JSON") from None
    if not isinstance(record, dict):
        raise BadFrame("not a JSON object")
    if record.get("v") != FORMAT:
        raise BadFrame(f"unknown format version {str(record.get('v'))[:20]}")
    kind = record.get("k")
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadFrame(f"unknown kind of record {str(kind)[:20]}")
    return record


def _line(payload: bytes) -> bytes:
    return b'{"c":"%08x","d":%b}\n' % (crc32(payload), payload)
