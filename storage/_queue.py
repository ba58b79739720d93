"""The durability `memory`: records wait in a bounded queue, and a thread writes them."""

from __future__ import annotations

__all__ = ["QueuedWriter"]

import atexit
import os
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from time import monotonic, sleep

from storage._counts import Counts
from storage._room import halvings_at
from storage._segment_writer import SegmentWriter

_MOST_RECORDS = 10_000
_MOST_BYTES = 8 << 20
_FULL = "queue full"
_POLL = 0.05  # seconds between two looks of a call that waits for room
_GATHER = 0.02  # seconds between the first record and the write that takes it and those after it


class QueuedWriter:
    """A `Spool` that returns before anything is written. What the thread cannot write moves from accepted to refused."""

    _thread: threading.Thread | None

    def __init__(self, writer: SegmentWriter, *, drop_oldest: bool = False, patience: float = 0.0) -> None:
        self._writer, self._drop_oldest, self._patience = writer, drop_oldest, patience
        self._closed = False
        self._born_again()
        _LIVE.add(self)

    def append(self, kind: str, body: bytes, now: int = 0) -> str | None:  # noqa: ARG002  the thread says when it was written
        """Queue one record; None where there is room."""
        with self._lock:
            if self._closed or len(self._waiting) >= _MOST_RECORDS or self._bytes + len(body) > _MOST_BYTES:
                reason = self._make_room(len(body))
                if reason is not None:
                    self._writer.refuse(reason)
                    return reason
            if self._thread is None:
                self._start()
            self._waiting.append((kind, body))
            self._bytes += len(body)
        if not self._wanted.is_set():
            self._wanted.set()
        return None

    def extend(self, kind: str, bodies: Sequence[bytes]) -> tuple[int, str | None]:
        """Write many records at once, after those that wait: a batch is no call that must not wait."""
        self.drain()
        return self._writer.extend(kind, bodies)

    def refuse(self, reason: str, count: int = 1) -> None:
        """Count records refused elsewhere."""
        self._writer.refuse(reason, count)

    def leave_out(self, count: int = 1) -> None:
        """Count records that sampling left out."""
        self._writer.leave_out(count)

    @property
    def halvings(self) -> int:
        """As the spool's or, where it is fuller, the queue's."""
        records = halvings_at(len(self._waiting), _MOST_RECORDS - len(self._waiting))
        return max(records, halvings_at(self._bytes, _MOST_BYTES - self._bytes), self._writer.halvings)

    def counts(self) -> Counts:
        """As the writer's; records that wait count as accepted."""
        with self._draining, self._lock:
            found = self._writer.counts()
            return replace(found, accepted=found.accepted + len(self._waiting))

    def flush(self) -> None:
        """Write what waits, and sync."""
        self.drain()
        self._writer.flush()

    def close(self) -> None:
        """Write what waits and end the segment."""
        with self._lock:
            self._closed = True
        self._wanted.set()
        self.drain()
        self._writer.close()

    def drain(self) -> None:
        """Write what waits, in order."""
        with self._draining:
            while True:
                with self._lock:
                    kind = self._waiting[0][0] if self._waiting else ""
                    bodies: list[bytes] = []
                    while self._waiting and self._waiting[0][0] == kind and len(bodies) < 1000:
                        bodies.append(self._waiting.popleft()[1])
                    self._bytes -= sum(map(len, bodies))
                if not bodies:
                    return
                self._writer.extend(kind, bodies)

    def _make_room(self, size: int) -> str | None:
        """Room for `size` bytes more: at the cost of the oldest, or by waiting, where that is wanted; else the reason why there is none."""
        deadline = monotonic() + self._patience
        while not self._closed:
            while self._drop_oldest and self._waiting and not self._has_room(size):
                self._bytes -= len(self._waiting.popleft()[1])
                self._writer.refuse(_FULL)
            if self._has_room(size):
                return None
            if monotonic() >= deadline:
                return _FULL
            self._lock.release()  # it is held once, by `append`
            sleep(_POLL)
            self._lock.acquire()
        return "logger closed"

    def _has_room(self, size: int) -> bool:
        return len(self._waiting) < _MOST_RECORDS and self._bytes + size <= _MOST_BYTES

    def _start(self) -> None:
        life = (weakref.ref(self), self._wanted)
        self._thread = threading.Thread(target=_write_what_waits, args=life, name="prediction-log", daemon=True)
        self._thread.start()

    def _born_again(self) -> None:
        """An empty queue without a thread: at construction, and in a child after fork (what waited is the parent's to write)."""
        self._lock = threading.RLock()
        self._draining = threading.RLock()
        self._wanted = threading.Event()
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._bytes = 0
        self._thread = None

    def __del__(self) -> None:
        with suppress(Exception):
            self.close()


def _write_what_waits(queue: weakref.ref[QueuedWriter], wanted: threading.Event) -> None:
    """The thread's life: it ends with its queue, which it does not keep alive."""
    while True:
        wanted.wait()
        wanted.clear()
        sleep(_GATHER)
        found = queue()
        if found is None:
            return
        found.drain()
        if found._closed:
            return
        del found


_LIVE: weakref.WeakSet[QueuedWriter] = weakref.WeakSet()


def _after_fork() -> None:
    for queue in list(_LIVE):
        queue._born_again()


def _at_exit() -> None:
    for queue in list(_LIVE):
        queue.close()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)  # registered after the writers' hook, so it runs before it
