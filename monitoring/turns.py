"""Who computes: one request at a time, and each can be cancelled from the moment it is asked until it ends."""

from __future__ import annotations

__all__ = ["Request", "Turns"]

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

_EARLY = 100  # names of requests that were cancelled and not known: of those that are still on their way here


class Request:
    """What somebody asked for. It waits, then it has the turn (`began`), then it ends; `cancelled`, once said, stays."""

    __slots__ = ("began", "cancelled")

    def __init__(self, *, cancelled: bool = False) -> None:
        self.began = False
        self.cancelled = cancelled


class Turns:
    """Gives the turn to one request at a time. Safe for threads; a thread that has the turn must not ask for another."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._known: dict[str, Request] = {}  # by name: waiting, or having the turn
        self._early: dict[str, None] = {}  # oldest first
        self._holder: Request | None = None

    @contextmanager
    def turn(self, name: str = "", *, waits: Callable[[], None] | None = None) -> Iterator[Request]:
        """The turn, for as long as the block runs. A request that is cancelled while it waits goes on at once and without it (`began` is
        False). `waits` is called where the turn is not free."""
        with self._changed:
            request = Request(cancelled=name in self._early)
            self._early.pop(name, None)
            if name:
                self._known[name] = request
            busy = self._holder is not None
        try:
            if busy and waits is not None:
                waits()
            with self._changed:
                self._changed.wait_for(lambda: request.cancelled or self._holder is None)
                if not request.cancelled:
                    self._take(request)
            yield request
        finally:
            with self._changed:
                self._known.pop(name, None)
                self._give_back(request)

    @contextmanager
    def turn_if_free(self) -> Iterator[Request | None]:
        """The turn at once, or None."""
        request = None
        with self._changed:
            if self._holder is None:
                request = Request()
                self._take(request)
        try:
            yield request
        finally:
            if request is not None:
                with self._changed:
                    self._give_back(request)

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Nobody has the turn while the block runs; waits for it. There is nothing in it to cancel."""
        with self._changed:
            self._changed.wait_for(lambda: self._holder is None)
            self._holder = rest = Request()
        try:
            yield
        finally:
            with self._changed:
                self._give_back(rest)

    def cancel(self, name: str = "") -> str:
        """Cancel the request of this name, or without one the request that has the turn: whether it was `waiting` or `under way`.

        "" where there is none; a name that is not known is remembered, because its request may be on its way.
        """
        with self._changed:
            request = self._known.get(name) if name else self._holder
            if request is None or (request is self._holder and not request.began):  # the latter rests
                self._expect(name)
                return ""
            request.cancelled = True
            self._changed.notify_all()
            return "under way" if request.began else "waiting"

    def _take(self, request: Request) -> None:
        self._holder = request
        request.began = True

    def _give_back(self, request: Request) -> None:
        if self._holder is request:
            self._holder = None
            self._changed.notify_all()

    def _expect(self, name: str) -> None:
        if name:
            self._early[name] = None
            while len(self._early) > _EARLY:
                del self._early[next(iter(self._early))]
