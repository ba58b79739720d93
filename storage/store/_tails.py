"""What stands in the spool beyond what the database holds: counted once, and then only what is added to it."""

from __future__ import annotations

__all__ = ["SegmentGone", "SpoolView", "Tail", "Tails"]

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, TypeVar

from storage._segment_reader import open_plain
from storage.errors import StorageError
from storage.store._segments import Segment
from storage.store._tally import records_ahead

Found = TypeVar("Found")

_GLANCES = 3  # without the lock, before a look waits until no segment leaves
_CHUNK = 1 << 20  # bytes of unread lines looked at in one go


class SegmentGone(StorageError):  # noqa: N818  what happened
    """A segment left the spool after the database was asked how far it is read: ask again."""


@dataclass(frozen=True, slots=True)
class Tail:
    """A segment's unread part: `unread` bytes, `records` in whole lines of it, and what its writer has said up to there."""

    segment: Segment
    unread: int = 0
    records: int = 0


@dataclass(frozen=True, slots=True)
class _Counted:
    """A tail as it was counted last: it began at `start`, and was looked at up to `at`."""

    start: int
    at: int
    tail: Tail


class Tails:
    """The tails of one home's segments. Use it from any thread; two that ask at once count one after the other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted: dict[str, _Counted] = {}

    def of(self, path: Path, known: Segment) -> Tail:
        """The tail of a segment of which this much is `known`.

        Raises SegmentGone where the file is not there any more, and held more than is known when it was last seen.
        """
        try:
            with self._lock, open_plain(path) as file:
                found = self._count(file, path.name, known)
        except FileNotFoundError:
            if known.ended:
                return Tail(known)
            raise SegmentGone(f"{path.name} was archived just now.") from None
        except (OSError, StorageError):  # the collector reports it
            return Tail(known)
        return found

    def keep(self, names: Iterable[str]) -> None:
        """Forget all segments but these."""
        with self._lock:
            self._counted = {name: self._counted[name] for name in names if name in self._counted}

    def _count(self, file: BinaryIO, name: str, known: Segment) -> Tail:
        size = os.fstat(file.fileno()).st_size
        last = self._counted.get(name)
        if last is None or last.start != known.position or size < last.at:  # its writer took back what did not reach the disk
            last = _Counted(known.position, known.position, Tail(known))
        segment, records, at = replace(last.tail.segment), last.tail.records, last.at
        while at < size:
            file.seek(at)
            content = file.read(_CHUNK)
            whole = content.rfind(b"\n") + 1
            if not whole and at + len(content) >= size:
                break  # a line that is not whole
            records += records_ahead(segment, content[:whole])
            at += whole or len(content)
        tail = Tail(segment, max(size - known.position, 0), records)
        self._counted[name] = _Counted(known.position, at, tail)
        return tail


class SpoolView:
    """A home's spool as all of its readers see it: `tails`, and `stays`, the lock that is held while a segment leaves it.

    A look at the spool that held that lock would keep the collector waiting, the more so the more lies there.
    """

    def __init__(self) -> None:
        self.tails, self.stays = Tails(), threading.RLock()

    def looked_at(self, look: Callable[[], Found]) -> Found:
        """What a look gives; again where it raises SegmentGone, and at last with the lock."""
        for _ in range(_GLANCES):
            with suppress(SegmentGone):
                return look()
        with self.stays:
            return look()
