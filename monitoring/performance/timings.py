"""Latencies and label delays of many windows: quantiles and means with their intervals. Pure."""

from __future__ import annotations

__all__ = ["DELAYS", "LEAST", "QUANTILES", "Timed", "delay_quantiles", "latency_intervals"]

from collections.abc import Mapping
from math import ceil, log

import numpy as np

from .groups import Groups
from .intervals import LEVEL, Floats, Interval, of_means, of_quantiles

QUANTILES: Mapping[str, float] = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}
DELAYS: Mapping[str, float] = {"label_delay_p50": 0.5, "label_delay_p95": 0.95}
LEAST: Mapping[str, int] = {metric: ceil(log((1 - LEVEL) / 2) / log(share)) for metric, share in QUANTILES.items()}
"""Calls from which on the largest latency lies above the quantile in 97.5 % of windows, so that there is an interval."""
Timed = tuple[float, Interval | None, int]
"""A value, its interval, and of how many rows."""


def latency_intervals(latencies: Floats, groups: Groups) -> list[dict[str, Interval | None]]:
    """The intervals of each group's latency metrics; `latencies` has one entry per entry of `groups`, not finite where there is none."""
    part = groups.within(np.isfinite(latencies))
    values = latencies[part.rows]
    found = {metric: of_quantiles(values, share, part) for metric, share in QUANTILES.items()}
    found["latency_mean"] = of_means(values, part, low=0.0)
    return [{metric: intervals.at(group) for metric, intervals in found.items()} for group in range(len(groups))]


def delay_quantiles(delays: Floats, groups: Groups) -> list[dict[str, Timed]]:
    """Each group's quantiles of label delays in seconds, NaN where a row has none; nothing for a group without a delay."""
    part = groups.within(np.isfinite(delays))
    values = delays[part.rows]
    ordered = values[part.order(values)]
    found = {metric: (_quantile(ordered, share, part), of_quantiles(values, share, part)) for metric, share in DELAYS.items()}
    return [{metric: (float(value[group]), intervals.at(group), int(n)) for metric, (value, intervals) in found.items()} if n else {}
            for group, n in enumerate(part.sizes)]  # fmt: skip


def _quantile(ordered: Floats, share: float, groups: Groups) -> Floats:
    """Between the two nearest ranks, as numpy's default; any number for a group without rows."""
    if not len(ordered):
        return np.zeros(len(groups))
    at = share * np.maximum(groups.sizes - 1, 0)
    low = np.floor(at).astype(np.intp)
    first, second = (ordered[np.clip(groups.edges[:-1] + np.minimum(rank, np.maximum(groups.sizes - 1, 0)), 0, len(ordered) - 1)]
                     for rank in (low, low + 1))  # fmt: skip
    return np.asarray(first + (second - first) * (at - low))
