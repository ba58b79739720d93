"""Why a model has its status: drift, performance with mature labels, latency and errors, each in a clause with its first window."""

from __future__ import annotations

__all__ = ["Cause", "alarming_metric", "asked_first", "causes", "mature", "one_column", "statuses"]

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from monitoring.charts.numbers import day, with_unit
from monitoring.charts.status import Status, status_of, worst
from monitoring.metrics import METRICS
from pages.findings.drift import DriftRow, Since, is_output
from pages.findings.rows import Row

Sequences = Mapping[str, Sequence[Row]]
"""Rows of points by metric, oldest window first; one version per window, all rows (segment ""), one window size."""

_JUDGED = frozenset({"ok", "warn", "drift"})
_BAD = frozenset({"warn", "drift", "failed"})
# What a reader asks about first, where several metrics are equally bad.
_NAMED = ("accuracy", "recall", "ndcg_at_k", "mae", "precision", "roc_auc", "recall_at_k", "precision_at_k", "average_precision", "rmse",
          "f1", "log_loss", "brier", "expected_calibration_error")  # fmt: skip
_SERVED = ("error_rate", "latency_p95", "latency_p99", "latency_p50", "latency_mean")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One reason for a model's status: `page` has the details, `words` is a clause without a full stop, empty where all is calm."""

    page: str
    status: Status
    words: str = ""
    since: Since | None = None


def causes(rows: Sequences, drift: Sequence[DriftRow], *, zone: str) -> list[Cause]:
    """What there is to say of the model, most alarming first: performance of the newest window with mature labels, drift of the
    newest judged window (`drift`), latency and errors of the newest complete window. A group that nothing was compared in is left out."""
    newest = max((row["window_start"] for some in rows.values() for row in some), default=None)
    found = [_performance(rows, zone, newest), _drift(drift, zone, newest), _served(rows, zone, newest)]
    return sorted((cause for cause in found if cause), key=lambda cause: -cause.status.rank)


def mature(row: Row) -> bool:
    """Whether no label of the row's window is due any more."""
    return not json.loads(row["detail"] or "{}").get("provisional")


def one_column(rows: Sequence[Row]) -> list[Row]:
    """The rows of the overall value; where every value has a column (k of a ranking), those of the largest such column."""
    columns = {row["column"] for row in rows}
    chosen = "" if "" in columns else max(columns, key=_cut, default="")
    return [row for row in rows if row["column"] == chosen]


def statuses(rows: Sequences) -> dict[datetime, tuple[str, str]]:
    """For each window its worst status and the page with the details: drift's, unless mature performance, latency or errors are worse.

    A window with rows and no verdict at all is insufficient."""
    found = {row["window_start"]: ("insufficient_data", "drift") for row in rows.get("rows", ())}
    groups = (("drift", rows.get("drift", ())), ("performance", _mature_rows(rows)), ("traffic", _of(rows, _SERVED)))
    for page, some in groups:
        for row in some:
            before = found.get(row["window_start"], ("none", page))
            counts = row["status"] in _BAD or page == "drift"
            if counts and status_of(row["status"]).rank > status_of(before[0]).rank:
                found[row["window_start"]] = (row["status"], page)
    return dict(sorted(found.items()))


def _mature_rows(rows: Sequences) -> Iterable[Row]:
    return (row for name in rows if _is_performance(name) for row in one_column(rows[name]) if mature(row))


def _of(rows: Sequences, names: Iterable[str]) -> Iterable[Row]:
    return (row for name in names for row in rows.get(name, ()))


def _is_performance(name: str) -> bool:
    return name in METRICS and METRICS[name].group in ("classification", "regression", "ranking")


def asked_first(name: str) -> int:
    """The place of a performance metric among those that are equally bad: what a reader asks about first."""
    return _NAMED.index(name) if name in _NAMED else len(_NAMED)


def alarming_metric(rows: Sequences) -> str | None:
    """The performance metric whose fall the model's status speaks of; None where none with mature labels has fallen."""
    histories = _compared_performance(rows)
    name = _worst_name(histories, asked_first)
    return name if name is not None and histories[name][-1]["status"] in _BAD else None


def _performance(rows: Sequences, zone: str, newest: datetime | None) -> Cause | None:
    """Of the newest window in which a metric with mature labels was compared with the reference."""
    return _worst_of(_compared_performance(rows), "performance", asked_first, zone, newest)


def _compared_performance(rows: Sequences) -> dict[str, list[Row]]:
    return {name: [row for row in one_column(some) if mature(row) and _compared(row)]
            for name, some in rows.items() if _is_performance(name)}


def _served(rows: Sequences, zone: str, newest: datetime | None) -> Cause | None:
    histories = {name: [row for row in rows.get(name, ()) if not row["partial"] and _compared(row)] for name in _SERVED}
    return _worst_of(histories, "traffic", _SERVED.index, zone, newest)


def _compared(row: Row) -> bool:
    return row["status"] in _BAD or (row["status"] in _JUDGED and row["threshold"] is not None)


def _worst_of(histories: Mapping[str, list[Row]], page: str, order: Callable[[str], int], zone: str,
              newest: datetime | None) -> Cause | None:
    name = _worst_name(histories, order)
    if name is None:
        return None
    status = status_of(histories[name][-1]["status"])
    if status.name not in _BAD:
        return Cause(page=page, status=status)
    run = list(takewhile(lambda row: row["status"] in _BAD, reversed(histories[name])))
    since = Since(run[-1]["window_start"], len(run) == len(histories[name]))
    return Cause(page=page, status=status, words=_moved(name, run[-1], since, zone, newest), since=since)


def _worst_name(histories: Mapping[str, list[Row]], order: Callable[[str], int]) -> str | None:
    """The worst metric of the newest window that any of the histories has; among equals the first in `order`."""
    last = max((some[-1]["window_start"] for some in histories.values() if some), default=None)
    names = [name for name, some in histories.items() if some and some[-1]["window_start"] == last]
    return min(names, key=lambda name: (-status_of(histories[name][-1]["status"]).rank, order(name)), default=None)


def _moved(name: str, row: Row, since: Since, zone: str, newest: datetime | None) -> str:
    """`recall fell to 14.3 % on 29 Oct`: the first window of the unbroken run; with an older beginning the run has no first one."""
    metric, when = METRICS[name], day(since.start, zone, beside=newest)
    label = metric.label.replace("@k", "@" + row["column"].removeprefix("k=")) if row["column"] else metric.label
    label = label if label[1:2].isupper() else label[0].lower() + label[1:]
    if row["value"] is None:
        return f"{label} could not be computed on {when}"
    value = with_unit(row["value"], metric.unit)
    if since.at_least:
        return f"{label} has been {'low' if metric.direction == 'higher' else 'high'} since {when} or before ({value} then)"
    return f"{label} {'fell' if metric.direction == 'higher' else 'rose'} to {value} on {when}"


def _drift(found: Sequence[DriftRow], zone: str, newest: datetime | None) -> Cause | None:
    """`3 features and prediction drifted since 30 Oct`."""
    if not found:
        return None
    status, drifted = worst(row.status for row in found), [row for row in found if row.status == "drift"]
    if not drifted:
        wrong = [row for row in found if row.status in _BAD]
        words = f"drift of {wrong[0].column}: {status_of(wrong[0].status).word.lower()}" if wrong else ""
        return Cause(page="drift", status=status, words=words)
    features = sum(not is_output(row.column) for row in drifted)
    what = [f"{features} feature{'s' if features != 1 else ''}"] if features else []
    scores = [row.column for row in drifted if row.column.startswith("score:")]
    what += [row.column for row in drifted if is_output(row.column) and row.column not in scores]
    what += [f"{len(scores)} scores" if len(scores) > 1 else scores[0]] if scores else []
    since = min((row.since for row in drifted if row.since), default=None)
    named = ", ".join(what[:-1]) + (" and " if len(what) > 1 else "") + what[-1]
    when = f" since {day(since.start, zone, beside=newest)}{' or before' if since.at_least else ''}" if since else ""
    return Cause(page="drift", status=status, words=f"{named} drifted{when}", since=since)


def _cut(column: str) -> int:
    digits = column.removeprefix("k=")
    return int(digits) if digits.isdigit() else -1
