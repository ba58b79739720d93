"""What a home says about itself, and what to do about it. Reads only."""

from __future__ import annotations

__all__ = ["Advice", "diagnose", "examine"]

import os
import platform
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from typing import Any, Literal

from storage.custody.inspection import inspect_database, inspect_files
from storage.errors import StoreError
from storage.home import Home
from storage.wire import NoOwner

_SHORT_OF_DISK = 1 << 30  # bytes: a gibibyte is a day or two of a busy spool, time enough to act
_BACKLOG = 64 << 20  # bytes in the spool that a collector takes in within seconds; more means that none runs
_PACKAGES = ("driftboard", "duckdb", "evidently", "numpy", "pandas", "plotly", "pyarrow", "scikit-learn", "scipy", "streamlit")


# Stands for the account of a database that cannot be read.
_UNREADABLE: Mapping[str, Any] = {
    "accounting": {**dict.fromkeys(("accepted", "ingested", "duplicates", "quarantined", "in_spool", "lost")), "refused": {}},
    "spool": {"segments": None, "backlog_segments": 0, "backlog_bytes": 0},
    "database": {"bytes": 0}, "archive": {"bytes": 0}, "models": [], "newest_prediction": None, "newest_label": None,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing that a person should know: how bad it is, what it is, what to do about it."""

    level: Literal["warn", "error"]
    what: str
    do: str


def diagnose(home: Home, health: Mapping[str, Any], quarantined: Mapping[str, int]) -> dict[str, Any]:
    """`health` of the store with `home, holder, free_bytes, quarantined` (by reason)`, python, packages, advice, status` added.

    `status` is `ok`, `warn` or `error`: the worst advice.
    """
    free = shutil.disk_usage(home.path).free
    advice = tuple(_advice(health, quarantined, free))
    levels = {item.level for item in advice}
    return {
        **health,
        "home": str(home.path),
        "holder": {"pid": os.getpid()},
        "free_bytes": free,
        "quarantined": dict(quarantined),
        "python": platform.python_version(),
        "packages": dict(_installed()),
        "status": "error" if "error" in levels else "warn" if levels else "ok",
        "advice": [asdict(item) for item in advice],
    }


def examine(home: Home, ask_owner: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The whole examination, which changes nothing: the home's files, and its database through its owner (`ask_owner` gives what
    `diagnose` says there, or raises NoOwner) or, where it has none, opened for reading only. `checked` says what was verified."""
    checked, findings = inspect_files(home)
    try:
        told = ask_owner()
    except NoOwner:
        told = _unowned(home)
    advice = [*told["advice"], *(asdict(item) for item in findings)]
    levels = {item["level"] for item in advice}
    status = "error" if "error" in levels else "warn" if levels else "ok"
    return {**told, "checked": checked, "advice": advice, "status": status}


def _unowned(home: Home) -> dict[str, Any]:
    """What `diagnose` says of a home that nobody owns; of a database that cannot be read, that and what to do."""
    if not home.database.exists():
        exported = (home.export / "manifest.json").exists()
        do = "run python -m monitoring rebuild" if exported else "log something, or run python -m monitoring collect --once"
        return {**diagnose(home, _UNREADABLE, {}), "holder": None, "advice": [asdict(Advice("warn", "there is no database yet", do))]}
    try:
        health, quarantined = inspect_database(home)
    except StoreError as error:
        what, _, do = str(error).rstrip(".").rpartition(": ")
        return {**diagnose(home, _UNREADABLE, {}), "holder": None, "advice": [asdict(Advice("error", what, do))]}
    return {**diagnose(home, health, quarantined), "holder": None}


@cache
def _installed() -> Mapping[str, str]:
    """Version by package. Read once: it takes a third of the time of all that `health` says, and what is loaded stays what it is."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def _advice(health: Mapping[str, Any], quarantined: Mapping[str, int], free: int) -> Iterator[Advice]:
    if free < _SHORT_OF_DISK:
        yield Advice("error", f"{free >> 20} MiB of disk are free", "free some: the log refuses records when the disk is full")
    backlog = int(health["spool"]["backlog_bytes"])
    if backlog > _BACKLOG:
        yield Advice("warn", f"{backlog >> 20} MiB in the spool are not collected", "run python -m monitoring serve, or collect --once")
    if quarantined:
        told = ", ".join(f"{count} {reason}" for reason, count in quarantined.items())
        yield Advice("warn", f"records were quarantined: {told}", "python -m monitoring quarantine list shows them")
    refused = health["accounting"].get("refused") or {}
    if refused:
        told = ", ".join(f"{count} {reason}" for reason, count in refused.items())
        yield Advice("warn", f"loggers refused records: {told}", "look at PredictionLogger.stats() in the serving process")
    if health["accounting"].get("lost"):
        yield Advice(
            "error",
            f"{health['accounting']['lost']} records that loggers accepted are missing",
            "look for segments that were moved or deleted, and put them back into the spool",
        )
    if health["accounting"].get("skewed"):
        yield Advice("warn", f"the clock of a logger was off for {health['accounting']['skewed']} lines", "set that machine's clock (NTP)")
    if not health["models"]:
        yield Advice("warn", "no model is registered", "python -m monitoring models register FILE.yaml, or python -m monitoring demo")
