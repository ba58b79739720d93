"""The owner of a home: its lock and store, its socket, its background work."""

from __future__ import annotations

__all__ = ["VERBS", "House", "opened"]

import json
import threading
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitoring.asked_alike import AskedAlike
from monitoring.background import Background
from monitoring.computing import Progress
from monitoring.custody import nightly_is_due
from monitoring.errors import Cancelled
from monitoring.memory import for_database
from monitoring.questions import QUESTIONS
from monitoring.settings import Settings
from monitoring.verbs import VERBS, Verbs
from storage import wire
from storage.custody.backup import LIST
from storage.home import Home, default_home
from storage.store import Store

_GRACE = 3.0  # seconds: a window takes one or two once the worker is warm, and nobody waits longer for Ctrl-C

_LOOKS = (QUESTIONS | {"health"}) - {"export"}  # the verbs that change nothing, not even a file

_opened: dict[Path, House] = {}
_opening = threading.RLock()


def opened(home: Path | str) -> House | None:
    """The House that this process has open for `home`, or None."""
    return _opened.get(Path(home).absolute())


class _Closing(BaseException):
    """Ends a run between two windows because the house closes; no `Exception`, so that it is not taken for a failure."""


class House(Verbs):
    """One process's ownership of one home. Open it with `House.open`; close it, or use it as a context manager.

    `store`, `reader` (the same without a way to write) and the verbs may be used from any thread.
    """

    def __init__(self, home: Home, store: Store, settings: Settings) -> None:
        super().__init__(home, store, wake=self._wake_up)
        self.settings = settings
        self.computing.memory_limit = settings.memory_limit
        self.collector.reserve_bytes = settings.disk_reserve_mb << 20
        self._asked = AskedAlike()
        self._closing = ExitStack()
        self._background: Background | None = None

    @classmethod
    def open(cls, home: Path | str | None = None, background: bool = False) -> House:
        """Own `home` (created where it is missing) and answer on its socket; with `background` also collect and compute.

        Opening a home that this process has open already returns that House, and starts its background work if asked for.
        Raises `OwnerBusy` with the holder's pid where another process owns it.
        """
        path = Path(home or default_home()).absolute()
        with _opening:
            house = _opened.get(path) or cls._owning(Home(path))
            if background:
                house._work()
            return house

    @classmethod
    def _owning(cls, home: Home) -> House:
        settings = Settings.read()  # before the lock: a variable that cannot be used must not leave the home held
        home.make()
        with ExitStack() as undo:
            limit = settings.memory_limit
            store = Store.open(home, memory_bytes=None if limit is None else for_database(limit))
            house = cls(home, store, settings)
            # Last in, first out: no more questions, no more turns, then the file – and only then the worker, so that a window
            # which loses its worker finds no store to write "failed" into.
            undo.callback(house.computing.close)
            undo.callback(store.close)
            undo.callback(wire.serve(home, house.answer).close)
            (home.path / LIST).unlink(missing_ok=True)  # a backup that has an owner is a home again, and changes
            house._closing = undo.pop_all()
        _opened[home.path] = house
        return house

    def answer(self, verb: str, params: dict[str, Any], progress: Progress | None = None) -> Any:
        """`do` for those who ask over the socket, whose answers are sent and then forgotten: those who ask the same share one."""
        if verb not in _LOOKS:
            return self.do(verb, params, progress)
        return self._asked.answer((verb, json.dumps(params, sort_keys=True)), lambda: self.do(verb, params))

    def close(self) -> None:
        """Stop answering, collecting and computing, and give the home back. A second call does nothing.

        A window that is being computed is given `_GRACE` seconds; then it is left as it was, and stays due.
        """
        with _opening:
            if _opened.get(self.home.path) is self:
                del _opened[self.home.path]
            self._closing.close()

    def __enter__(self) -> House:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self) -> None:
        """Collect and compute in the background; a second call does nothing."""
        if self._background is not None:
            return
        self._background = Background(self._turn, every=self.settings.run_seconds, settle=self.settings.settle_seconds)
        self.collector.start()
        self._closing.callback(self.collector.stop)
        self._background.start()
        self._closing.callback(self._background.stop, timeout=_GRACE)

    def _turn(self) -> bool:
        """One turn of the background: True where there was something to compute. Skipped while a run is under way, or was cancelled."""
        if self.computing.rests_until() is not None:
            return False
        if nightly_is_due(self.home, datetime.now(UTC)):
            with suppress(Cancelled):  # it is tried again after the rest
                self.prune()
        try:
            done = self.computing.run_if_free(progress=self._unless_closing)
        except _Closing:
            return False
        return bool(done and done["windows"])

    def _unless_closing(self, _: dict[str, Any]) -> None:
        if self._background is not None and self._background.stopping:
            raise _Closing

    def _wake_up(self) -> None:
        if self._background is not None:
            self._background.wake()
