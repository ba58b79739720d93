"""The account of a home after a fault: every record that a logger accepted is somewhere, and the sums say so."""

from __future__ import annotations

__all__ = ["of_segments", "settled"]

from typing import Any

from storage.store import Store
from storage.store._segments import Segment, known


def settled(store: Store) -> dict[str, Any]:
    """The account of a home whose spool is read to its end; nothing may be lost."""
    account: dict[str, Any] = store.health()["accounting"]
    assert account["lost"] == 0, account
    return account


def of_segments(store: Store) -> dict[str, Segment]:
    """What the collector knows of each segment, by name."""
    with store.reading() as cursor:
        return known(cursor)
