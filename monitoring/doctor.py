"""What a home says about itself, and what to do about it. Reads only."""

from __future__ import annotations

__all__ = ["Advice", "diagnose"]

import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any, Literal

from storage.home import Home

_SHORT_OF_DISK = 1 << 30  # bytes: a gibibyte is a day or two of a busy spool, time enough to act
_BACKLOG = 64 << 20  # bytes in the spool that a collector takes in within seconds; more means that none runs
_PACKAGES = ("driftboard", "duckdb", "evidently", "numpy", "pandas", "plotly", "pyarrow", "scikit-learn", "scipy", "streamlit")


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing that a person should know: how bad it is, what it is, what to do about it."""

    level: Literal["warn", "error"]
    what: str
    do: str


def diagnose(home: Home, health: Mapping[str, Any]) -> dict[str, Any]:
    """`health` of the store with `home, holder, free_bytes, python, packages, advice, status` added.

    `status` is `ok`, `warn` or `error`: the worst advice.
    """
    free = shutil.disk_usage(home.path).free
    advice = tuple(_advice(health, free))
    levels = {item.level for item in advice}
    return {
        **health,
        "home": str(home.path),
        "holder": {"pid": os.getpid()},
        "free_bytes": free,
        "python": platform.python_version(),
        "packages": _installed(),
        "status": "error" if "error" in levels else "warn" if levels else "ok",
        "advice": [asdict(item) for item in advice],
    }


def _installed() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _advice(health: Mapping[str, Any], free: int) -> list[Advice]:
    found = []
    if free < _SHORT_OF_DISK:
        found.append(Advice("error", f"{free / 2**20:.0f} MiB of disk are free.", "Free some disk: the log stops when it is full."))
    return found
