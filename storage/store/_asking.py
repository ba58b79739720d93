"""What every question to a home's database rests on: the database that is asked, and a model by its name."""

from __future__ import annotations

__all__ = ["Asking", "Readable"]

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from storage.errors import StoreError
from storage.home import Home
from storage.store import _catalog
from storage.store._database import ReadCursor


class Readable(Protocol):
    """A database that can be asked."""

    @property
    def schema_version(self) -> int: ...
    def read(self) -> AbstractContextManager[ReadCursor]: ...


class Asking:
    """Asks one home's database."""

    def __init__(self, home: Home, database: Readable) -> None:
        self.home = home
        self._readable = database

    @contextmanager
    def _model(self, name: str, version: str | None = None) -> Iterator[tuple[ReadCursor, _catalog.Model]]:
        with self._readable.read() as cursor:
            yield cursor, self._found(cursor, name, version)

    @staticmethod
    def _found(cursor: ReadCursor, name: str, version: str | None = None) -> _catalog.Model:
        model = _catalog.find(cursor, name, version)
        if model is None or not model.spec:
            known = _catalog.names(cursor)
            raise StoreError(
                f"There is no model {name!r} here: " + (f"there are {', '.join(known)}." if known else "register one, or log to it, first.")
            )
        return model
