"""The account of every line: what was offered, what became of it, and how large things are."""

from __future__ import annotations

__all__ = ["ACCOUNTS", "SUM", "accounting", "size", "sum_of_accepted"]

from typing import Any

import pyarrow as pa

from monitoring.charts.numbers import number

ACCOUNTS = {
    "offered": "Predictions and ground truth given to loggers, as far as their counters say.",
    "accepted": "Records that loggers wrote down, or had queued: what they promised to keep.",
    "sampled out": "Left out on purpose; the ones that were kept carry their weight.",
    "ingested": "In the database as rows of their own.",
    "duplicates": "In the database as repeats: an id that was there already, or ground truth that says nothing new.",
    "quarantined": "Records that could not be used, kept with their reasons.",
    "in spool": "Written down and not yet read.",
    "lost": "Announced by their writer, and found nowhere.",
    "torn": "Last lines that a killed process did not finish; they were never accepted.",
    "foreign": "Quarantined lines that no logger wrote.",
    "replayed": "Records of segments that came a second time; they changed nothing.",
    "skewed": "Lines whose clock was more than 5 minutes off, under the times that they bear.",
    "lines read": "Everything read from the spool so far, headers and counters too.",
}
"""What is counted, in the order of a record's way, with a sentence each."""

SUM = ("ingested", "duplicates", "quarantined", "in spool", "lost")
"""What `accepted` is the sum of, at all times."""

_UNITS = ("B", "kB", "MB", "GB", "TB")


def accounting(facts: dict[str, Any]) -> pa.Table:
    """One row per account (`what`, `count`), refusals by reason after `sampled out`; from `House.health`."""
    counts = facts["accounting"]
    rows: list[tuple[str, int]] = []
    for name in ACCOUNTS:
        rows.append((name, int(counts.get(name.replace(" ", "_"), 0))))
        if name == "sampled out":
            rows += [(f"refused: {reason}", int(count)) for reason, count in counts.get("refused", {}).items()]
    return pa.table({"what": [name for name, _ in rows], "count": pa.array([count for _, count in rows], pa.int64())})


def sum_of_accepted(facts: dict[str, Any]) -> str:
    """`12 accepted = 10 ingested + 2 in spool + …`: where every accepted record is, zeros too, so that it can be added up."""
    counts = {name: int(facts["accounting"].get(name.replace(" ", "_"), 0)) for name in ("accepted", *SUM)}
    return f"{number(counts['accepted'])} accepted = " + " + ".join(f"{number(counts[name])} {name}" for name in SUM)


def size(value: float) -> str:
    """Bytes with a decimal unit, three significant digits: `1.25 MB`."""
    power = 0
    while value >= 1000 and power < len(_UNITS) - 1:
        value, power = value / 1000, power + 1
    return f"{number(round(value, 2))} {_UNITS[power]}"
