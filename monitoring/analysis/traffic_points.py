"""Traffic, latency and labels of a window: counts from the store, intervals from here."""

from __future__ import annotations

__all__ = ["add_labels", "add_traffic"]

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from monitoring.analysis.baseline import Baseline
from monitoring.findings import Findings
from monitoring.performance.comparing import judged
from monitoring.performance.found import too_few
from monitoring.performance.intervals import Interval, wilson
from monitoring.performance.timings import DELAYS, LEAST, QUANTILES, Timed
from monitoring.verdicts import Verdict
from monitoring.windows import Window

_SLOWER = 0.2  # of the reference: below that a release is slower but not slow
_NO_LATENCY = "no call of the window has a latency: log it with latency_ms"


def add_traffic(found: Findings, row: Mapping[str, Any], intervals: Mapping[str, Interval | None], window: Window,
                baseline: Baseline | None, now: datetime) -> None:  # fmt: skip
    """rows, throughput, error_rate, duplicate_share and latencies, from a row of `Store.traffic` and the intervals of its latencies."""
    rows, duplicates = int(row["rows"]), int(row["duplicates"])
    found.add("rows", float(rows))
    seconds = (min(window.end, now) - window.start).total_seconds()
    if seconds > 0:
        sampled = {"calls": row["weight"]} if row["weight"] != rows else {}
        found.add("throughput", row["weight"] / seconds, detail={"seconds": seconds, **sampled})
    else:
        found.add("throughput", reason="the window has no duration")
    _add_error_rate(found, row)
    _add_share(found, "duplicate_share", duplicates, rows + duplicates, "the window has no call")
    _add_latencies(found, row, intervals, baseline.latencies if baseline else {})


def add_labels(found: Findings, rows: int, labelled: int, delays: Mapping[str, Timed]) -> None:
    """label_coverage, and the label delay's median and 95th percentile in seconds from the prediction to its label."""
    _add_share(found, "label_coverage", labelled, rows, "the window has no prediction")
    for metric in DELAYS:
        if metric in delays:
            value, interval, n = delays[metric]
            found.add(metric, value, n=n, **_edges(interval))
        else:
            found.add(metric, n=0, reason="no label of the window has a time")


def _add_error_rate(found: Findings, row: Mapping[str, Any]) -> None:
    """Of the calls, not of the rows: a sampled log keeps every error and some of the rest, which stand for those left out."""
    rows, errors, calls = int(row["rows"]), int(row["errors"]), float(row["weight"])
    if not _differ(rows, calls, float(row["weight_squares"])):
        _add_share(found, "error_rate", errors, rows, "the window has no call")
        return
    share, worth = row["error_weight"] / calls, calls**2 / row["weight_squares"]  # Kish 1965, §11.7, as in performance.intervals
    found.add("error_rate", share, n=rows, detail={"weighted": True, "calls": calls}, **_edges(wilson(share * worth, worth)))


def _differ(rows: int, weight: float, squares: float) -> bool:
    """Whether rows have different weights, by Cauchy and Schwarz: only equal ones give (sum w)² = n sum w²."""
    return rows > 0 and weight**2 < squares * rows * (1 - 1e-12)


def _add_share(found: Findings, metric: str, count: int, n: int, nothing: str) -> None:
    if n:
        found.add(metric, count / n, n=n, **_edges(wilson(count, n)))
    else:
        found.add(metric, n=0, reason=nothing)


def _add_latencies(found: Findings, row: Mapping[str, Any], intervals: Mapping[str, Interval | None], usual: Mapping[str, Timed]) -> None:
    n = int(row["n_latency"])
    for metric in (*QUANTILES, "latency_mean"):
        value = row[metric]
        if not n or value is None:
            found.add(metric, n=0, reason=_NO_LATENCY)
            continue
        interval, reference = intervals.get(metric), usual.get(metric)
        verdict = Verdict(status="ok")
        few = too_few(n, "call", LEAST[metric], of="with a latency") if metric in LEAST else None
        if few and reference is not None:
            verdict = Verdict(status="insufficient_data", reason=few)
        elif interval is not None and reference is not None:
            verdict = judged(value, interval, reference[0], reference[1], "lower", n=n, n_reference=reference[2], minimum_loss=_SLOWER)
        found.add(metric, value, status=verdict.status, reason=verdict.reason, threshold=verdict.threshold, n=n,
                  n_reference=reference[2] if reference else 0, detail={"reference": reference[0] if reference else None},
                  **_edges(interval))  # fmt: skip


def _edges(interval: Interval | None) -> dict[str, Any]:
    return {"lower": interval.lower, "upper": interval.upper, "method": interval.method} if interval else {}
