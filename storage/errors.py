"""Errors of the storage room, the root of the tree that `monitoring.errors` documents."""

from __future__ import annotations

__all__ = ["OwnerBusy", "StorageError", "StoreError"]


class StorageError(Exception):
    """Anything this project raises on purpose. `str(error)` is one sentence for a person."""


class StoreError(StorageError):
    """The database refused. Nothing of the failed call was written unless the text says so."""


class OwnerBusy(StorageError):
    """Another process owns this home. `pid` is its process id, or None where it is unknown."""

    def __init__(self, message: str, *, pid: int | None = None) -> None:
        super().__init__(message)
        self.pid = pid
