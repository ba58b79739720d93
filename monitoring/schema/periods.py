"""Lengths of time and of rows as people write them: `7d`, `15min`, `1mo`, `rows:5000`."""

from __future__ import annotations

__all__ = ["delay_text", "parse_delay", "window_name"]

import re
from collections.abc import Mapping
from datetime import timedelta

_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_LENGTH = re.compile(r"([0-9]{1,9})(s|min|h|d|w)")
_ROWS = re.compile(r"rows:\s?([0-9]{1,12})")
_LONGEST = timedelta(days=36525)  # a century: longer is a slip of the pen


def parse_delay(value: object) -> timedelta:
    """`7d`, `12h` or a timedelta as a timedelta. Raises ValueError with what is valid."""
    if isinstance(value, timedelta):
        found = value
    else:
        match = _LENGTH.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            raise ValueError(f"{_shown(value)} is no length of time; write a number and s, min, h, d or w, such as 7d")
        found = timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
    if not timedelta(0) <= found <= _LONGEST:
        raise ValueError(f"{_shown(value)} is out of range; a delay lies between 0s and 100 years")
    return found


def delay_text(delay: timedelta) -> str:
    """The shortest spelling that `parse_delay` reads back; parts of a second are dropped."""
    seconds = int(delay.total_seconds())
    for unit in ("d", "h", "min"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds // _SECONDS[unit]}{unit}"
    return f"{seconds}s"


def window_name(value: object) -> str:
    """The one spelling of a window: `1d`, `1mo`, `rows:5000`; also from `{"rows": 5000}`. Raises ValueError with what is valid."""
    if isinstance(value, Mapping) and set(value) == {"rows"}:
        rows = value["rows"]
        if isinstance(rows, int) and not isinstance(rows, bool):
            value = f"rows:{rows}"
    if isinstance(value, str):
        text = value.strip()
        if text == "1mo":
            return text
        counted = _ROWS.fullmatch(text)
        if counted and int(counted[1]) > 0:
            return f"rows:{int(counted[1])}"
        timed = _LENGTH.fullmatch(text)
        if timed and 0 < int(timed[1]) * _SECONDS[timed[2]] <= _LONGEST.total_seconds():
            return f"{int(timed[1])}{timed[2]}"
    raise ValueError(f"{_shown(value)} is no window; write 1d, 6h, 15min, 30s, 1w, 1mo or rows: 5000")


def _shown(value: object) -> str:
    text = f'"{value}"' if isinstance(value, str) else type(value).__name__ if isinstance(value, dict | list) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"
