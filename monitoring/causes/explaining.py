"""Points into causes: what is open in the newest judged window, since when, and why. Pure."""

from __future__ import annotations

__all__ = ["NEEDED", "explain"]

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from math import log10
from typing import Any

import pyarrow as pa

from monitoring.causes.change_points import change_point
from monitoring.causes.kinds import CANNOT_TELL, kind_of
from monitoring.causes.places import place_of
from monitoring.drift import METHODS, base_method
from monitoring.metrics import METRICS
from storage.points import CAUSES

Row = Mapping[str, Any]
Segments = Callable[[datetime, datetime], Sequence[Row]]

_GROUPS = frozenset({"drift", "classification", "regression", "ranking", "traffic"})
NEEDED = sorted(name for name, metric in METRICS.items() if metric.group in _GROUPS | {"causes"} and name != "drift_share")
"""The metrics whose points `explain` reads."""

_JUDGED, _BAD = frozenset({"ok", "warn", "drift"}), frozenset({"warn", "drift"})
_NAMED = 3  # drivers in a sentence


def explain(points: pa.Table, segments: Segments, *, importances: Mapping[str, float] | None = None) -> pa.Table:
    """One row per open finding, in the shape of `CAUSES`.

    `points` are those of one model and name of windows, of all versions, of all rows (segment ""). `segments(start, end)` gives the
    points of the segments in that window. `importances` of features, where known, weight the drivers; only their ratios count.
    """
    rows = _of_leading_version([row for row in points.to_pylist() if not row["partial"] and not row["segment"]])
    series: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    beside: dict[datetime, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row["window_start"]):
        if row["metric"] == "multivariate_drift" or METRICS[row["metric"]].group == "causes":
            beside[row["window_start"]].append(row)
        if METRICS[row["metric"]].group in _GROUPS and _judged(row):
            together = row["method"] if row["metric"] == "multivariate_drift" else ""
            series[row["metric"], row["column"], together].append(row)
    seen: dict[datetime, Sequence[Row]] = {}
    found = []
    for past in series.values():
        if past[-1]["status"] in _BAD:
            start, end = past[-1]["window_start"], past[-1]["window_end"]
            if start not in seen:
                seen[start] = segments(start, end)
            found.append(_cause(past, beside[start], seen[start], importances or {}))
    return pa.Table.from_pylist(found, schema=CAUSES)


def _of_leading_version(rows: Sequence[Row]) -> list[Row]:
    """Of versions with the same window the one with more rows: a series is of what most calls got."""
    leading: dict[datetime, tuple[float, str]] = {}
    for row in rows:
        if row["metric"] == "rows":
            mine = (row["value"] or 0.0, row["version"])
            leading[row["window_start"]] = max(leading.get(row["window_start"], mine), mine)
    return [row for row in rows if leading.get(row["window_start"], (0.0, row["version"]))[1] == row["version"]]


def _judged(row: Row) -> bool:
    """With a verdict, on labels that are all in: what may still change has no beginning yet."""
    if row["status"] not in _JUDGED or row["value"] is None:
        return False
    return METRICS[row["metric"]].group in ("drift", "traffic") or not _detail(row).get("provisional")


def _cause(past: Sequence[Row], beside: Sequence[Row], segments: Sequence[Row], importances: Mapping[str, float]) -> dict[str, Any]:
    newest = past[-1]
    same = [row for row in past if row["method"] == newest["method"] or METRICS[row["metric"]].group != "drift"]
    change = change_point([_height(row) for row in same], [row["status"] in _BAD for row in same])
    effects = {row["metric"]: row for row in beside if row["column"] == newest["metric"] and METRICS[row["metric"]].group == "causes"}
    kind, kind_reason = kind_of(newest, effects)
    segment, segment_reason = place_of(newest, segments)
    drivers = _drivers(newest, beside, importances)
    since = {"since": same[change.at]["window_start"], "since_latest": same[change.upper]["window_start"],
             "since_earliest": None if change.at_least else same[change.lower]["window_start"]}  # fmt: skip
    told = {name: newest[name] for name in ("model", "version", "window", "window_start", "window_end", "metric", "column", "method",
                                            "status", "value")}  # fmt: skip
    told |= {"kind": kind, "kind_reason": kind_reason, "segment": segment, "segment_reason": segment_reason,
             "drivers": json.dumps(drivers, ensure_ascii=False), "computed_at": newest["computed_at"], **since}  # fmt: skip
    return told | {"sentence": _sentence(told, drivers)}


def _height(row: Row) -> float:
    """The value, upwards worse or better alike; of a p-value its order of magnitude, because it falls by powers of ten."""
    known = METHODS.get(base_method(row["method"] or "")) if row["metric"] == "drift" else None
    return float(row["value"]) if known is None or known.larger_is_drift else -log10(max(row["value"], 1e-300))


def _drivers(newest: Row, beside: Sequence[Row], importances: Mapping[str, float]) -> dict[str, float]:
    """Features' shares of the drift of all features together in the same window, times their importance where that is known.

    Of the drift of one feature there is nothing to share; where no drift of all together was found, no input carries it.
    """
    if newest["metric"] == "drift" and newest["column"] not in ("prediction", "score", "label") and ":" not in newest["column"]:
        return {}
    if METRICS[newest["metric"]].group == "traffic":
        return {}
    wanted = newest["method"] if newest["metric"] == "multivariate_drift" else "domain_classifier"
    shares: dict[str, float] = next((_detail(row).get("drivers") or {} for row in beside if row["method"] == wanted), {})
    if importances:
        shares = {name: share * max(importances.get(name, 0.0), 0.0) for name, share in shares.items()}
    total = sum(shares.values())
    ranked = sorted(((share / total, name) for name, share in shares.items() if share > 0), reverse=True) if total else []
    return {name: round(share, 4) for share, name in ranked}


def _sentence(told: Mapping[str, Any], drivers: Mapping[str, float]) -> str:
    """`Since 17 May 2026 00:00 UTC; carried by amount (40 %), channel (31 %); in channel=wallet; the relation changed.`"""
    parts = [_since(told)]
    if drivers:
        parts.append("carried by " + ", ".join(f"{name} ({100 * share:.0f} %)" for name, share in list(drivers.items())[:_NAMED]))
    if told["segment"]:
        parts.append(f"in {told['segment']}")
    if told["kind"] == CANNOT_TELL:
        parts.append(f"population or relation: cannot tell ({told['kind_reason'].rstrip('.')})")
    elif told["kind"] and METRICS[told["metric"]].group != "drift":
        parts.append(f"the {told['kind']} changed")
    return "; ".join(parts) + "."


def _since(told: Mapping[str, Any]) -> str:
    if told["since_earliest"] is None:
        return f"Since {_moment(told['since'])} or before"
    if told["since_earliest"] == told["since_latest"]:
        return f"Since {_moment(told['since'])}"
    return f"Since {_moment(told['since'])} (between {_moment(told['since_earliest'])} and {_moment(told['since_latest'])})"


def _moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _detail(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["detail"] or "{}")
    return found
