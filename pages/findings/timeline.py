"""One time axis over all versions of a model: which version stands for a window, and when a version was released."""

from __future__ import annotations

__all__ = ["EVERY", "Timeline", "windows_of"]

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from pages.findings.rows import Row, rows_of

EVERY = "all"
"""The version selector's value for all versions on one axis."""

_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True)
class Timeline:
    """Which version stands for each window of one size: where two predicted in the same one, the one with more rows.

    `standing` maps a window's start to its version, oldest first; `outvoted` holds the other versions of such windows.
    """

    standing: Mapping[datetime, str] = field(default_factory=dict)
    outvoted: frozenset[tuple[datetime, str]] = frozenset()

    @classmethod
    def of(cls, rows: pa.Table) -> Timeline:
        """From points of the metric `rows`, of one model and one window size; segments are ignored. With equal rows the version that
        came later stands."""
        whole = rows.filter(pc.equal(rows.column("segment"), "")).select(["window_start", "version", "value"])
        return cls.of_rows(rows_of(whole.sort_by("window_start")))

    @classmethod
    def of_rows(cls, rows: Iterable[Row]) -> Timeline:
        """From rows of such points, of no segment and oldest window first."""
        found: dict[datetime, list[tuple[float, str]]] = {}
        born: dict[str, datetime] = {}
        for point in rows:
            found.setdefault(point["window_start"], []).append((point["value"] or 0.0, point["version"]))
            born.setdefault(point["version"], point["window_start"])
        standing: dict[datetime, str] = {}
        outvoted: set[tuple[datetime, str]] = set()
        for start, versions in found.items():
            winner = max(versions, key=lambda one: (one[0], born[one[1]], one[1]))[1]
            standing[start] = winner
            outvoted |= {(start, version) for _, version in versions if version != winner}
        return cls(standing, frozenset(outvoted))

    @property
    def releases(self) -> list[tuple[datetime, str]]:
        """The first window for which each version stands, oldest first, the first version of all left out: nothing came before it."""
        first: dict[str, datetime] = {}
        for start, version in self.standing.items():
            first.setdefault(version, start)
        return sorted((start, version) for version, start in first.items())[1:]

    def holds(self, row: Row) -> bool:
        """Whether a row (of a point or a profile) is not of an outvoted version."""
        return not self.outvoted or (row["window_start"], row["version"]) not in self.outvoted

    def only(self, table: pa.Table) -> pa.Table:
        """The rows of `table` (points or profiles) without those of outvoted versions."""
        if not self.outvoted or not table.num_rows:
            return table
        lost = pa.array([_key(start, version) for start, version in self.outvoted], pa.string())
        moments = table.column("window_start").cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).cast(pa.string())
        keys = pc.binary_join_element_wise(moments, table.column("version"), _SEPARATOR)
        return table.filter(pc.invert(pc.is_in(keys, lost)))

    def versions(self) -> Sequence[str]:
        """Every version with a window, the one that was released last first."""
        born: dict[str, datetime] = {}
        for start, version in [*self.standing.items(), *sorted(self.outvoted)]:
            born[version] = min(start, born.get(version, start))
        return sorted(born, key=lambda version: (born[version], version), reverse=True)


def windows_of(points: pa.Table) -> dict[datetime, datetime]:
    """Start and end of every window of some points, newest first."""
    found = points.group_by(["window_start", "window_end"]).aggregate([]).to_pylist()
    return dict(sorted(((row["window_start"], row["window_end"]) for row in found), reverse=True))


def _key(start: datetime, version: str) -> str:
    return f"{round(start.timestamp() * 1_000_000)}{_SEPARATOR}{version}"
