"""Writing segments: one `write(2)` per record into this process's own file, and never an exception from the disk."""

from __future__ import annotations

__all__ = ["Counts", "SegmentWriter"]

import atexit
import errno
import fcntl
import os
import re
import threading
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from os import write
from pathlib import Path
from time import time_ns
from typing import Any

import orjson

from storage.frames import compose

_LIBRARY = "driftboard 0.1.0"
_LARGEST_WRITE = 256 * 1024  # bytes handed to one write(2) of many records: long enough to be cheap, short enough not to hold the lock
_CHECK_EVERY = 500_000  # µs between two looks at the segment (its age, whether it still has a name): what is lost with a deleted folder
_STAT_EVERY = 10_000_000  # µs between two records of the counters
_RETRY_AFTER = 500_000  # µs to wait before a spool that could not be opened is tried again
_REASONS = {
    errno.ENOSPC: "disk full", errno.EDQUOT: "disk quota reached", errno.EFBIG: "file size limit reached",
    errno.EACCES: "spool not writable", errno.EROFS: "spool not writable", errno.EPERM: "spool not writable",
    errno.ELOOP: "spool is a symbolic link", errno.ENOTDIR: "spool is not a folder",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Counts:
    """What one process has done: records accepted, left out by sampling, and refused by reason; bytes and segments written.

    A record is a prediction or a ground truth; headers, counters and ends are none.
    """

    accepted: int
    sampled_out: int
    refused: Mapping[str, int]
    bytes: int
    segments: int

    @property
    def offered(self) -> int:
        """Accepted, sampled out and refused together: every record that was handed over."""
        return self.accepted + self.sampled_out + sum(self.refused.values())


class SegmentWriter:
    """One process's segments in `folder`. `sync` waits for the disk after each write. See `storage.spool.Spool` for the verbs."""

    _fd: int  # -1 where no segment is open
    _size: int  # bytes of the segment up to the end of its last whole record
    _number: int  # of the next line in the segment
    _sequence: int  # of the next segment
    _accepted: int
    _sampled_out: int
    _bytes: int  # of segments that are ended
    _segments: int
    _announced: bool  # the preamble is written
    _checked_at: int  # UTC µs, as are those below: between these two the segment needs no look
    _check_at: int
    _opened_at: int
    _stat_at: int
    _failed_at: int
    _failure: str

    def __init__(
        self,
        folder: Path,
        *,
        sync: bool = False,
        preamble: Sequence[tuple[str, bytes]] = (),
        about: Mapping[str, Any] | None = None,
        max_bytes: int = 8 << 20,
        max_age: float = 30.0,
    ) -> None:
        self._folder, self._sync, self._preamble, self._about = folder, sync, tuple(preamble), dict(about or {})
        self._max_bytes, self._max_age = max_bytes, int(max_age * 1e6)
        self._fd, self._closed = -1, False
        self._born_again()
        _LIVE.add(self)

    def append(self, kind: str, body: bytes) -> str | None:
        """Write one record (`body`: a JSON object's bytes); None once it is safe, else the reason of the refusal."""
        now = time_ns() // 1000
        with self._lock:
            if not self._checked_at <= now < self._check_at:  # also where the clock went backwards
                reason = self._look_after(now)
                if reason is not None:
                    return self._refused(reason, 1)
            line = compose(kind, self._number, now, body)
            try:
                written = write(self._fd, line)
            except OSError as error:
                return self._refused(_reason(error), 1)
            if written == len(line) and not self._sync and self._size < self._max_bytes:  # the common case, without another call
                self._number += 1
                self._size += written
                self._accepted += 1
                return None
            reason = self._settled(written, len(line), 1)
            if reason is not None:
                return self._refused(reason, 1)
            self._accepted += 1
        return None

    def extend(self, kind: str, bodies: Sequence[bytes]) -> tuple[int, str | None]:
        """Write many records, up to 256 KiB in one write; gives how many of the first are safe, and the reason why the rest are not."""
        done = 0
        while done < len(bodies):
            with self._lock:  # let go between two writes, so that a single record need not wait for all of them
                now = time_ns() // 1000
                reason = None if self._checked_at <= now < self._check_at else self._look_after(now)
                if reason is None:
                    lines: list[bytes] = []
                    size = 0
                    for body in bodies[done : done + 4096]:
                        if lines and size + len(body) > _LARGEST_WRITE:
                            break
                        lines.append(compose(kind, self._number + len(lines), now, body))
                        size += len(lines[-1])
                    reason = self._write(b"".join(lines), len(lines))
                if reason is not None:
                    self._refused(reason, len(bodies) - done)
                    return done, reason
                self._accepted += len(lines)
                done += len(lines)
        return done, None

    def refuse(self, reason: str, count: int = 1) -> None:
        """Count records refused elsewhere."""
        with self._lock:
            self._refused(reason, count)

    def counts(self) -> Counts:
        """What this process has written and refused so far."""
        with self._lock:
            return Counts(self._accepted, self._sampled_out, dict(self._refusals), self._bytes + self._size, self._segments)

    def flush(self) -> None:
        """Hand what was written to the disk. A failure ends the segment and is counted by the next `stat`."""
        with self._lock:
            if self._fd >= 0:
                self._synced()

    def close(self) -> None:
        """Write the counters and `end`, sync, and let the segment go. Later records are refused."""
        with self._lock:
            if not self._closed:
                self._closed, self._check_at = True, 0
                self._end(final=True)

    def _look_after(self, now: int) -> str | None:
        """See to the segment before a write: open it, end it where it is full, old or deleted, write the counters when due."""
        if self._closed:
            return "logger closed"
        if self._fd >= 0:
            if not self._has_a_name():
                self._abandon()
            elif self._size >= self._max_bytes or not 0 <= now - self._opened_at < self._max_age:
                self._end()
        if self._fd < 0:
            if self._failed_at <= now < self._failed_at + _RETRY_AFTER:
                return self._failure
            try:
                self._open(now)
            except (OSError, ValueError) as error:
                self._failed_at, self._failure = now, _reason(error)
                return self._failure
        if not 0 <= now - self._stat_at < _STAT_EVERY:
            self._write_counts(now)
        self._checked_at, self._check_at = now, now + _CHECK_EVERY
        return None if self._fd >= 0 else "disk full"

    def _open(self, now: int) -> None:
        """A new segment: locked and with its header before it gets the name under which readers see it."""
        if not self._folder.exists():
            for place in (self._folder.parent, self._folder):  # mode is for the last part of a path alone
                place.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            name = f"{self._writer}-{self._sequence:08d}.seg.jsonl"
            unborn = f".{name}"
            fd = os.open(unborn, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
            try:
                os.fchmod(fd, 0o600)  # whatever the umask
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                start = [("hdr", self._header()), *(() if self._announced else self._preamble)]
                content = b"".join(compose(kind, number, now, body) for number, (kind, body) in enumerate(start))
                if os.write(fd, content) != len(content):
                    raise OSError(errno.ENOSPC, "short write")
                os.rename(unborn, name, src_dir_fd=folder, dst_dir_fd=folder)
                if self._sync:
                    os.fsync(folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(unborn, dir_fd=folder)
                os.close(fd)
                raise
        finally:
            os.close(folder)
        self._fd, self._size, self._number, self._opened_at = fd, len(content), len(start), now
        self._announced = True
        self._segments += 1
        self._sequence += 1

    def _write(self, lines: bytes, count: int) -> str | None:
        """One write(2) of `count` whole lines; None, or the reason why none of them counts."""
        try:
            written = write(self._fd, lines)
        except OSError as error:
            return _reason(error)
        return self._settled(written, len(lines), count)

    def _settled(self, written: int, wanted: int, count: int) -> str | None:
        """Account for a write: cut back what did not fit, note a full segment, sync where that is promised."""
        if written != wanted:
            try:
                os.ftruncate(self._fd, self._size)
            except OSError:
                self._abandon()
            return "disk full"
        self._number += count
        self._size += written
        if self._size >= self._max_bytes:
            self._check_at = 0
        if self._sync:
            return self._synced()
        return None

    def _synced(self) -> str | None:
        try:
            os.fdatasync(self._fd)
        except OSError:
            self._abandon()  # after a failed sync the kernel may forget the pages: never trust this file again
            return "disk sync failed"
        return None

    def _end(self, *, final: bool = False) -> None:
        """Close the segment cleanly: counters at the very end, the `end` line, and the disk where that is promised."""
        if self._fd < 0:
            return
        now = time_ns() // 1000
        if final:
            self._write_counts(now)
        if self._fd >= 0 and self._has_a_name():
            self._write(compose("end", self._number, now, b'{"count":%d}' % self._number), 1)
            if final and self._fd >= 0:
                self._synced()
        self._abandon()

    def _write_counts(self, now: int) -> None:
        counts = {"accepted": self._accepted, "sampled_out": self._sampled_out, "refused": self._refusals}
        body = {**self._about, "writer": self._writer, **counts, "bytes": self._bytes + self._size, "segments": self._segments}
        self._stat_at = now
        self._write(compose("stat", self._number, now, orjson.dumps(body)), 1)

    def _abandon(self) -> None:
        """Let the segment go as it is; the next record opens a new one."""
        fd, self._fd, self._check_at = self._fd, -1, 0
        self._bytes, self._size = self._bytes + self._size, 0
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)

    def _has_a_name(self) -> bool:
        try:
            return os.fstat(self._fd).st_nlink > 0
        except OSError:
            return False

    def _refused(self, reason: str, count: int) -> str:
        self._refusals[reason] = self._refusals.get(reason, 0) + count
        return reason

    def _header(self) -> bytes:
        about = {"writer": self._writer, "host": os.uname().nodename, "pid": os.getpid(), "boot": _boot(), "lib": _LIBRARY}
        return orjson.dumps({**about, "seq": self._sequence, "acc": self._accepted})

    def _born_again(self) -> None:
        """The state of a process that has written nothing: at construction, and in a child after fork."""
        self._lock = threading.RLock()  # re-entrant: a signal handler may log while this thread is writing
        self._bytes = self._size = 0
        self._abandon()  # the parent keeps the segment and its lock
        host = re.sub(r"[^A-Za-z0-9.-]", "-", os.uname().nodename)[:64] or "host"
        self._writer = f"{host}-{os.getpid()}-{time_ns():x}-{os.urandom(2).hex()}"
        self._announced = False
        self._number = self._sequence = self._accepted = self._sampled_out = self._segments = 0
        self._refusals: dict[str, int] = {}
        self._checked_at = self._check_at = self._opened_at = 0
        self._failed_at, self._failure = -_RETRY_AFTER, ""
        self._stat_at = time_ns() // 1000

    def __del__(self) -> None:
        with suppress(Exception):
            self.close()


_LIVE: weakref.WeakSet[SegmentWriter] = weakref.WeakSet()


def _reason(error: Exception) -> str:
    code = getattr(error, "errno", None)
    return _REASONS.get(code) or f"spool error {errno.errorcode.get(code or 0, type(error).__name__)}" if code else "spool path not valid"


def _boot() -> str:
    """The kernel's id of this boot, so that a pid of an earlier one is not taken for a live process; empty where there is none."""
    with suppress(OSError):
        # No codec by name: its import, under way in one thread while another forks, would block the child for ever.
        return Path("/proc/sys/kernel/random/boot_id").read_bytes().decode().strip()
    return ""


def _after_fork() -> None:
    for writer in list(_LIVE):
        writer._born_again()


def _at_exit() -> None:
    for writer in list(_LIVE):
        writer.close()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)
