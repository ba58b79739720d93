"""Values as JSON, a terminal and a sentence can carry them."""

from __future__ import annotations

__all__ = ["counted", "jsonable", "printable"]

import math
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from monitoring.moments import iso


def jsonable(value: Any) -> Any:
    """`value` with times as ISO 8601 text in UTC, durations in seconds, paths and unknown things as text.

    NaN and the infinities become the words `NaN`, `Infinity` and `-Infinity`, as in protobuf's JSON mapping, because JSON
    has no such numbers and null would mean "missing".
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _word(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    return value.isoformat() if isinstance(value, date) else _text(value)


def counted(n: int, noun: str) -> str:
    """`1 row`, `2 rows`, `12,000 labelled rows`; `noun` is the singular."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def printable(text: object) -> str:
    """`text` on one line with control characters written out, so that a logged name cannot steer the terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text))


def _word(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
