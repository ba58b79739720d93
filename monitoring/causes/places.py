"""Which segment a finding sits in: one value of a segment column that carries most of it, or none. Pure."""

from __future__ import annotations

__all__ = ["place_of"]

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from monitoring.metrics import METRICS
from monitoring.segments.naming import conditions

Row = Mapping[str, Any]

_ADDS_UP = frozenset({"accuracy", "precision", "recall", "f1", "brier", "log_loss", "mae", "mape", "error_rate"})
_MOST = 0.5  # share of the loss from which a segment is named …
_FACTOR = 1.5  # … if it is that much more than its share of the rows
_JUDGED, _BAD = frozenset({"ok", "warn", "drift"}), frozenset({"warn", "drift"})


def place_of(row: Row, segments: Iterable[Row]) -> tuple[str, str]:
    """The name of the segment, or "", and one sentence. `segments` are all points of single segments in the finding's window."""
    parts: dict[str, list[Row]] = defaultdict(list)
    rows: dict[str, float] = {}
    for point in segments:
        where = conditions(point["segment"])
        if len(where) != 1:
            continue
        if point["metric"] == "rows":
            rows[point["segment"]] = point["value"] or 0.0
        if (point["metric"], point["column"]) == (row["metric"], row["column"]):
            parts[where[0][0]].append(point)
    if not parts:
        return "", "No segment has this metric."
    if row["metric"] in _ADDS_UP:
        found = _by_loss(row, parts, rows)
        if found:
            return found
    return _by_verdict(parts)


def _by_loss(row: Row, parts: Mapping[str, Sequence[Row]], rows: Mapping[str, float]) -> tuple[str, str] | None:
    """Each segment's share of the loss: its weight times how much worse it is than the reference. Of a mean these add up to the whole."""
    usual = _detail(row).get("reference")
    if usual is None:
        return None
    sign = 1.0 if METRICS[row["metric"]].direction == "lower" else -1.0
    best: tuple[float, str, float] | None = None
    for points in parts.values():
        known = [point for point in points if point["value"] is not None]
        lost = {point["segment"]: sign * (point["value"] - _detail(point).get("reference", usual)) * _weight(point) for point in known}
        whole, total = sum(value for value in lost.values() if value > 0), sum(rows.get(name, 0.0) for name in lost)
        for point in known:
            name = point["segment"]
            edge = point["upper"] if sign < 0 else point["lower"]
            surely = edge is not None and sign * (edge - _detail(point).get("reference", usual)) > 0
            share, size = (lost[name] / whole if whole else 0.0), (rows.get(name, 0.0) / total if total else 1.0)
            if surely and len(known) > 1 and share >= max(_MOST, _FACTOR * size) and (best is None or share - size > best[0]):
                best = share - size, name, share
    if best is None:
        return None
    size = rows[best[1]] / sum(value for name, value in rows.items() if name.split("=")[0] == best[1].split("=")[0])
    return best[1], f"{100 * best[2]:.0f} % of the loss lies in {best[1]}, which has {100 * size:.0f} % of the rows."


def _by_verdict(parts: Mapping[str, Sequence[Row]]) -> tuple[str, str]:
    """The one segment of its column that is judged bad while all others are judged and calm."""
    alone, everywhere, judged_any = [], True, False
    for points in parts.values():
        judged = [point for point in points if point["status"] in _JUDGED]
        bad = [point for point in judged if point["status"] in _BAD]
        judged_any |= bool(judged)
        everywhere &= len(bad) == len(judged)
        if len(bad) == 1 and len(judged) > 1:
            alone.append((len(judged), bad[0]["segment"]))
    if alone:
        others, name = max(alone)
        return name, f"Of {others} judged values of {name.split('=')[0]} it shows in {name} alone."
    if not judged_any:
        return "", "Cannot tell: no segment has rows enough to be judged."
    return "", "It shows in every judged segment." if everywhere else "Cannot tell: it shows in several segments and not in others."


def _weight(point: Row) -> float:
    return float(_detail(point).get("of") or point["n"] or 0)


def _detail(point: Row) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(point["detail"] or "{}")
    return found
