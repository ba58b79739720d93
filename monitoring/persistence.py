"""Persistence: a column is named only once it was past its threshold in some of its last windows. Pure.

Windows are computed newest first and again whenever late rows come, so whether a drift lasts cannot be known while its window is computed.
It is a function of the stored points, made at the end of every run (`persisting`): the same points give the same verdicts in any order.
"""

from __future__ import annotations

__all__ = ["METRICS", "hold", "kept", "lasting_share", "promised", "settle", "waiting"]

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.stats import binom, norm

from monitoring.multiplicity import column_level
from monitoring.schema import ModelSchema
from monitoring.schema.settings import Persistence
from monitoring.verdicts import percent

METRICS = ("drift", "multivariate_drift", "drift_share")
"""The metrics whose verdicts wait."""

_JUDGED, _REACHED = frozenset({"ok", "warn", "drift"}), frozenset({"warn", "drift"})
_NO_FINDING = frozenset({"status", "reason", "computed_at", "run"})
_MARK = " Persistence: "  # what follows it in a reason is replaced by every run

_ERRORS = np.linspace(-9, 9, 1_801)  # of the reference, in its standard deviations
_MOST_SHARED = 0.99  # steeper steps than the grid shows; a reference so small is no reference

Row = dict[str, Any]
Together = tuple[str, Any]


Share = Callable[[float], float]
"""`lasting_share` of a model, by how much of a score's variance its windows share."""


@lru_cache(maxsize=1_000)
def lasting_share(level: float, comparisons: int, asked: Persistence, shared: float = 0.0) -> float:
    """About the share of windows without drift in which any of so many comparisons is named, each reaching `level` by chance alone.

    The window itself must reach it, and at least `windows` - 1 of the `of` - 1 before it. All of them are compared with one reference,
    so that `shared` of the variance of each score (n / (n + n_reference) for n rows) is an error that they have in common: given that
    error windows are independent, and the mean over it is taken by the trapezoid rule, for a normal score and a test of both sides. Exact
    where each comparison is named at its `level`; when several are named together, their level is higher.
    """
    if shared:
        reached = norm.isf(level / 2)
        error, own = np.sqrt(shared) * _ERRORS, np.sqrt(1 - shared)
        each = norm.sf((reached - error) / own) + norm.cdf((-reached - error) / own)
    else:
        each = np.full(len(_ERRORS), level)
    lasts = each * binom.sf(asked.windows - 2, asked.of - 1, each)
    return min(comparisons * float(np.average(lasts, weights=norm.pdf(_ERRORS))), 1.0)


def promised(schema: ModelSchema, asked: Persistence) -> Share:
    """The `lasting_share` of a model's features at its own budget."""
    features = len(schema.features)
    level = column_level(schema.drift.false_alarms, features)
    return lambda shared: lasting_share(level, features, asked, shared)


def _shared(rows: Sequence[Row]) -> dict[Together, float]:
    """By segment and window: how much of the variance of a feature's score comes from the reference, at most."""
    found: dict[Together, float] = defaultdict(float)
    for row in rows:
        if row["metric"] == "drift" and row["n"] and row["n_reference"]:
            found[_together(row)] = max(found[_together(row)], round(row["n"] / (row["n"] + row["n_reference"]), 2))
    return {key: min(value, _MOST_SHARED) for key, value in found.items()}


def _together(row: Row) -> Together:
    return row["segment"], row["window_start"]


def waiting(reason: str | None) -> str:
    """What a reason says of how long a drift has lasted, without what that promises; "" where its verdict did not wait."""
    return (reason or "").partition(_MARK)[2].partition(";")[0].rstrip(".")


def hold(points: pa.Table, *, share: Share) -> pa.Table:
    """The points of one window with every drift a warning: what came before is looked at when the run ends. `share` as in `settle`."""
    rows = points.to_pylist()
    shared = _shared(rows)
    for row in rows:
        _promise(row, share(shared.get(_together(row), 0.0)))
        if row["metric"] in METRICS and row["status"] == "drift":
            row |= {"status": "warn", "reason": _alone(row) + _MARK + "the windows before it are looked at when the run ends."}
    return pa.Table.from_pylist(rows, schema=points.schema)


def kept(held: pa.Table, stored: pa.Table) -> pa.Table:
    """Held points of one window, those that were found so before with the verdict that was settled: they supersede nothing."""
    before = {_finding(row): row for row in stored.to_pylist() if row["metric"] in METRICS and row["status"] in _REACHED}
    rows = held.to_pylist()
    for row in rows:
        same = before.get(_finding(row)) if row["metric"] in METRICS and row["status"] in _REACHED else None
        if same is not None:
            row |= {"status": same["status"], "reason": same["reason"]}
    return pa.Table.from_pylist(rows, schema=held.schema)


def _finding(row: Row) -> tuple[Any, ...]:
    return (_alone(row), *(value for name, value in row.items() if name not in _NO_FINDING))


def settle(points: pa.Table, asked: Persistence, *, share: Share) -> pa.Table:
    """Of these points (all windows of one version and name, `METRICS` only) those whose verdict or reason is another now.

    A point that reached its threshold is `drift` where at least `asked.windows` of the last `asked.of` judged windows of the same column
    did, itself among them, else `warn`. `share` is what the reasons promise (`lasting_share`); `drift_share` keeps it in its `detail`.
    """
    rows = sorted(points.to_pylist(), key=lambda row: row["window_start"])
    shared = _shared(rows)
    promise = {id(row): share(shared.get(_together(row), 0.0)) for row in rows}
    changed: dict[int, Row] = {id(row): row for row in rows if _promise(row, promise[id(row)])}
    past: dict[tuple[str, ...], list[bool]] = defaultdict(list)
    lasting: dict[tuple[str, Any], set[str]] = defaultdict(set)
    for row in rows:
        if row["metric"] == "drift_share" or row["status"] not in _JUDGED:
            continue
        seen = past[row["segment"], row["metric"], row["column"], row["method"] if row["metric"] == "multivariate_drift" else ""]
        seen.append(row["status"] in _REACHED)
        if seen[-1]:
            last = seen[-asked.of :]
            if sum(last) >= asked.windows and row["metric"] == "drift":
                lasting[row["segment"], row["window_start"]].add(row["column"])
            _judge(row, sum(last) >= asked.windows, _counted(sum(last), len(last), asked, promise[id(row)]), changed)
    for row in rows:
        drifted = _drifted(row) if row["metric"] == "drift_share" and row["status"] in _REACHED else []
        if drifted:
            named = sorted(set(drifted) & lasting[row["segment"], row["window_start"]])
            said = f"of these {', '.join(named) or 'none'} in {asked.windows} of the last {asked.of} windows"
            _judge(row, bool(named), f"{said}; without drift about {percent(promise[id(row)])} of windows name any so.", changed)
    return pa.Table.from_pylist(list(changed.values()), schema=points.schema)


def _promise(row: Row, share: float) -> bool:
    """Keep the share of windows in which any feature is so named, for pages to tell; whether it was another.

    That of anything at all, features or not, is less by the same factor: both are proportional to the number of comparisons.
    """
    told = json.loads(row["detail"] or "{}") if row["metric"] == "drift_share" else {}
    alone = told.get("false_alarms")
    if not alone or alone == share:
        return False
    anything = told.get("false_alarms_of_anything")
    more = {} if anything is None else {"false_alarms_of_anything": min(anything * share / alone, 1.0)}
    row["detail"] = json.dumps(told | {"false_alarms": share} | more)
    return True


def _counted(reached: int, seen: int, asked: Persistence, share: float) -> str:
    windows = "window" if seen == 1 else "windows"
    return (f"past it in {reached} of the last {seen} {windows}, {asked.windows} of {asked.of} are asked for; without drift about "
            f"{percent(share)} of windows name any feature so.")  # fmt: skip


def _judge(row: Row, lasts: bool, said: str, changed: dict[int, Row]) -> None:
    verdict = {"status": "drift" if lasts else "warn", "reason": _alone(row) + _MARK + said}
    if any(row[name] != value for name, value in verdict.items()):
        row |= verdict
        changed[id(row)] = row


def _alone(row: Mapping[str, Any]) -> str:
    return str(row["reason"] or "").split(_MARK)[0]


def _drifted(row: Mapping[str, Any]) -> Sequence[str]:
    found: Sequence[str] = json.loads(row["detail"] or "{}").get("drifted", [])
    return found
