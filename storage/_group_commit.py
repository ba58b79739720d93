"""Group commit: many threads share one sync. The first to come leads; who comes while it syncs waits, and one of them leads the next.

After a failed sync the kernel may forget the pages while it says that all is well, so a file is never synced again after a failure:
what its last good sync did not cover is lost, and all who wait for it hear so.
"""

from __future__ import annotations

__all__ = ["LOST", "GroupCommit", "Ticket"]

import os
import threading
from typing import NamedTuple, Protocol

from storage._segment_file import SegmentFile

LOST = "disk sync failed"
_REMEMBERED = 64  # segments ended, of which somebody may still want to hear what became of them


class Ticket(NamedTuple):
    """A place in the log: a segment of this process by its number, a record's end in it, and how many records were accepted by then."""

    segment: int
    end: int
    records: int


class Syncing(Protocol):
    """A writer as its group commit sees it; both are called with its lock held."""

    def goal(self) -> tuple[SegmentFile, Ticket] | None:
        """The open segment and the end of what it holds; None where none is open."""

    def lost(self, ticket: Ticket) -> None:
        """A sync up to here failed."""


class GroupCommit:
    """The syncs of one writer. All but `wait` is called with the writer's lock held."""

    def __init__(self, turn: threading.Condition) -> None:
        self._turn = turn  # over the writer's lock
        self._leader = 0  # the thread that syncs
        self._safe: dict[int, int] = {}  # by segment: the end of what is on the disk
        self.records = 0  # accepted that are on the disk

    def safe(self, segment: int) -> int:
        """The end of what is on the disk of a segment."""
        return self._safe.get(segment, 0)

    def reached(self, ticket: Ticket) -> None:
        """Note that all up to here is on the disk."""
        self._safe[ticket.segment] = max(ticket.end, self.safe(ticket.segment))
        self.records = max(ticket.records, self.records)
        if len(self._safe) > _REMEMBERED:
            del self._safe[min(self._safe)]

    def wait(self, writer: Syncing, ticket: Ticket) -> str | None:
        """Return once this is on the disk: None, or why it never will be."""
        me = threading.get_ident()
        with self._turn:
            while (goal := self._open_goal(writer, ticket)) and self._leader not in (0, me):  # me: a signal handler in the leader's sync
                self._turn.wait()
            if goal is None:
                return self._answer(ticket)
            file, end = goal
            file.take()
            outer, self._leader = self._leader, me
        failed = False
        try:
            os.fdatasync(file.fd)
        except OSError:
            failed = True
        with self._turn:
            self._leader = outer
            file.let_go()
            if failed:
                writer.lost(end)
            else:
                self.reached(end)
            self._turn.notify_all()
            return self._answer(ticket)

    def _open_goal(self, writer: Syncing, ticket: Ticket) -> tuple[SegmentFile, Ticket] | None:
        """What to sync for this ticket; None where its fate is settled."""
        goal = writer.goal()
        settled = self.safe(ticket.segment) >= ticket.end or goal is None or goal[1].segment != ticket.segment
        return None if settled else goal

    def _answer(self, ticket: Ticket) -> str | None:
        return None if self.safe(ticket.segment) >= ticket.end else LOST
