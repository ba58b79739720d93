"""The account of every line: what was offered, what became of it, and how large things are."""

from __future__ import annotations

__all__ = ["ACCOUNTS", "accounting", "size", "with_lines"]

from typing import Any

import pyarrow as pa

from monitoring.charts.numbers import number

ACCOUNTS = {
    "offered": "Records given to loggers, as their own counters say.",
    "accepted": "Records that loggers wrote down.",
    "lines read": "Lines of the spool that the collector has read, records of all kinds.",
    "ingested": "Rows that lie in the database.",
    "duplicates": "Predictions whose id was there already; the first one counts.",
    "quarantined": "Lines that could not be used, kept with their reasons.",
    "lost": "Lines that a segment announced and does not hold.",
}
"""What is counted, in the order of a record's way, with a sentence each."""

_UNITS = ("B", "kB", "MB", "GB", "TB")


def accounting(facts: dict[str, Any]) -> pa.Table:
    """One row per account (`what`, `count`), refusals by reason after `accepted`; from `House.health`."""
    counts = facts["accounting"]
    rows: list[tuple[str, int]] = []
    for name in ACCOUNTS:
        rows.append((name, int(counts.get(name.replace(" ", "_"), 0))))
        if name == "accepted":
            rows += [(f"refused: {reason}", int(count)) for reason, count in counts.get("refused", {}).items()]
    return pa.table({"what": [name for name, _ in rows], "count": pa.array([count for _, count in rows], pa.int64())})


def with_lines(count: int) -> str:
    """`1 line`, `1 200 lines`."""
    return f"{number(count)} line" + ("" if count == 1 else "s")


def size(value: float) -> str:
    """Bytes with a decimal unit, three significant digits: `1.25 MB`."""
    power = 0
    while value >= 1000 and power < len(_UNITS) - 1:
        value, power = value / 1000, power + 1
    return f"{number(round(value, 2))} {_UNITS[power]}"
