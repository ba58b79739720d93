"""Facts of a reference by name: read where they are kept, else worked out of the rows and kept."""

from __future__ import annotations

__all__ = ["Files", "Kept", "RowsGone"]

import logging
from collections.abc import Callable
from threading import RLock
from typing import Any, Protocol

import pyarrow as pa

from monitoring.errors import MonitoringError, StoreError
from storage.custody.reference_profiles import Fact

_log = logging.getLogger(__name__)
NO_ROWS = pa.table({})


class RowsGone(MonitoringError):  # noqa: N818 – a state of the reference more than a mistake
    """What was asked of a reference is not among what is kept of it, and its rows were deleted."""


class Files(Protocol):
    """Where facts are kept: `storage.custody.reference_profiles.ReferenceProfile`."""

    def read(self, name: str) -> Fact | None: ...
    def write(self, name: str, fact: Fact) -> None: ...


class Kept:
    """The facts of one reference as one description of its model sees it (`view`), each looked up once.

    `code` names the code that works them out: facts of other code are worked out anew as long as there are rows. `gone` says that there
    are none any more, as the sentence that an answer ends in; `once` are the facts that were kept then. Without `files` nothing is kept
    beyond this object. Safe for threads.
    """

    def __init__(self, files: Files | None = None, *, code: str = "", view: str = "", gone: str = "",
                 once: frozenset[str] = frozenset()) -> None:  # fmt: skip
        self._files, self._code, self._view = files, code, view
        self.gone = gone
        self._once = once
        self._strict = False
        self._known: dict[str, Fact] = {}
        self.lock = RLock()  # of whoever keeps more with these facts, too: one lock, so that no two threads wait for each other

    def strictly(self) -> None:
        """From now on a fact that cannot be written is an error."""
        self._strict = True

    def was_kept(self, name: str) -> bool:
        """Whether a fact was there when the rows went: where it cannot be found now, it was lost."""
        return self._view + name in self._once

    def find(self, name: str) -> Fact | None:
        """A fact that is kept and still holds; nothing is worked out."""
        with self.lock:
            if name not in self._known and self._files is not None:
                found = self._files.read(self._view + name)
                if found is not None and (found.code == self._code or self.gone):
                    self._known[name] = found
            return self._known.get(name)

    def get(self, name: str, make: Callable[[], Fact], *, holds: Callable[[Fact], bool] = lambda _: True) -> Fact:
        """The fact as it is kept, else as `make` works it out; one that no longer `holds` is worked out anew. Raises RowsGone."""
        with self.lock:
            found = self.find(name)
            if found is not None and holds(found):
                return found
            if self.gone:
                raise RowsGone(self.gone)
            return self.put(name, make())

    def put(self, name: str, fact: Fact) -> Fact:
        """Keep a fact in the place of an earlier one. A disk that refuses it costs time later, and no answer now."""
        with self.lock:
            self._known[name] = fact = fact._replace(code=self._code)
            if self._files is not None and not self.gone:
                try:
                    self._files.write(self._view + name, fact)
                except OSError as error:
                    if self._strict:
                        raise StoreError(f"What was worked out of the reference could not be written ({error.strerror or error}): make "
                                         "room and call again; no row was deleted.") from error  # fmt: skip
                    _log.warning("What was worked out of a reference could not be kept: %s", error)
            return fact

    def say(self, name: str, make: Callable[[], Any], *, of: tuple[str, ...] = ()) -> Any:
        """The same of a fact that is no table: what was `said`."""
        return self.get(name, lambda: Fact(NO_ROWS, make(), of=of)).said
