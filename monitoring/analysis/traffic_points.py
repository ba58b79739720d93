"""Traffic, latency and labels of a window: counts from the store, intervals from here."""

from __future__ import annotations

__all__ = ["add_labels", "add_traffic"]

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.analysis.baseline import Baseline
from monitoring.findings import Findings
from monitoring.performance.comparing import judged
from monitoring.performance.intervals import Interval, of_mean, of_quantile, wilson
from monitoring.profiles import label_delays_of
from monitoring.verdicts import Verdict
from monitoring.windows import Window

Floats = npt.NDArray[np.float64]

_QUANTILES = {"latency_p50": 0.5, "latency_p95": 0.95, "latency_p99": 0.99}
_SLOWER = 0.2  # of the reference: below that a release is slower but not slow
_NO_LATENCY = "no call of the window has a latency: log it with latency_ms"


def add_traffic(found: Findings, row: Mapping[str, Any], frame: pa.Table, window: Window, baseline: Baseline | None, now: datetime) -> None:
    """rows, throughput, error_rate, duplicate_share and latencies, from a row of `Store.traffic` and the window's frame."""
    rows, errors, duplicates = int(row["rows"]), int(row["errors"]), int(row["duplicates"])
    found.add("rows", float(rows))
    seconds = (min(window.end, now) - window.start).total_seconds()
    if seconds > 0:
        found.add("throughput", rows / seconds, detail={"seconds": seconds})
    else:
        found.add("throughput", reason="the window has no duration")
    _add_share(found, "error_rate", errors, rows, "the window has no call")
    _add_share(found, "duplicate_share", duplicates, rows + duplicates, "the window has no call")
    _add_latencies(found, row, _latencies(frame), _latencies(baseline.table) if baseline else np.empty(0))


def add_labels(found: Findings, frame: pa.Table) -> None:
    """label_coverage, and the label delay's median and 95th percentile in seconds from the prediction to its label."""
    labelled = frame.num_rows - frame["@label"].null_count
    _add_share(found, "label_coverage", labelled, frame.num_rows, "the window has no prediction")
    delays = label_delays_of(frame)
    for metric, share in (("label_delay_p50", 0.5), ("label_delay_p95", 0.95)):
        if len(delays):
            found.add(metric, float(np.quantile(delays, share)), n=len(delays), **_edges(of_quantile(delays, share)))
        else:
            found.add(metric, n=0, reason="no label of the window has a time")


def _add_share(found: Findings, metric: str, count: int, n: int, nothing: str) -> None:
    if n:
        found.add(metric, count / n, n=n, **_edges(wilson(count, n)))
    else:
        found.add(metric, n=0, reason=nothing)


def _add_latencies(found: Findings, row: Mapping[str, Any], latencies: Floats, reference: Floats) -> None:
    n = int(row["n_latency"])
    for metric in (*_QUANTILES, "latency_mean"):
        value = row[metric]
        if not n or value is None:
            found.add(metric, n=0, reason=_NO_LATENCY)
            continue
        interval = _interval(metric, latencies)
        usual = _value(metric, reference)
        verdict = Verdict(status="ok")
        if interval is not None and usual is not None:
            verdict = judged(value, interval, usual, _interval(metric, reference), "lower", n=n, n_reference=len(reference),
                             minimum_loss=_SLOWER)  # fmt: skip
        found.add(metric, value, status=verdict.status, reason=verdict.reason, threshold=verdict.threshold, n=n, n_reference=len(reference),
                  detail={"reference": usual}, **_edges(interval))  # fmt: skip


def _value(metric: str, latencies: Floats) -> float | None:
    if not len(latencies):
        return None
    return float(latencies.mean() if metric == "latency_mean" else np.quantile(latencies, _QUANTILES[metric]))


def _interval(metric: str, latencies: Floats) -> Interval | None:
    if metric != "latency_mean":
        return of_quantile(latencies, _QUANTILES[metric])
    return of_mean(latencies, low=0.0) if len(latencies) > 1 else None


def _edges(interval: Interval | None) -> dict[str, Any]:
    return {"lower": interval.lower, "upper": interval.upper, "method": interval.method} if interval else {}


def _latencies(table: pa.Table) -> Floats:
    if "@latency_ms" not in table.column_names:
        return np.empty(0)
    values: Floats = np.asarray(table["@latency_ms"].drop_null().to_numpy(), float)
    return np.asarray(values[np.isfinite(values)])
