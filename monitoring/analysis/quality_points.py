"""Quality per feature: shares of missing, misfitting, out-of-range and new values, judged against what the reference makes likely."""

from __future__ import annotations

__all__ = ["add_quality"]

from collections.abc import Iterable, Mapping
from typing import Any

from scipy.stats import betabinom

from monitoring.analysis.baseline import Baseline
from monitoring.findings import Findings
from monitoring.performance.intervals import wilson
from monitoring.plain import counted

_LEVEL = 0.001  # as for drift: one false alarm in a thousand windows per feature
_WARN, _DRIFT = 0.01, 0.05  # shares above the reference's: below one percent a difference is too small to name
_MINIMUM = 30  # rows, as for drift (verdicts.DriftSettings.minimum_rows)
_NO_REFERENCE = "without a reference nothing is known of its range: load one with `python -m monitoring reference MODEL FILE`"


def add_quality(found: Findings, rows: Iterable[Mapping[str, Any]], baseline: Baseline | None, kinds: Mapping[str, str]) -> None:
    """Points of one window from its rows of `Store.quality` (one per feature)."""
    for row in rows:
        column, n = row["column"], int(row["n"])
        missing, seen_once, present = _of_reference(baseline, column, kinds)
        total = len(baseline) if baseline else 0
        _add(found, "missing_share", column, row["missing"], n, expected=(missing, total))
        _add(found, "type_errors", column, row["type_errors"], n, expected=(0, total))
        if kinds.get(column) == "categorical":
            _add(found, "new_category_share", column, row["new_categories"], n - int(row["missing"]), expected=(seen_once, present))
        elif kinds.get(column) in {"numerical", "datetime"}:
            beyond = None if row["below"] is None else int(row["below"]) + int(row["above"] or 0)
            # Of values drawn alike, the number beyond the reference's extremes is beta-binomial(2, n - 1); Wilks 1941. A datetime moves
            # on with the calendar, so that being beyond says nothing: its drift is judged by its age instead.
            expected = (1, max(present - 1, 0)) if kinds[column] == "numerical" else (0, 0)
            _add(found, "out_of_range_share", column, beyond, n - int(row["missing"]), expected=expected)


def _of_reference(baseline: Baseline | None, column: str, kinds: Mapping[str, str]) -> tuple[int, int, int]:
    """Missing values, categories seen just once (as likely as those never seen; Good 1953) and present values of the reference."""
    missing = baseline.missing(column) if baseline is not None else None
    if baseline is None or missing is None:
        return 0, 0, 0
    once = 0
    if kinds.get(column) == "categorical":
        once = sum(count == 1 for count in baseline.sample(column, "categorical").counts.values())
    return missing, once, len(baseline) - missing


def _add(found: Findings, metric: str, column: str, count: int | None, n: int, *, expected: tuple[int, int]) -> None:
    """`expected` is (how many, of how many) in the reference; a window of the same kind then has a beta-binomial count."""
    if count is None:
        found.add(metric, column=column, n=n, reason=_NO_REFERENCE)
        return
    if n <= 0:
        found.add(metric, column=column, n=0, reason="no row of the window has a value of this feature")
        return
    count = int(count)
    value, interval = count / n, wilson(count, n)
    usual, of = expected
    more: dict[str, Any] = {"column": column, "n": n, "method": "wilson", "lower": interval.lower, "upper": interval.upper}
    if not of:
        found.add(metric, value, **more)
        return
    share = usual / of if metric == "missing_share" else 0.0
    chance = float(betabinom.sf(count - 1, n, usual + 1, of - usual + 1)) if count else 1.0
    excess = value - share
    status, reason = "ok", None
    if n < _MINIMUM:
        status, reason = "insufficient_data", f"Only {counted(n, 'row')} so far; {_MINIMUM} are needed to judge."
    elif chance < _LEVEL and excess >= _WARN:
        status = "drift" if excess >= _DRIFT else "warn"
        reason = f"{count:,} of {n:,} rows; a window like the reference ({usual:,} of {of:,}) has as many in {chance:.2g} of cases"
    found.add(metric, value, status=status, reason=reason, p_value=chance, n_reference=of, detail={"reference": share}, **more)
