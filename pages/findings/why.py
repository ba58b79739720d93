"""When and why, as the pages say it: causes as rows of a table, and the newest verdict on all features together in words."""

from __future__ import annotations

__all__ = ["main_reasons", "together", "why_table"]

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from monitoring.charts.numbers import moment, number
from monitoring.charts.status import status_of
from monitoring.metrics import METRICS
from pages.findings.causes import asked_first, one_column

METHOD_LABELS = {"domain_classifier": "Domain classifier", "pca_reconstruction": "PCA reconstruction"}
_NAMED = 4  # drivers in a cell


def why_table(causes: Sequence[dict[str, Any]], zone: str) -> pa.Table:
    """One row per open finding, worst and oldest first."""
    rows = sorted(causes, key=lambda row: (-status_of(row["status"]).rank, row["since"], row["metric"], row["column"]))
    return pa.table({
        "Status": [status_of(row["status"]).text for row in rows], "Finding": [_finding(row) for row in rows],
        "Since": [moment(row["since"], zone) + (" or before" if row["since_earliest"] is None else "") for row in rows],
        "What changed": [_kind(row["kind"]) for row in rows], "In": [row["segment"] for row in rows],
        "Carried by": [_drivers(json.loads(row["drivers"])) for row in rows], "Between": [_between(row, zone) for row in rows],
        "Why": [f"{row['kind_reason']} {row['segment_reason']}".strip() for row in rows],
    })  # fmt: skip


def main_reasons(causes: Sequence[dict[str, Any]], zone: str) -> list[str]:
    """One model's causes in at most two clauses: its worst metric's – the one on its card –, and that of all features together."""
    groups = ("classification", "regression", "ranking")
    overall = [row for row in causes if row["metric"] in METRICS and METRICS[row["metric"]].group in groups]
    first = min(overall, key=lambda row: (-status_of(row["status"]).rank, asked_first(row["metric"])), default=None)
    worst = one_column([row for row in overall if first is not None and row["metric"] == first["metric"]])[:1]
    together = [row for row in causes if row["method"] == "domain_classifier"]
    return [_clause(row, zone) for row in (*worst, *together)]


def _clause(row: Mapping[str, Any], zone: str) -> str:
    """`Recall since 17 May 2026 00:00: the relation changed, in channel=wallet`."""
    carried = _drivers(json.loads(row["drivers"])) if row["method"] == "domain_classifier" else ""
    kind = "population or relation: cannot tell" if row["kind"] == "cannot tell" else f"the {row['kind']} changed" if row["kind"] else ""
    parts = [kind, f"in {row['segment']}" if row["segment"] else "", f"carried by {carried}" if carried else ""]
    before = " or before" if row["since_earliest"] is None else ""
    return f"{_finding(row)} since {moment(row['since'], zone)}{before}: {', '.join(part for part in parts if part)}"


def together(points: Sequence[dict[str, Any]]) -> list[str]:
    """A sentence for each method's `multivariate_drift` point of one window, with its drivers."""
    said = []
    for row in points:
        score = "" if row["value"] is None else f" {number(row['value'])}"
        limit = "" if row["threshold"] is None else f", threshold {number(row['threshold'])}"
        drivers = _drivers(json.loads(row["detail"] or "{}").get("drivers") or {})
        carried = f", carried by {drivers}" if drivers else ""
        why = f": {row['reason']}" if row["value"] is None and row["reason"] else ""
        said.append(f"{status_of(row['status']).text} – {METHOD_LABELS.get(row['method'], row['method'])}{score}{limit}{carried}{why}")
    return said


def _finding(row: Mapping[str, Any]) -> str:
    if row["metric"] == "multivariate_drift":
        return f"All features together ({METHOD_LABELS.get(row['method'], row['method'])})"
    if row["metric"] == "drift":
        return f"Drift of {row['column']}"
    metric = METRICS[row["metric"]]
    if metric.column == "k" and row["column"]:
        return metric.label.replace("@k", "@" + row["column"].removeprefix("k="))
    return f"{metric.label} {row['column']}".strip()


def _between(row: dict[str, Any], zone: str) -> str:
    if row["since_earliest"] is None or row["since_earliest"] == row["since_latest"]:
        return ""
    return f"{moment(row['since_earliest'], zone)} – {moment(row['since_latest'], zone)}"


def _kind(kind: str) -> str:
    return {"": "–", "cannot tell": "Cannot tell"}.get(kind, f"The {kind}")


def _drivers(shares: dict[str, float]) -> str:
    ranked = sorted(shares.items(), key=lambda pair: -pair[1])[:_NAMED]
    return ", ".join(f"{name} {100 * share:.0f} %" for name, share in ranked if share >= 0.01)
