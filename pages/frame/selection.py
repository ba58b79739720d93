"""What is looked at. It lives in the URL: a link reproduces the view, and where URL and memory differ, the URL wins."""

from __future__ import annotations

__all__ = [
    "DEFAULT_RANGE", "RANGES", "Selection", "begin", "carried", "choice", "flush", "forget", "put", "recall", "time_range", "version_words",
]

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import streamlit as st

from pages.findings.timeline import EVERY

RANGES = {"7d": "Last 7 days", "30d": "Last 30 days", "90d": "Last 90 days", "365d": "Last year", "all": "All time", "custom": "From – to"}
DEFAULT_RANGE = "90d"
_MEMORY, _PENDING, _PAGE = "driftboard.selection", "driftboard.pending", "driftboard.page"
_CARRIED = ("model", "version", "range", "window", "compare", "segment", "tz")
_OF_ONE_PAGE = frozenset({"at", "asof"})  # a moment chosen on one page must not hold another page back from its newest window


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What the sidebar says. Empty strings where the home, or the page, has nothing to choose from.

    `version` is `all` for all versions on one time axis. `since` and `until` bound the range, [since, until), aware UTC; None is
    unbounded. `range` is their form in the URL. `window` is the window's name; `segment` is `""` for all rows; `compare` is `reference`,
    `previous` or `version:<version>`; `zone` is the IANA name in which times are shown.
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


def version_words(version: str) -> str:
    """`all versions`, or `version 2`."""
    return "all versions" if version == EVERY else f"version {version}"


def choice(name: str, options: Sequence[str], default: str) -> str:
    """The valid value of URL parameter `name`: the URL's, else what this session last used, else `default`. Goes into the URL."""
    wanted = recall(name)
    value = wanted if wanted is not None and wanted in options else default
    put(name, value)
    return value


def recall(name: str) -> str | None:
    """The URL's value of a parameter, else what this session last used on any page."""
    pending = _pending()
    if name in pending:
        return pending[name]
    if name in st.query_params:
        return str(st.query_params[name])
    memory: dict[str, str] = st.session_state.setdefault(_MEMORY, {})
    return memory.get(name)


def put(name: str, value: str) -> None:
    """Set a parameter of the URL and remember it. Always explicit, defaults too, so that a link says everything."""
    if name not in _OF_ONE_PAGE:
        st.session_state.setdefault(_MEMORY, {})[name] = value
    _pending()[name] = value


def forget(name: str) -> None:
    """Take a parameter out of the URL and of the memory."""
    st.session_state.setdefault(_MEMORY, {}).pop(name, None)
    _pending().pop(name, None)
    if name in st.query_params:
        del st.query_params[name]


def begin(page: str) -> None:
    """A run of `page` begins: what an interrupted run of another page had gathered is void, because the URL is newer."""
    if st.session_state.get(_PAGE) != page:
        _pending().clear()
    st.session_state[_PAGE] = page


def flush() -> None:
    """Write what `put` gathered to the URL, in one message: each message is a step of the browser's Back button."""
    changed = {name: value for name, value in _pending().items() if st.query_params.get(name) != value}
    if changed:
        st.query_params.update(changed)
    _pending().clear()


def carried(**params: str) -> dict[str, str]:
    """The parameters that go along to another page: the sidebar's, and `params`."""
    known = {name: recall(name) for name in _CARRIED}  # the sidebar has put them all by now
    return {**{name: value for name, value in known.items() if value is not None}, **params}


def _pending() -> dict[str, str]:
    """Parameters that were set in this run of the script and are not in the URL yet."""
    found: dict[str, str] = st.session_state.setdefault(_PENDING, {})
    return found


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
