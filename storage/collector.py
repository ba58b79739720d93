"""Spool to database, exactly once: how far a segment was read is written in the transaction that writes its rows.

A kill at any moment leaves either both or neither. After any failure the file is opened anew and the positions are read
again, because a commit that raised may have lasted.
"""

from __future__ import annotations

__all__ = ["Collector"]

import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import duckdb

from storage import _disk_reserve, _quarantine, archive, spool
from storage._batch import Batch, Slice, halves, slice_of, unwritten
from storage._block import Block, read_block
from storage.errors import StorageError, StoreError
from storage.store import Counts, Entry, Refusal, Segment, Store
from storage.store._entries import Placed
from storage.store._intake import take_in
from storage.store._runs import add_event
from storage.store._segments import known, last_id, quarantine, save
from storage.store._tally import count

_log = logging.getLogger(__name__)

_BATCH_BYTES = 8 << 20  # of log lines in one transaction, and
_BATCH_ROWS = 20_000
_TURN_BYTES = 4 << 20  # the least that one segment gets in a batch: many small reads cost more than a few large ones
_ATTEMPTS = 3  # of one batch, before the row that it fails on is looked for
_BIRTH = 60.0  # seconds in which a segment that a living process makes has long had its name
_PAUSE = 0.5  # seconds between two looks at the spool
_LONGEST_PAUSE = 30.0  # seconds, after repeated failure
_LONGEST_WAIT = 4.0  # seconds, where the disk or the memory was to blame: room may be made at any moment
# Failures that say nothing about the rows: the disk, the memory, the file. They are waited out, never blamed on a row.
_SKEWED = "The clock of {} is more than 5 minutes off, or was set while it ran: its records stand under the times that it wrote."
_STRANGER = "{} in the spool belongs to another user and is not read: remove it, or give it to the owner of the home (chown)."
_ROOM_AGAIN = "The disk has room again: what waited in the spool is taken in."
# A commit that cannot write raises a TransactionException: rows are judged before it, and there is one writer, so no other cause is left.
_CIRCUMSTANCES = (
    duckdb.IOException, duckdb.TransactionException, duckdb.FatalException, duckdb.InternalException, duckdb.OutOfMemoryException, OSError,
    MemoryError,
)  # fmt: skip


class _Bad(NamedTuple):
    """A line that cannot be used, why, and the model it was for where that is known."""

    segment: str
    line: spool.Line
    reason: str
    model: str | None


class Collector:
    """Takes what lies in the spool of a store's home into the store. `once` and the thread may be used together.

    `at` is called with `before insert`, `before commit`, `after commit`, `before archiving`, `before removal` and `after archiving`: tests
    kill the process there. While the disk has less than `reserve_bytes` free, or than three times the write-ahead log, nothing is taken
    in: the log waits in the spool, and an event says so. Without `files` all files of the home stay as they are: for a store that is a
    reader's own, in memory, which would forget what was taken in were it opened anew.
    """

    def __init__(
        self, store: Store, *, at: Callable[[str], None] | None = None, reserve_bytes: int = _disk_reserve.RESERVE, files: bool = True
    ) -> None:
        self.reserve_bytes = reserve_bytes
        self._files = files
        self._store = store
        self._home = store.home
        self._at = at or (lambda _: None)
        self._lock = threading.RLock()  # `paused` may hold it around `once`
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._segments: dict[str, Segment] | None = None  # None: to be read again
        self._last_id = 0
        self._unreadable: set[str] = set()
        self._strangers: set[str] = set()
        self._short = False  # of disk
        self._turn = 0

    def once(self, upto: Mapping[Path, int] | None = None) -> dict[str, int]:
        """Take in everything that lies in the spool now, or what lies in some segments before a byte of each.

        Returns `ingested` (new predictions and ground truth), `duplicates` (repeats of an id, or of a value that held),
        `quarantined` (lines that cannot be used) and `pending` (lines left behind). Raises StoreError where the database
        refuses for reasons of its own; then nothing is lost, and the next call goes on where this one stood.
        """
        totals = {"ingested": 0, "duplicates": 0, "quarantined": 0}
        with self._lock:
            sizes = dict(self._sizes() if upto is None else upto)
            self._report_strangers()
            self._meet(sizes)
            with _unhurried():
                while self._has_room() and (batch := self._next_batch(sizes)):
                    for counts, bad in self._persistently(batch, _ATTEMPTS):
                        totals["ingested"] += counts.ingested
                        totals["duplicates"] += counts.duplicates
                        totals["quarantined"] += bad
            if self._files:
                if not self._short:
                    self._archive(list(sizes))
                self._sweep()
            return {**totals, "pending": self._pending()}

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is taken in or put away by others while the block runs; afterwards the positions are read again."""
        with self._lock:
            try:
                yield
            finally:
                self._segments = None

    def start(self) -> None:
        """Take in every half second, in a thread, until `stop`. A second call does nothing."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._loop, name="driftboard-collector", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread once its batch is done."""
        if self._thread is not None:
            self._stopping.set()
            self._thread.join()
            self._thread = None

    def _loop(self) -> None:
        pause = delay = _PAUSE
        while not self._stopping.wait(delay):
            began = time.monotonic()
            try:
                self.once()
                pause = _PAUSE
                # From beginning to beginning, not from end to beginning: on a busy machine rows would be seen that much later.
                delay = max(_PAUSE - (time.monotonic() - began), _PAUSE / 5)
            except Exception as error:
                pause = delay = min(pause * 2, _LONGEST_WAIT if self._is_circumstance(error) else _LONGEST_PAUSE)
                _log.exception("Collecting failed; the log stays in the spool and the next attempt comes in %g seconds.", pause)

    def _has_room(self) -> bool:
        """Whether the disk has room for a batch; says once that it has not, and once that it has again."""
        shortage = _disk_reserve.shortage(self._home, self.reserve_bytes) if self._files else None
        if bool(shortage) != self._short:
            self._short = bool(shortage)
            level, kind = ("error", "disk_nearly_full") if shortage else ("info", "disk_has_room")
            _log.warning("%s", shortage or _ROOM_AGAIN)
            with suppress(StoreError):  # the disk may be too full for the event itself; the log has it
                self._store.add_event(level=level, kind=kind, text=shortage or _ROOM_AGAIN)
        return not self._short

    def _report_strangers(self) -> None:
        """Say once of each segment that another user put into the spool that it is not read."""
        for path in set(spool.strangers(self._home.spool)):
            if path.name not in self._strangers:
                self._strangers.add(path.name)
                self._store.add_event(level="error", kind="foreign_segment", text=_STRANGER.format(path.name))

    def _sizes(self) -> dict[Path, int]:
        """The segments as they are now. What is added while they are read is for the next time: else there would be no end."""
        found = {}
        for path in spool.segments(self._home.spool):
            with suppress(FileNotFoundError):
                found[path] = path.lstat().st_size
        return found

    def _meet(self, sizes: Mapping[Path, int]) -> None:
        """Look up segments that are new in the spool – one may have been here before – and forget those that left it."""
        known_here, names = self._known(), {path.name for path in sizes}
        if new := names - known_here.keys():
            with self._store.reading() as cursor:
                known_here |= known(cursor, new)
        self._segments = {name: segment for name, segment in known_here.items() if name in names}

    def _next_batch(self, sizes: Mapping[Path, int]) -> Batch:
        """Lines that are not in the database yet, a share of the batch from each segment, in order within each.

        Where little waits comes first, for that is likely to be the newest: no backlog of others keeps it waiting. The others take turns.
        """
        waiting = [path for path, size in sizes.items() if size > self._position(path) and path.name not in self._unreadable]
        batch: Batch = []
        size = rows = 0
        share = max(_BATCH_BYTES // max(len(waiting), 1), _TURN_BYTES)
        first = self._turn % max(len(waiting), 1)
        in_turn = [*waiting[first:], *waiting[:first]]
        for step, path in enumerate(sorted(in_turn, key=lambda path: min(sizes[path] - self._position(path), share))):
            start = self._position(path)
            part = self._read(path, start, min(start + min(share, _BATCH_BYTES - size), sizes[path]), _BATCH_ROWS - rows)
            if part:
                batch.append(part)
                size, rows = size + part.end - start, rows + part.rows
            if size >= _BATCH_BYTES or rows >= _BATCH_ROWS:
                self._turn += step + 1
                break
        return batch

    def _read(self, path: Path, start: int, stop: int, most: int) -> Slice | None:
        """The lines of a segment from one byte to another, or more where a line goes beyond, but not more than `most`."""
        block: Block | None = None
        with suppress(OSError, StorageError):  # reading line by line says what is wrong
            block = read_block(path, start, stop, most=most)
        lines: list[spool.Line] = []
        if block is None or block.is_last:
            for line in self._lines(path, block.end if block else start):
                lines.append(line)
                if line.end >= stop or len(lines) >= most:
                    break
        return slice_of(path.name, lines, block) if lines or block else None

    def _position(self, path: Path) -> int:
        segment = self._known().get(path.name)
        return segment.position if segment else 0

    def _lines(self, path: Path, position: int) -> Iterator[spool.Line]:
        """The lines of one segment; a file that cannot be read is reported once and left where it is."""
        try:
            yield from spool.read_segment(path, position)
        except FileNotFoundError:
            return
        except (OSError, StorageError) as error:
            self._unreadable.add(path.name)
            self._store.add_event(level="error", kind="segment_unreadable", text=f"{path.name} in the spool cannot be read: {error}")

    def _persistently(self, batch: Batch, attempts: int) -> Iterator[tuple[Counts, int]]:
        """Write a batch. Where it fails on its rows time and again, find the row, quarantine it, and write the others."""
        failure: Exception | None = None
        for attempt in range(attempts):
            try:
                yield self._write(batch)
                return
            except Exception as error:
                self._recover()
                if self._is_circumstance(error) and attempt == attempts - 1:
                    raise
                failure = error
            time.sleep(0.05 * 2**attempt)
            positions = {name: segment.position for name, segment in self._known().items()}
            batch = unwritten(batch, positions)  # the failed commit may have lasted
            if not batch:
                return
        if len(batch) == 1 and len(batch[0].lines) == 1:
            yield self._write(batch, refused=f"the database refuses this row: {failure}"[:500])
            return
        for half in halves(batch):
            yield from self._persistently(half, 1)

    def _write(self, batch: Batch, *, refused: str | None = None) -> tuple[Counts, int]:
        """One transaction: rows, quarantine and positions. `refused` is the reason why none of the lines may be used."""
        segments = dict(self._known())
        segments |= {part.segment: self._opened(number, part.segment) for number, part in enumerate(batch, 1)}  # copies: it may yet fail
        self._at("before insert")
        with self._store.writing() as cursor:
            entries: list[Entry] = []
            bad: list[_Bad] = []
            groups: list[Placed] = []
            for part in batch:
                segment_id = segments[part.segment].segment_id
                groups += [Placed(segment_id, group) for group in part.groups]
                for line in part.lines:
                    if line.record is None or refused:
                        bad.append(_Bad(part.segment, line, line.reason or refused or "not a frame", None))
                    else:
                        entries.append(Entry(segment_id, line.offset, line.record))
            counts = take_in(cursor, self._store.known_ids, entries, groups)
            bad += _refused(batch, counts.refused, segments)
            self._set_aside(cursor, bad)
            self._count(cursor, batch, bad, segments)
            self._at("before commit")
        self._at("after commit")
        self._segments, self._last_id = segments, max(self._last_id, *(segment.segment_id for segment in segments.values()))
        return counts, len(bad)

    @staticmethod
    def _count(
        cursor: duckdb.DuckDBPyConnection, batch: Batch, bad: Sequence[_Bad], segments: Mapping[str, Segment]
    ) -> None:
        """How far the segments were read, and what that says of their writers' records."""
        now = time.time_ns() // 1000
        refused: dict[str, set[int]] = {}
        for name, line, _, _ in bad:
            refused.setdefault(name, set()).add(line.offset)
        for part in batch:
            segment, skewed = segments[part.segment], segments[part.segment].skewed
            count(segment, part.parts, part.end, refused.get(part.segment, ()), now)
            if segment.skewed and not skewed:
                add_event(cursor, level="warning", kind="clock_skew", text=_SKEWED.format(segment.writer))
        save(cursor, [segments[part.segment] for part in batch])

    def _set_aside(self, cursor: duckdb.DuckDBPyConnection, bad: Sequence[_Bad]) -> None:
        """Lines that cannot be used: into the quarantine table, and as they came into the quarantine folder."""
        for name, line, reason, model in bad:
            text = line.raw.decode("utf-8", "backslashreplace").rstrip("\n")
            quarantine(cursor, name, line.offset, model=model, reason=reason, line=text)
        if self._files:
            _quarantine.keep(self._home.quarantine, [(name, line, reason) for name, line, reason, _ in bad])

    def _archive(self, paths: Sequence[Path]) -> None:
        """Move segments that were taken in whole, and to which nobody will add, out of the spool."""
        put_away: list[Segment] = []
        for path in paths:
            segment = self._known().get(path.name)
            if segment is None or path.name in self._unreadable:
                continue
            try:
                if not self._put_away(path, segment):
                    continue
            except FileNotFoundError:
                continue
            except OSError as error:  # it is in the database, so it can wait in the spool for a disk with room
                _log.warning("The segment %s cannot be archived yet: %s", path.name, error)
                break
            if segment.state != "archived":
                put_away.append(segment)
        if put_away:  # a kill before this leaves them "open" and archived, which harms nobody
            with self._store.writing() as cursor:
                save(cursor, [replace(segment, state="archived") for segment in put_away])
            for segment in put_away:
                segment.state = "archived"

    def _put_away(self, path: Path, segment: Segment) -> bool:
        """Archive a segment if it is finished. Raises OSError where the disk refuses."""
        # Asked in this order: what is dead or ended before its size is taken grows no more.
        finished = segment.ended or not spool.is_live(path)
        if not finished or path.lstat().st_size > segment.position:
            return False
        self._at("before archiving")
        with self._store.spool_stays:
            archive.put(self._home, path, before_removal=lambda: self._at("before removal"))
        self._at("after archiving")
        return True

    def _sweep(self) -> None:
        """Remove what a kill left: segments that were never born (their writer died before it gave them a name, so nobody was promised
        what is in them) and half an archived one."""
        archive.sweep(self._home)
        for path in self._home.spool.glob(".*.seg.jsonl"):
            with suppress(OSError, StorageError):
                if time.time() - path.lstat().st_mtime > _BIRTH and not spool.is_live(path):
                    path.unlink()

    def _pending(self) -> int:
        waiting = [path for path, size in self._sizes().items() if size > self._position(path) and path.name not in self._unreadable]
        return sum(self._waiting_in(path) for path in waiting)

    def _waiting_in(self, path: Path) -> int:
        with suppress(OSError, StorageError):  # reading it says what is wrong
            return spool.count_lines(path, self._position(path))
        return 0

    def _known(self) -> dict[str, Segment]:
        """What the database knows of the segments in the spool; not of all there ever were, for those are many."""
        if self._segments is None:
            names = [path.name for path in spool.segments(self._home.spool)]
            with self._store.reading() as cursor:
                self._segments, self._last_id = known(cursor, names), last_id(cursor)
        return self._segments

    def _opened(self, number: int, name: str) -> Segment:
        """A copy of what is known of a segment; the `number`th of a batch gets its own number now if it is new."""
        segment = self._known().get(name)
        return replace(segment) if segment else Segment(self._last_id + number, name)

    def _recover(self) -> None:
        self._segments = None
        if self._files:
            self._store.reopen()

    @staticmethod
    def _is_circumstance(error: Exception) -> bool:
        cause = error.__cause__ if isinstance(error, StoreError) and error.__cause__ else error
        return isinstance(cause, _CIRCUMSTANCES)


def _refused(batch: Batch, refusals: Sequence[Refusal], segments: Mapping[str, Segment]) -> Iterator[_Bad]:
    """The lines of the records that the tables cannot take."""
    if not refusals:
        return
    places = {(segments[part.segment].segment_id, line.offset): (part.segment, line) for part in batch for line in part.lines}
    for entry, reason in refusals:
        model = entry.record.get("m")
        yield _Bad(*places[entry.segment_id, entry.position], reason, model if isinstance(model, str) else None)


@contextmanager
def _unhurried() -> Iterator[None]:
    """No search for cyclic garbage: tens of thousands of records live at once, none in a cycle, and looking costs a quarter of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

