"""The reasons of many findings as few lines: those that say the same are said once, the alarming first."""

from __future__ import annotations

__all__ = ["Reason", "grouped"]

from collections.abc import Iterable
from dataclasses import dataclass

from monitoring.charts.numbers import retold
from monitoring.charts.status import Status, status_of


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence, of the findings `names` that all have this status for this reason."""

    status: Status
    names: tuple[str, ...]
    words: str


def grouped(rows: Iterable[tuple[str, str, str | None]]) -> list[Reason]:
    """From (status, name, reason) of findings; a finding without a reason is left out. Most alarming first, else as given."""
    found: dict[tuple[str, str], list[str]] = {}
    for status, name, words in rows:
        if words:
            names = found.setdefault((status, words), [])
            if name not in names:
                names.append(name)
    made = [Reason(status_of(status), tuple(names), retold(words)) for (status, words), names in found.items()]
    return sorted(made, key=lambda reason: -reason.status.rank)
