"""Bounds on time that hold for the code and not for whatever else the machine is doing."""

from __future__ import annotations

__all__ = ["allowed", "seconds"]

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def allowed(promised: float, *, undisturbed: float) -> float:
    """What a promise of so many seconds comes to on this machine now.

    The promise is for an idle machine, where the work in it takes next to nothing. `undisturbed` is what the same work, without the
    fault, took a moment ago: how much of the promised time is work, and how slow work is now. Waiting is not forgiven.
    """
    return promised + 3 * undisturbed


def seconds(act: Callable[[], Result]) -> tuple[Result, float]:
    """What an act gives, and how long it took."""
    begin = time.monotonic()
    result = act()
    return result, time.monotonic() - begin
