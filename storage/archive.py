"""Segments that were taken in whole, kept compressed (zstd, level 1): `archive/<yyyy-mm-dd>/<segment>.zst`.

At every moment a segment is whole in the spool, or whole in the archive, or – after a kill between the two steps – in both; then
putting it away again finds its equal and removes the one in the spool. `zstd -d` reads the files too.
"""

from __future__ import annotations

__all__ = ["archived", "open_archived", "put", "put_content", "read_archived", "segment_of", "sweep"]

import io
import os
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import count, takewhile
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from storage._segment_reader import Line, lines, open_plain
from storage.errors import StorageError
from storage.home import Home

_SUFFIX = ".zst"
_PART = ".part"  # of a file that is not whole yet
_CHUNK = 1 << 20  # bytes


def put(home: Home, segment: Path, *, before_removal: Callable[[], None] = lambda: None) -> Path:
    """Move a segment from the spool into today's folder of the archive; where it lies there now.

    On the disk before it leaves the spool. Raises OSError where the disk refuses (the segment stays where it was) and StorageError
    where the path is no plain file.
    """
    with open_plain(segment) as content:
        place = _equal(home, segment.name, content)
        if place is None:
            content.seek(0)
            place = _free(home.archive / f"{datetime.now(UTC):%Y-%m-%d}", segment.name)
            put_content(place, content)
    before_removal()
    segment.unlink()
    return place


def put_content(place: Path, content: BinaryIO) -> None:
    """Write what `content` still holds to `place`, compressed: all of it under that name and on the disk, or nothing.

    Replaces a file of that name. Raises OSError where the disk refuses.
    """
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = place.with_name(f".{place.name}{_PART}")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            with pa.CompressedOutputStream(pa.PythonFile(file, "w"), "zstd") as packed:  # zstd's level is 1 unless one is named
                while chunk := content.read(_CHUNK):
                    packed.write(chunk)
                packed.flush()
            _to_disk(part)
        part.rename(place)
        _to_disk(place.parent)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def read_archived(path: Path) -> Iterator[Line]:
    """The lines of an archived segment, good and bad ones, in order; offsets are those of the uncompressed segment.

    Also reads a segment that an earlier version archived as it was. Raises OSError where the file cannot be read or is cut short,
    StorageError where it is no plain file.
    """
    with open_archived(path) as file:
        yield from lines(file, live=False)


def archived(home: Home) -> list[Path]:
    """Every archived segment, oldest day first, within a day by name."""
    return sorted(path for path in home.archive.glob("*/*.seg.jsonl*") if not path.name.startswith("."))


def segment_of(path: Path) -> str:
    """The name that an archived file had in the spool: without `.zst` and the number that a second one of its name got."""
    return path.name[: path.name.index(".seg.jsonl") + len(".seg.jsonl")]


def sweep(home: Home) -> None:
    """Remove files that a kill left half written."""
    for part in home.archive.glob(f"*/.*{_PART}"):
        with suppress(OSError):
            part.unlink()


def open_archived(path: Path) -> BinaryIO:
    """The bytes of an archived segment as they were in the spool. Raises what `read_archived` does, at the latest while reading."""
    plain = open_plain(path)
    if not path.name.endswith(_SUFFIX):
        return plain
    return cast("BinaryIO", io.BufferedReader(_Unpacked(plain), _CHUNK))


class _Unpacked(io.RawIOBase):
    """The bytes of a compressed file, for a buffered reader, which closes both."""

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = packed
        self._stream = pa.CompressedInputStream(pa.PythonFile(packed, "r"), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        found = self._stream.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)

    def close(self) -> None:
        if not self.closed:
            self._packed.close()
        super().close()


def _equal(home: Home, name: str, content: BinaryIO) -> Path | None:
    """The file of the archive that holds the very same segment, if there is one."""
    for day in home.archive.iterdir():
        for place in _taken(day, name):
            content.seek(0)
            with suppress(OSError, StorageError), closing(open_archived(place)) as kept:
                if _same(kept, content):
                    return place
    return None


def _same(one: BinaryIO, other: BinaryIO) -> bool:
    while True:
        left, right = _whole(one), _whole(other)
        if left != right:
            return False
        if not left:
            return True


def _whole(file: BinaryIO) -> bytes:
    """A chunk that is short at the end alone."""
    found = io.BytesIO()
    while found.tell() < _CHUNK and (more := file.read(_CHUNK - found.tell())):
        found.write(more)
    return found.getvalue()


def _names(name: str) -> Iterator[str]:
    """What a segment is called in the archive: other content that came under a known name must not replace what is there."""
    yield f"{name}{_SUFFIX}"
    yield from (f"{name}.{number}{_SUFFIX}" for number in count(2))


def _taken(day: Path, name: str) -> Iterator[Path]:
    return takewhile(Path.exists, (day / taken for taken in _names(name)))


def _free(day: Path, name: str) -> Path:
    return next(place for place in (day / free for free in _names(name)) if not place.exists())


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
