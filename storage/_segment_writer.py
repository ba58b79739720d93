"""Writing segments: one `write(2)` per record into this process's own file, and never an exception from the disk."""

from __future__ import annotations

__all__ = ["SegmentWriter"]

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from os import write
from pathlib import Path
from time import monotonic, sleep, time_ns
from typing import Any

import orjson

from storage import _keeper
from storage._counts import Counts, Limits
from storage._forks import keep_through_forks
from storage._group_commit import LOST, GroupCommit, Ticket
from storage._room import FULL, Room, room_in
from storage._segment_file import SegmentFile, born, reason_of, sync_folder
from storage._writer_names import header, writer_name
from storage.frames import compose

_LARGEST_WRITE = 256 * 1024  # bytes handed to one write(2) of many records: long enough to be cheap, short enough not to hold the lock
# µs between two looks at the segment (its age and its place): what is lost with a deleted folder. The keeper comes a little sooner,
# so that no call has to look.
_CHECK_EVERY = 500_000
_ROOM_LASTS = 1_000_000  # µs for which a look at the room is believed; the keeper looks twice as often
_LEAST_GRANT = 64 * 1024  # bytes that are written between two looks at the room at the least: some 64 records
_SYNC_EVERY = 600_000  # µs between two syncs at the level `process`: with the keeper's tick, every second at the latest
_STAT_EVERY = 10_000_000  # µs between two records of the counters
_RETRY_AFTER = 500_000  # µs to wait before a spool that could not be opened is tried again
_DAY = 86_400_000_000  # µs
_MOST_RETIRED = 8  # ended segments that wait for the keeper's sync
_POLL = 0.05  # seconds between two attempts of a call that waits for room


class SegmentWriter:
    """One process's segments in `folder`. `sync` waits for the disk after each write. See `storage.spool.Spool` for the verbs."""

    _file: SegmentFile | None
    _fd: int  # of the file; -1 where no segment is open
    _size: int  # bytes of the segment up to the end of its last whole record
    _look_size: int  # beyond this the segment needs a look
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
    _room_at: int
    _synced_at: int
    _failed_at: int
    _failure: str
    _sync_failures: int  # segments
    _start: int  # bytes of the segment before its first record
    _synced_size: int
    _writer: str
    _told: Mapping[str, Any]  # the counters as they were last written
    _is_inside: Callable[[], bool]  # this thread is in the middle of something here, and a signal handler has come in between
    _beside: SegmentWriter | None  # where such handlers write

    def __init__(
        self,
        folder: Path,
        *,
        sync: bool = False,
        preamble: Sequence[tuple[str, bytes]] = (),
        about: Mapping[str, Any] | None = None,
        max_bytes: int = 8 << 20,
        max_age: float = 30.0,
        limits: Limits | None = None,
    ) -> None:
        self._folder, self._sync, self._preamble, self._about = folder, sync, tuple(preamble), dict(about or {})
        self._max_bytes, self._max_age = max_bytes, int(max_age * 1e6)
        self._limits = limits or Limits()
        self._file, self._closed, self._beside = None, False, None
        self._retired: list[SegmentFile] = []
        self.born_again()
        keep_through_forks(self)

    def append(self, kind: str, body: bytes, now: int = 0) -> str | None:
        """Write one record (`body`: a JSON object's bytes); None once it is safe, else the reason of the refusal.

        `now` is the time in UTC µs where the caller has just asked for it.
        """
        if self._is_inside():
            return self._aside().append(kind, body, now)
        now = now or time_ns() // 1000
        with self.lock:
            if not (self._checked_at <= now < self._check_at and self._size < self._look_size):  # also where the clock went backwards
                reason = self._look_after(now)
                if reason is not None:
                    return self._patiently(kind, body, reason)
            line = compose(kind, self._number, now, body)
            try:
                written = write(self._fd, line)
            except OSError as error:
                return self._refused(reason_of(error), 1)
            if written != len(line):
                return self._refused(self._cut_back(), 1)
            self._number += 1
            self._size += written
            self._accepted += 1
            if not self._sync:
                return None
            ticket = self._ticket()
        return self._commits.wait(self, ticket)

    def extend(self, kind: str, bodies: Sequence[bytes]) -> tuple[int, str | None]:
        """Write many records, up to 256 KiB in one write; gives how many of the first are safe, and the reason why the rest are not."""
        if self._is_inside():
            return self._aside().extend(kind, bodies)
        done, deadline = 0, 0.0
        while done < len(bodies):
            ticket = None
            with self.lock:  # let go between two writes, so that a single record need not wait for all of them
                count, reason = self._write_some(kind, bodies, done)
                if count:
                    ticket = self._ticket()
                elif reason not in FULL or (deadline and monotonic() >= deadline) or not self._limits.patience:
                    return done, self._refused(reason or "", len(bodies) - done)
            if ticket is None:
                deadline = deadline or monotonic() + self._limits.patience
                sleep(_POLL)
                continue
            deadline = 0.0
            reason = self._commits.wait(self, ticket) if self._sync else None
            if reason is not None:  # these are counted as refused already
                self.refuse(reason, len(bodies) - done - count)
                return done, reason
            done += count
        return done, None

    def refuse(self, reason: str, count: int = 1) -> None:
        """Count records refused elsewhere."""
        if self._is_inside():
            self._aside().refuse(reason, count)
            return
        with self.lock:
            self._refused(reason, count)

    def leave_out(self, count: int = 1) -> None:
        """Count records that sampling left out."""
        if self._is_inside():
            self._aside().leave_out(count)
            return
        with self.lock:
            self._sampled_out += count

    @property
    def halvings(self) -> int:
        """How often the share of records to keep should be halved, so full is the spool."""
        return self._room.halvings

    def counts(self) -> Counts:
        """What this process has written and refused so far."""
        with self.lock:
            size = self._bytes + self._size
            found = Counts(self._accepted, self._sampled_out, dict(self._refusals), size, self._segments, self._sync_failures)
        return found if self._beside is None else found + self._beside.counts()

    def flush(self) -> None:
        """Hand what was written to the disk. A failure ends the segment and is counted."""
        self._sync_files(everything=True)
        if self._beside is not None:
            self._beside.flush()

    def close(self) -> None:
        """Write the counters and `end`, sync, and let the segment go. Later records are refused."""
        if self._closed:  # asked without the lock: at the interpreter's end a thread that held it may be gone
            return
        with self.lock:
            self._closed, self._check_at = True, 0
            self._end(final=True)
        self._sync_files(everything=True)
        if self._beside is not None:
            self._beside.close()

    def tend(self) -> None:
        """The keeper's round: sync at the level `process`, look at the room, write counters when they are due."""
        if self._closed:
            return
        now = time_ns() // 1000
        if not 0 <= now - self._synced_at < _SYNC_EVERY:
            self._synced_at = now
            self._sync_files()
        room = self._look_at_room()
        with self.lock:
            self._room, self._room_at = room, now
            if room.full:
                self._check_at = 0
            else:
                self._look_ahead(now)
            if not 0 <= now - self._stat_at < _STAT_EVERY and self._counters() != self._told and not self._closed:
                self._write_counts(now, open_one=True)

    def _aside(self) -> SegmentWriter:
        """For a signal handler that came in between two steps of this thread's own call: nothing here may change under those, so its
        records go to a segment of their own."""
        if self._beside is None:
            self._beside = SegmentWriter(
                self._folder, sync=self._sync, preamble=self._preamble, about=self._about, max_bytes=self._max_bytes,
                max_age=self._max_age / 1e6, limits=self._limits,
            )  # fmt: skip
        return self._beside

    def _patiently(self, kind: str, body: bytes, reason: str) -> str | None:
        """A record for which there is no room now: wait for it where that is wanted."""
        if reason not in FULL or not self._limits.patience:
            return self._refused(reason, 1)
        self.lock.release()  # it is held once, by `append`
        try:
            return self.extend(kind, [body])[1]
        finally:
            self.lock.acquire()

    def _write_some(self, kind: str, bodies: Sequence[bytes], start: int) -> tuple[int, str | None]:
        """One write(2) of the next records: how many, or why none."""
        now = time_ns() // 1000
        if not (self._checked_at <= now < self._check_at and self._size < self._look_size):
            reason = self._look_after(now)
            if reason is not None:
                return 0, reason
        lines: list[bytes] = []
        size, most = 0, min(_LARGEST_WRITE, self._look_size - self._size)
        for body in bodies[start : start + 4096]:
            if lines and size + len(body) > most:
                break
            lines.append(compose(kind, self._number + len(lines), now, body))
            size += len(lines[-1])
        reason = self._write(b"".join(lines), len(lines))
        if reason is not None:
            return 0, reason
        self._accepted += len(lines)
        return len(lines), None

    def _look_after(self, now: int) -> str | None:
        """See to the segment before a write: open it, end it where it is full, old or gone, mind the room, write the counters when due."""
        if self._closed:
            return "logger closed"
        reason = self._trouble(now)
        if reason is None and self._file is None:
            reason = self._open(now)
        if reason is not None:
            self._check_at = 0
            return reason
        if not 0 <= now - self._stat_at < _STAT_EVERY:
            self._write_counts(now)
        self._checked_at, self._check_at = now, now + _CHECK_EVERY
        self._look_size = min(self._max_bytes, self._size + max(self._room.left // 4, _LEAST_GRANT))  # others write, too
        return None if self._file is not None else "disk full"

    def _look_ahead(self, now: int) -> None:
        """Spare the calls until the keeper's next round their look, where all is well with the segment."""
        if self._file is None or self._closed or not self._check_at or self._is_aged(now):
            return
        try:
            in_place = self._file.is_in_place()
        except OSError:
            in_place = False
        self._checked_at, self._check_at = now, now + _CHECK_EVERY if in_place else 0

    def _is_aged(self, now: int) -> bool:
        return not 0 <= now - self._opened_at < self._max_age or now // _DAY != self._opened_at // _DAY

    def _trouble(self, now: int) -> str | None:
        """Why nothing can be written to the segment that is open, or to any; ends a segment that has had its time."""
        if self._file is not None:
            if self._failed_at <= now < self._failed_at + _RETRY_AFTER:
                return self._failure
            try:
                if not self._file.is_in_place():
                    self._abandon()
            except OSError as error:
                return self._failed(now, reason_of(error))
        age = now - self._room_at
        asked = self._size >= self._look_size or not 0 <= age < _ROOM_LASTS
        if asked and not (self._room.full and 0 <= age < _CHECK_EVERY):
            self._room, self._room_at = self._look_at_room(), now
        if self._room.full:
            if self._file is not None and self._size > self._start:
                self._end()  # so that the owner can take all of it away
            return self._room.full
        if self._file is not None and (self._size >= self._max_bytes or self._is_aged(now)):
            self._end()
        return None

    def _open(self, now: int) -> str | None:
        """Begin a segment; None, or why there can be none now."""
        if self._failed_at <= now < self._failed_at + _RETRY_AFTER:
            return self._failure
        start = [("hdr", header(self._writer, self._sequence, self._accepted)), *(() if self._announced else self._preamble)]
        content = b"".join(compose(kind, number, now, body) for number, (kind, body) in enumerate(start))
        try:
            name = f"{self._writer}-{self._sequence:08d}.seg.jsonl"
            file = born(self._folder, name, content, allow_network_fs=self._limits.allow_network_fs)
        except (OSError, ValueError) as error:
            return self._failed(now, reason_of(error))
        self._file, self._fd, self._number, self._opened_at = file, file.fd, len(start), now
        self._size = self._start = len(content)
        self._announced = True
        self._segments += 1
        self._sequence += 1
        self._synced_size, self._unnamed = 0, not self._sync
        self._look_size = self._max_bytes
        self._kept = _keeper.keep(self)
        if self._sync:
            try:
                sync_folder(self._folder)
            except OSError:
                self._sync_failures += 1
                self._abandon()
                return self._failed(now, LOST)
        return None

    def _failed(self, now: int, reason: str) -> str:
        self._failed_at, self._failure = now, reason
        return reason

    def _write(self, lines: bytes, count: int) -> str | None:
        """One write(2) of `count` whole lines; None, or the reason why none of them counts."""
        try:
            written = write(self._fd, lines)
        except OSError as error:
            return reason_of(error)
        if written != len(lines):
            return self._cut_back()
        self._number += count
        self._size += written
        return None

    def _cut_back(self) -> str:
        """Undo a write that was cut short."""
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            self._abandon()
        return "disk full"

    def _end(self, *, final: bool = False) -> None:
        """Close the segment cleanly: counters at the very end, the `end` line, and the disk where that is promised."""
        now = time_ns() // 1000
        if (final and (self._file is not None or self._counters() != self._told)) or self._room.full:
            self._write_counts(now, open_one=final)
        if self._file is None:
            return
        with suppress(OSError):
            if self._file.is_in_place():
                self._write(compose("end", self._number, now, b'{"count":%d}' % self._number), 1)
        if self._sync:
            try:
                os.fdatasync(self._fd)
            except OSError:
                self._sync_failures += 1
            else:
                self._commits.reached(self._ticket())
        self._abandon(ended=True)

    def _write_counts(self, now: int, *, open_one: bool = False) -> None:
        """A `stat` line; with `open_one` in a new segment if need be: a full spool takes no records, but says what became of them."""
        if self._file is None and not (open_one and self._open(now) is None):
            return
        counters = self._counters()
        body = {**self._about, "writer": self._writer, **counters, "bytes": self._bytes + self._size, "segments": self._segments}
        self._stat_at, self._told = now, counters
        self._write(compose("stat", self._number, now, orjson.dumps(body)), 1)

    def _counters(self) -> dict[str, Any]:
        refused = dict(self._refusals)
        return {"accepted": self._accepted, "sampled_out": self._sampled_out, "refused": refused, "sync_failures": self._sync_failures}

    def _abandon(self, *, ended: bool = False) -> None:
        """Let the segment go as it is; the next record opens a new one. At the level `disk`, what it holds unsynced is refused."""
        file, self._file, self._fd, self._check_at = self._file, None, -1, 0
        if file is not None:
            lost = self._accepted - self._commits.records if self._sync else 0
            if lost:
                self._accepted -= lost
                self._refused(LOST, lost)
                with suppress(OSError):  # nobody should find what was refused; but it does no harm either
                    os.ftruncate(file.fd, max(self._commits.safe(self._sequence), self._start))
            if ended and not self._sync and (self._kept or self._closed) and len(self._retired) < _MOST_RETIRED:
                self._retired.append(file)  # the keeper syncs it, then lets it go
            else:
                file.let_go()
        self._bytes, self._size = self._bytes + self._size, 0

    def _sync_files(self, *, everything: bool = False) -> None:
        """Sync what was written since the last time, without the lock, so that no call waits for it."""
        with self.lock:
            file, size, unnamed, self._unnamed = self._file, self._size, self._unnamed, False
            retired, self._retired = self._retired, []
            dirty = file is not None and size > self._synced_size and (everything or not self._sync)
            if file is not None and dirty:
                file.take()
        failed = [one for one in (*retired, *([file] if file is not None and dirty else ())) if not _synced(one)]
        if unnamed:
            with suppress(OSError):
                sync_folder(self._folder)
        with self.lock:
            self._sync_failures += len(failed)
            for one in retired:
                one.let_go()
            if file is not None and dirty:
                if file is self._file:
                    self._synced_size = size
                if file in failed:
                    self._give_up(file)
                file.let_go()

    def _give_up(self, file: SegmentFile) -> None:
        """A sync of this file failed: it is not tried again, nor written to."""
        if file is self._file:
            self._synced_size = self._size
            self._abandon()
        elif file in self._retired:
            self._retired.remove(file)
            file.let_go()

    def _look_at_room(self) -> Room:
        return room_in(self._folder, self._limits.max_spool_bytes, self._limits.min_free_bytes)

    def _ticket(self) -> Ticket:
        return Ticket(self._sequence, self._size, self._accepted)

    def goal(self) -> tuple[SegmentFile, Ticket] | None:
        """For the group commit: what is open, and the end of what it holds."""
        return None if self._file is None else (self._file, self._ticket())

    def lost(self, ticket: Ticket) -> None:
        """A sync failed: what is not on the disk yet of that segment is refused."""
        self._sync_failures += 1
        if self._file is not None and ticket.segment == self._sequence:
            self._abandon()

    def _refused(self, reason: str, count: int) -> str:
        if count:
            self._refusals[reason] = self._refusals.get(reason, 0) + count
        return reason

    def born_again(self) -> None:
        """The state of a process that has written nothing: at construction, and in a child after fork."""
        for file in (*self._retired, *([self._file] if self._file else ())):  # the parent keeps the segment and its lock
            file.close()
        self.lock = threading.RLock()  # it knows whose it is: a signal handler may log while this thread is writing
        self._is_inside = self.lock._is_owned  # type: ignore[attr-defined]  # as `threading.Condition` asks it
        self._commits = GroupCommit(threading.Condition(self.lock))
        self._file, self._fd, self._retired, self._kept = None, -1, [], False
        self._writer = writer_name()
        self._announced = self._unnamed = False
        self._number = self._sequence = self._accepted = self._sampled_out = self._segments = self._sync_failures = 0
        self._bytes = self._size = self._start = self._look_size = self._synced_size = 0
        self._refusals: dict[str, int] = {}
        self._checked_at = self._check_at = self._opened_at = self._room_at = 0
        self._failed_at, self._failure = -_RETRY_AFTER, ""
        self._stat_at = self._synced_at = time_ns() // 1000
        self._room, self._told = Room(self._limits.max_spool_bytes), self._counters()

    def __del__(self) -> None:
        with suppress(Exception):
            self.close()


def _synced(file: SegmentFile) -> bool:
    try:
        os.fdatasync(file.fd)
    except OSError:
        return False
    return True


