"""Whole lines of a segment, read at once and judged later: many together where they are alike, else one by one."""

from __future__ import annotations

__all__ = ["Block", "read_block"]

import os
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np

from storage._segment_reader import LONGEST_LINE, Line, judged, open_plain
from storage.frames import DATA, MIDDLE, START

_HEAD = np.frombuffer(START + b"00000000" + MIDDLE, np.uint8)
_SUM = slice(len(START), len(START) + 8)  # where a line has its checksum, 8 digits of
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)
_SHIFTS = np.arange(28, -4, -4, dtype=np.uint32)  # of the number to get each of them last
_NEWLINE, _BRACE = (np.uint8(ord(sign)) for sign in "\n}")
_PIECE = 256 << 10  # bytes looked at together: few enough for their records to stay in the processor's cache


class Block(NamedTuple):
    """Lines that stand one after the other, each with its newline; `offset` is where the first one begins.

    `is_last` says that what came behind them in the segment was no whole line when they were read.
    """

    offset: int
    content: bytes
    is_last: bool = False

    @property
    def end(self) -> int:
        """Where the next line would begin."""
        return self.offset + len(self.content)

    def raws(self) -> list[bytes]:
        """The lines, without their newlines."""
        return self.content.split(b"\n")[:-1]

    def offsets(self, raws: list[bytes]) -> list[int]:
        """Where each of the lines begins."""
        ends = accumulate(map(len, raws), initial=self.offset)
        return [end + newlines for newlines, end in enumerate(ends)][:-1]

    def payloads(self) -> tuple[list[int], list[bytes]] | None:
        """Where each of the lines begins, and the bytes of its `d`; None where any is no frame or its checksum does not match."""
        signs = np.frombuffer(self.content, np.uint8)
        ends = np.flatnonzero(signs == _NEWLINE)
        starts = np.concatenate([[0], ends[:-1] + 1])
        if (ends - starts).min() <= DATA:
            return None
        found = [self.content[start:end] for start, end in zip((starts + DATA).tolist(), (ends - 1).tolist(), strict=True)]
        heads = np.tile(_HEAD, (len(found), 1))
        heads[:, _SUM] = _HEX[np.fromiter(map(crc32, found), np.uint32, len(found))[:, None] >> _SHIFTS & np.uint32(15)]
        if not np.array_equal(signs[starts[:, None] + np.arange(DATA)], heads) or np.any(signs[ends - 1] != _BRACE):
            return None
        return (starts + self.offset).tolist(), found

    def lines(self) -> list[Line]:
        """The lines, each judged by itself."""
        raws = self.raws()
        return [judged(offset, offset + len(raw) + 1, raw + b"\n") for offset, raw in zip(self.offsets(raws), raws, strict=True)]

    def pieces(self) -> Iterator[Block]:
        """The same lines in blocks of about 256 KiB."""
        start = 0
        while start < len(self.content):
            stop = self.content.rfind(b"\n", start, start + _PIECE) + 1 or self.content.index(b"\n", start) + 1
            yield Block(self.offset + start, self.content[start:stop])
            start = stop


def read_block(path: Path, offset: int, stop: int, *, most: int) -> Block | None:
    """The whole lines of a segment between two bytes, `most` at the most; None where the first is not whole, or any too long.

    Raises StorageError where the path is no plain file, and OSError as `open` does.
    """
    with open_plain(path) as file:
        file.seek(offset)
        content = file.read(stop - offset)
        size = os.fstat(file.fileno()).st_size
    whole = content[: content.rfind(b"\n") + 1]
    is_last = offset + len(whole) < stop == size
    if whole.count(b"\n") > most:
        whole, is_last = whole[: -len(whole.split(b"\n", most)[-1])], False
    return Block(offset, whole, is_last) if whole and not _has_too_long(whole) else None


def _has_too_long(content: bytes) -> bool:
    """Whether any line is longer than a reader takes: where the next newline is out of reach from the last one within it."""
    start = 0
    while len(content) - start > LONGEST_LINE:
        start = content.rfind(b"\n", start, start + LONGEST_LINE) + 1
        if not start:
            return True
    return False
