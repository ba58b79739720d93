"""The account of a home after a fault: every record that a logger accepted is somewhere, and the sums say so."""

from __future__ import annotations

__all__ = ["settled"]

from typing import Any

from storage.store import Store


def settled(store: Store) -> dict[str, Any]:
    """The account of a home whose spool is read to its end; nothing may be lost."""
    account: dict[str, Any] = store.health()["accounting"]
    assert account["lost"] == 0, account
    return account
