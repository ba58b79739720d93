"""What the overview says of each model, and the one sentence above all of them."""

from __future__ import annotations

__all__ = ["MAIN_METRIC", "Fact", "Summary", "headline", "summarise"]

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from monitoring.charts.numbers import interval, moment, number, with_unit
from monitoring.charts.status import Status, status_of, worst
from monitoring.metrics import METRICS
from pages.findings.drift import DriftRow, Since, drift_rows, is_output, newest_complete, newest_judged

MAIN_METRIC = {"binary": "roc_auc", "multiclass": "accuracy", "regression": "mae", "ranking": "ndcg_at_k"}
"""The metric that stands on a model's card: the one of its task that needs no cut and no choice of class."""

Points = Callable[[str], pa.Table]
"""Points of one metric of the model, all rows (segment ""), its default window, in the range."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One number on a card: what it is, in words with its unit, what it rests on, and its course (oldest first, None is a gap)."""

    label: str
    value: str
    note: str = ""
    course: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One model: how it is, why, and the facts of its card. `strip` is the status of each window, oldest first."""

    model: str
    version: str
    task: str
    status: Status
    reason: str
    since: Since | None
    facts: tuple[Fact, ...]
    strip: Mapping[datetime, str] = field(default_factory=dict)


def summarise(model: str, version: str, spec: Mapping[str, Any], points: Points, *, zone: str) -> Summary:
    """The summary of one model from its points; a model without points has the status `No data yet`."""
    rows, drift = points("rows"), points("drift")
    task = str(spec.get("task", ""))
    start = newest_judged(drift)
    found = drift_rows(drift, start) if start else []
    drifted = [row for row in found if row.status == "drift"]
    features = [row for row in drifted if not is_output(row.column)]
    share = points("drift_share")
    facts = (
        _volume(rows),
        _main(points(MAIN_METRIC.get(task, "")) if task in MAIN_METRIC else drift.slice(0, 0), task, zone),
        _latency(points("latency_p95"), zone),
        Fact("Drifted features", f"{len(features)} of {sum(not is_output(row.column) for row in found)}" if found else "–",
             _names(features), tuple(share.sort_by("window_start").column("value").to_pylist())),
    )
    return Summary(
        model=model, version=version, task=task, status=_status(found, rows), reason=_reason(drifted, found, rows),
        since=min((row.since for row in drifted if row.since), default=None), facts=facts, strip=_strip(drift, rows),
    )


def headline(summaries: Sequence[Summary], *, zone: str) -> str:
    """`1 of 3 models needs attention: card-fraud, 3 features drifted since 4 Nov 2026 00:00 UTC.`"""
    bad = [summary for summary in summaries if summary.status.rank >= status_of("warn").rank]
    if bad:
        named = "; ".join(f"{summary.model}, {summary.reason}{_since(summary, zone)}" for summary in bad[:3])
        more = f"; and {len(bad) - 3} more" if len(bad) > 3 else ""
        return f"{len(bad)} of {_models(len(summaries))} {'needs' if len(bad) == 1 else 'need'} attention: {named}{more}."
    silent = [summary for summary in summaries if summary.status.rank < status_of("ok").rank]
    if len(silent) == len(summaries):
        return "The one model has not been judged yet." if len(silent) == 1 else f"None of the {len(silent)} models has been judged yet."
    rest = f" {len(silent)} could not be judged yet." if silent else ""
    return f"Nothing needs attention: {len(summaries) - len(silent)} of {_models(len(summaries))} judged and calm.{rest}"


def _volume(rows: pa.Table) -> Fact:
    start = newest_complete(rows)
    if start is None:
        return Fact("Predictions", "–", "nothing computed yet")
    ordered = rows.sort_by("window_start")
    newest = ordered.filter(pc.equal(ordered.column("window_start"), start)).to_pylist()[0]
    return Fact("Predictions", with_unit(newest["value"], "rows"), f"in the newest {newest['window']} window",
                tuple(ordered.column("value").to_pylist()))


def _main(points: pa.Table, task: str, zone: str) -> Fact:
    metric = METRICS[MAIN_METRIC[task]] if task in MAIN_METRIC else METRICS["label_coverage"]
    rows = _one_column(points)
    known = [row for row in rows if row["value"] is not None]
    if not known:
        reason = rows[-1]["reason"] if rows else "nothing computed yet"
        return Fact(metric.label, "–", reason or "no labels yet")
    newest = known[-1]
    said = interval(newest["lower"], newest["upper"], metric.unit)
    coverage = f", coverage {with_unit(newest['label_coverage'], 'share')}" if newest["label_coverage"] is not None else ""
    note = f"{said} {number(newest['n_labelled'])} labels until {moment(newest['window_end'], zone)}{coverage}".strip()
    label = f"{metric.label} ({newest['column']})" if newest["column"] else metric.label
    return Fact(label, with_unit(newest["value"], metric.unit), note, tuple(row["value"] for row in rows))


def _one_column(points: pa.Table) -> list[dict[str, Any]]:
    """The rows of the overall value; where every value has a column (k of a ranking), those of the last such column."""
    rows = points.sort_by("window_start").to_pylist()
    columns = {row["column"] for row in rows}
    chosen = "" if "" in columns else max(columns, key=_cut, default="")
    return [row for row in rows if row["column"] == chosen]


def _cut(column: str) -> int:
    digits = column.removeprefix("k=")
    return int(digits) if digits.isdigit() else -1


def _latency(points: pa.Table, zone: str) -> Fact:
    rows = points.sort_by("window_start").to_pylist()
    known = [row for row in rows if row["value"] is not None and not row["partial"]] or [row for row in rows if row["value"] is not None]
    if not known:
        return Fact("Latency p95", "–", "no latency logged")
    newest = known[-1]
    return Fact("Latency p95", with_unit(newest["value"], "ms"), f"until {moment(newest['window_end'], zone)}",
                tuple(row["value"] for row in rows))


def _names(rows: Sequence[DriftRow]) -> str:
    return ", ".join(row.column for row in rows[:3]) + (" …" if len(rows) > 3 else "")


def _status(found: Sequence[DriftRow], rows: pa.Table) -> Status:
    if found:
        return worst(row.status for row in found)
    return status_of("insufficient_data" if rows.num_rows else None)


def _reason(drifted: Sequence[DriftRow], found: Sequence[DriftRow], rows: pa.Table) -> str:
    if drifted:
        features = sum(not is_output(row.column) for row in drifted)
        others = [row.column for row in drifted if is_output(row.column)]
        parts = ([f"{features} feature{'s' if features != 1 else ''}"] if features else []) + others
        return " and ".join(parts) + " drifted"
    if found:
        failed = [row for row in found if row.status in ("failed", "warn")]
        return (failed[0].reason or f"{failed[0].column} {failed[0].status}") if failed else "no drift found"
    return "no drift computed: load a reference" if rows.num_rows else "no predictions computed yet"


def _strip(drift: pa.Table, rows: pa.Table) -> dict[datetime, str]:
    """The worst drift status per window; a window with rows and no verdict is insufficient."""
    found: dict[datetime, list[str]] = {row["window_start"]: [] for row in rows.select(["window_start"]).to_pylist()}
    for row in drift.select(["window_start", "status"]).to_pylist():
        found.setdefault(row["window_start"], []).append(row["status"])
    return {start: worst(statuses).name if statuses else "insufficient_data" for start, statuses in sorted(found.items())}


def _since(summary: Summary, zone: str) -> str:
    if summary.since is None:
        return ""
    return f" since {moment(summary.since.start, zone)} {zone}" + (" or before" if summary.since.at_least else "")


def _models(count: int) -> str:
    return f"{count} model{'s' if count != 1 else ''}"
