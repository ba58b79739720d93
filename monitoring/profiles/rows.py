"""One row of PROFILES, without what all rows of a window share."""

from __future__ import annotations

__all__ = ["Row", "row"]

from typing import Any

Row = dict[str, Any]


def row(
    kind: str,
    *,
    value: float,
    column: str = "",
    series: str = "current",
    n: int | None = None,
    x: float | None = None,
    x_end: float | None = None,
    label: str = "",
) -> Row:
    """Plain Python numbers, as Arrow wants them."""
    return {
        "kind": kind,
        "column": column,
        "series": series,
        "label": label,
        "value": float(value),
        "x": None if x is None else float(x),
        "x_end": None if x_end is None else float(x_end),
        "n": None if n is None else int(n),
    }
