"""Fault tests: real processes, real kills, seeded. How often each is tried says `FAULT_TRIALS`: `reduced` (default) or `full`."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.storage.conftest import collector, fraud, home, log, store

__all__ = ["Trials", "collector", "fraud", "home", "log", "store", "trials"]

Trials = Callable[[int, int], int]


@pytest.fixture(scope="session")
def trials() -> Trials:
    """`trials(full, reduced)`: how many trials of a fault this run makes. Full are the specification's counts."""
    chosen = os.environ.get("FAULT_TRIALS", "reduced")
    if chosen not in ("full", "reduced"):
        raise ValueError(f"FAULT_TRIALS is {chosen!r}: set it to full or reduced.")
    return lambda full, reduced: full if chosen == "full" else reduced
