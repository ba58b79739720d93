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
from time import sleep

from storage._segment_writer import Counts, SegmentWriter

_MOST_RECORDS = 10_000
_MOST_BYTES = 8 << 20
_GATHER = 0.02  # seconds between the first record and the write that takes it and those after it


class QueuedWriter:
    """A `Spool` that returns before anything is written. What the thread cannot write moves from accepted to refused."""

    _thread: threading.Thread | None

    def __init__(self, writer: SegmentWriter) -> None:
        self._writer = writer
        self._closed = False
        self._born_again()
        _LIVE.add(self)

    def append(self, kind: str, body: bytes) -> str | None:
        """Queue one record; None where there is room."""
        with self._lock:
            if self._closed or len(self._waiting) >= _MOST_RECORDS or self._bytes + len(body) > _MOST_BYTES:
                reason = "logger closed" if self._closed else "queue full"
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
