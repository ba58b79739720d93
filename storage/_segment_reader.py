"""Reading segments: every line is judged by itself, so that damage costs the damaged lines and no others."""

from __future__ import annotations

__all__ = [
    "LONGEST_LINE", "Line", "count_lines", "held", "is_live", "judged", "lines", "open_plain", "read_segment", "segments", "strangers",
]  # fmt: skip

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from storage._places import trusted_in
from storage.errors import StorageError
from storage.frames import BadFrame, decode

LONGEST_LINE = 4 << 20  # bytes; a schema of 2,000 features with long names has half of it
_BUFFER = 1 << 20


class Line(NamedTuple):
    """One line of a segment, from byte `offset` to before byte `end`. Either `record` or `reason` is None."""

    offset: int
    end: int
    record: dict[str, Any] | None
    raw: bytes  # the line as it stands, cut at 4 MiB
    reason: str | None


def segments(folder: Path) -> list[Path]:
    """The segments of a spool, by name: per writer in the order of writing. Those that another user put there are left out."""
    return _by_owner(folder)[0]


def strangers(folder: Path) -> list[Path]:
    """The segments of a spool that belong neither to this process's user nor to the owner of the spool."""
    return _by_owner(folder)[1]


def _by_owner(folder: Path) -> tuple[list[Path], list[Path]]:
    found: tuple[list[Path], list[Path]] = ([], [])
    try:
        trusted = trusted_in(folder)
    except FileNotFoundError:
        return found
    for path in sorted(folder.glob("*.seg.jsonl")):
        with suppress(FileNotFoundError):  # archived meanwhile
            if not path.name.startswith("."):
                found[path.lstat().st_uid not in trusted].append(path)
    return found


def is_live(path: Path) -> bool:
    """True while the process that writes this segment is alive and has not ended it. Raises StorageError if it is no plain file."""
    with open_plain(path) as file:
        return held(file)


def read_segment(path: Path, offset: int = 0) -> Iterator[Line]:
    """The lines from `offset` on, good and bad ones.

    A last line without its newline is left alone while the segment is live, for it may still be written; otherwise it is bad.
    Raises StorageError where the path is no plain file, and OSError as `open` does.
    """
    with open_plain(path) as file:
        live = held(file)  # asked before reading: what is dead now will not grow
        file.seek(offset)
        yield from lines(file, offset, live=live)


def count_lines(path: Path, offset: int = 0) -> int:
    """How many lines `read_segment` would give, without judging any. Raises what it does."""
    with open_plain(path) as file:
        live = held(file)  # asked before reading, as there
        file.seek(offset)
        found, last = 0, b"\n"
        while content := file.read(_BUFFER):
            found, last = found + content.count(b"\n"), content[-1:]
        return found + (last != b"\n" and not live)


def lines(file: BinaryIO, offset: int = 0, *, live: bool) -> Iterator[Line]:
    """The lines of a segment that is open at `offset`; `live` says that a last line without its newline may still be written."""
    while raw := file.readline(LONGEST_LINE):
        end = offset + len(raw)
        if raw[-1:] == b"\n":
            yield judged(offset, end, raw)
        elif len(raw) == LONGEST_LINE:
            end, whole = _skipped(file, end)
            if live and not whole:
                return
            yield Line(offset, end, None, raw, "line too long")
        elif live:
            return
        else:
            yield Line(offset, end, None, raw, "torn last line" if raw.strip(b"\0") else "zero-filled tail")
        offset = end


def judged(offset: int, end: int, raw: bytes) -> Line:
    """A line with its newline, as the record that it holds or with the reason why it holds none."""
    try:
        return Line(offset, end, decode(raw), raw, None)
    except BadFrame as bad:
        # Power loss can leave a hole of zeros where lines were; the line that stands behind them is none the worse for it.
        if raw[:1] == b"\0" and len(rest := raw.lstrip(b"\0")) > 1:
            return judged(offset, end, rest)
        return Line(offset, end, None, raw, str(bad))


def _skipped(file: BinaryIO, end: int) -> tuple[int, bool]:
    """Read on to the newline; the offset after it, and whether there was one."""
    while more := file.readline(_BUFFER):
        end += len(more)
        if more[-1:] == b"\n":
            return end, True
    return end, False


def open_plain(path: Path, *, writable: bool = False) -> BinaryIO:
    """Open a plain file of a trusted user, for reading. What is opened is what is judged: a name may come to mean another file meanwhile.

    Raises StorageError for a device, a pipe, a folder and another user's file, OSError for a symbolic link.
    """
    fd = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise StorageError(f"{path.name} is not a plain file; remove it from the spool.")
        if status.st_uid not in trusted_in(path.parent):
            raise StorageError(f"{path.name} belongs to another user; remove it, or give it to the owner of the home (chown).")
    except BaseException:
        os.close(fd)
        raise
    return os.fdopen(fd, "r+b" if writable else "rb", buffering=_BUFFER)


def held(file: BinaryIO) -> bool:
    """Whether its writer has an open segment still."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False
