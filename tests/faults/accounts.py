"""The account of a home after a fault: every record that a logger accepted is somewhere, and the sums say so."""

from __future__ import annotations

__all__ = ["balanced", "of_segments", "settled"]

from typing import Any

from storage.store import Store
from storage.store._segments import Segment, known


def balanced(store: Store) -> dict[str, Any]:
    """The account, which must add up at any moment."""
    account: dict[str, Any] = store.health()["accounting"]
    assert account["offered"] == account["accepted"] + account["sampled_out"] + sum(account["refused"].values()), account
    places = ("ingested", "duplicates", "quarantined", "in_spool", "lost")
    assert account["accepted"] == sum(account[place] for place in places), account
    assert min(account[place] for place in places) >= 0, account
    return account


def settled(store: Store) -> dict[str, Any]:
    """The account of a home whose spool is read to its end: it adds up, and nothing acknowledged was damaged or lost."""
    account = balanced(store)
    assert account["in_spool"] == account["lost"] == account["quarantined"] == 0, account
    return account


def of_segments(store: Store) -> dict[str, Segment]:
    """What the collector knows of each segment, by name."""
    with store.reading() as cursor:
        return known(cursor)
