"""Which window of a performance history speaks for now, and what it says."""

from __future__ import annotations

__all__ = ["judged", "metric_name", "since", "verdict"]

from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any

from monitoring.charts.status import Status, worst
from monitoring.metrics import METRICS
from pages.findings.causes import mature
from pages.findings.drift import Since

Row = dict[str, Any]
_BAD = frozenset({"warn", "drift"})


def judged(rows: Sequence[Row]) -> list[Row]:
    """The rows with a verdict on labels that are all in; where there are none, those whose labels are, then those with a verdict; where
    there are none either, all. Labels that are still coming come first for one kind of outcome, so a verdict on them can wait."""
    settled = [row for row in rows if mature(row)]
    return [row for row in settled if row["status"] != "insufficient_data"] or settled or _with_verdict(rows) or list(rows)


def verdict(rows: Sequence[Row], main: str) -> tuple[datetime, Status]:
    """The start of the window that speaks for now, and the worst status of it: by the metric `main`, because a window only its counts judge
    says little, and where that could not be judged anywhere, by any metric. `rows` (at least one) have values."""
    own = [row for row in rows if row["metric"] == main]
    newest = max(row["window_start"] for row in judged(own if _with_verdict(own) else rows))
    return newest, worst(row["status"] for row in rows if row["window_start"] == newest)


def since(row: Row, history: Sequence[Row], causes: Sequence[Row]) -> Since | None:
    """Since when a metric is as bad as its `row` says: where its cause is known the change-point of that, else the start of the unbroken
    run of bad windows in `history` (oldest first, `row` among them). None where it is not bad."""
    if row["status"] not in _BAD:
        return None
    for cause in causes:
        if (cause["metric"], cause["column"]) == (row["metric"], row["column"]):
            return Since(cause["since"], cause["since_earliest"] is None)
    past = [one for one in history if one["window_start"] <= row["window_start"]]
    run = list(takewhile(lambda one: one["status"] in _BAD, reversed(past)))
    return Since(run[-1]["window_start"], len(run) == len(past))


def metric_name(metric: str, column: str) -> str:
    """`NDCG@5`, `Recall, benign`, `Accuracy`."""
    if METRICS[metric].column == "k" and column:
        return METRICS[metric].label.replace("@k", "@" + column.removeprefix("k="))
    return METRICS[metric].label + (f", {column}" if column else "")


def _with_verdict(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["status"] != "insufficient_data"]
