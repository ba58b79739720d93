"""Findings about a reference as JSON can carry them, and back: the very same numbers."""

from __future__ import annotations

__all__ = ["binning_of", "measured_of", "sums_of", "tell_binning", "tell_measured", "tell_sums", "tell_timed", "timed_of"]

from collections.abc import Mapping
from dataclasses import asdict, astuple
from typing import Any

import numpy as np

from monitoring.performance import Interval, Key, Measured
from monitoring.performance.timings import Timed
from monitoring.profiles import Binning
from monitoring.segments.gaps import Sums


def tell_measured(found: Mapping[Key, Measured]) -> list[Any]:
    """Performance by (metric, column)."""
    return [[*key, asdict(one)] for key, one in found.items()]


def measured_of(told: list[Any]) -> dict[Key, Measured]:
    """What `tell_measured` told."""
    return {(metric, column): Measured(**{**one, "interval": _interval(one["interval"])}) for metric, column, one in told}


def tell_timed(found: Mapping[str, Timed]) -> dict[str, Any]:
    """Latencies by metric."""
    return {metric: [value, asdict(interval) if interval else None, n] for metric, (value, interval, n) in found.items()}


def timed_of(told: Mapping[str, Any]) -> dict[str, Timed]:
    """What `tell_timed` told."""
    return {metric: (value, _interval(interval), n) for metric, (value, interval, n) in told.items()}


def tell_sums(sums: Sums) -> list[Any]:
    """A rate over some rows."""
    return list(astuple(sums))


def sums_of(told: list[Any]) -> Sums:
    """What `tell_sums` told."""
    return Sums(*told)


def tell_binning(bins: Binning | None) -> dict[str, Any] | None:
    """The bins of a column; the categories that were seen are its sample's, and not told again."""
    if bins is None:
        return None
    return {"edges": None if bins.edges is None else bins.edges.tolist(), "labels": bins.labels, "rows": bins.rows}


def binning_of(told: Mapping[str, Any] | None, column: str, seen: frozenset[str]) -> Binning | None:
    """What `tell_binning` told, under the column's name in points."""
    if told is None:
        return None
    edges = None if told["edges"] is None else np.array(told["edges"], np.float64)
    return Binning(edges, tuple(told["labels"]), seen, tuple({**row, "column": column} for row in told["rows"]))


def _interval(told: Mapping[str, Any] | None) -> Interval | None:
    return None if told is None else Interval(**told)
