"""What is looked at. It lives in the URL: a link reproduces the view, and where URL and memory differ, the URL wins."""

from __future__ import annotations

__all__ = ["DEFAULT_RANGE", "RANGES", "Selection", "choice", "forget", "put", "recall", "time_range"]

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import streamlit as st

RANGES = {"7d": "Last 7 days", "30d": "Last 30 days", "90d": "Last 90 days", "365d": "Last year", "all": "All time", "custom": "From – to"}
DEFAULT_RANGE = "90d"
_MEMORY = "driftboard.selection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the sidebar says. Empty strings where the home has nothing to choose from.

    `since` and `until` bound the range, [since, until), aware UTC; None is unbounded. `range` is their form in the URL. `window` is the
    window's name; `segment` is `""` for all rows; `compare` is `reference`, `previous` or `version:<version>`; `zone` is the IANA name
    in which times are shown.
    """

    model: str = ""
    version: str = ""
    range: str = DEFAULT_RANGE
    since: datetime | None = None
    until: datetime | None = None
    window: str = ""
    compare: str = "reference"
    segment: str = ""
    zone: str = "UTC"


def choice(name: str, options: Sequence[str], default: str) -> str:
    """The valid value of URL parameter `name`: the URL's, else what this session last used, else `default`. Written back to the URL."""
    wanted = recall(name)
    value = wanted if wanted is not None and wanted in options else default
    put(name, value)
    return value


def recall(name: str) -> str | None:
    """The URL's value of a parameter, else what this session last used on any page."""
    if name in st.query_params:
        return str(st.query_params[name])
    memory: dict[str, str] = st.session_state.setdefault(_MEMORY, {})
    return memory.get(name)


def put(name: str, value: str) -> None:
    """Write a parameter to the URL and to the session's memory. Always explicit, defaults too, so that a link says everything."""
    st.session_state.setdefault(_MEMORY, {})[name] = value
    if st.query_params.get(name) != value:
        st.query_params[name] = value


def forget(name: str) -> None:
    """Take a parameter out of the URL and of the memory."""
    st.session_state.setdefault(_MEMORY, {}).pop(name, None)
    if name in st.query_params:
        del st.query_params[name]


def time_range(text: str | None, newest: datetime | None) -> tuple[str, datetime | None, datetime | None]:
    """`(name, since, until)` of a range as the URL writes it: `7d`, `all` or `2026-10-01..2026-10-31` (days in UTC, both included).

    Ranges of days end where the newest window ends, not now: a model that went quiet a month ago still shows its last weeks.
    """
    if text and ".." in text:
        first, _, last = text.partition("..")
        try:
            since, until = _midnight(date.fromisoformat(first)), _midnight(date.fromisoformat(last)) + timedelta(days=1)
        except ValueError:
            return time_range(None, newest)
        return (text, since, until) if since < until else time_range(None, newest)
    name = text if text in RANGES and text != "custom" else DEFAULT_RANGE
    if name == "all" or newest is None:
        return name, None, None
    return name, newest - timedelta(days=int(name[:-1])), newest


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
