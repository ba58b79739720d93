"""Half-open UTC windows [start, end): which there are, which are due, which are dirty. Pure."""

from __future__ import annotations

__all__ = ["MAX_WINDOWS", "Window", "WindowSpec", "is_dirty", "later", "month_number", "newest_first", "of_rows", "own_window"]

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from .errors import InputError, nearest

Unit = Literal["s", "min", "h", "d", "w", "mo", "rows", "range"]

MAX_WINDOWS = 100_000  # of one model in one call: a month of windows of 30 s; more is a slip of the unit, not a wish
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEGINNING, _END = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)  # of what a datetime can say
_FIRST_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)  # weeks begin on Monday (ISO 8601)
_SIZES = {"s": timedelta(seconds=1), "min": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_TEXT = re.compile(r"([1-9][0-9]{0,8})\s*([a-z]+)", re.ASCII)
_ROWS = re.compile(r"rows:\s*([1-9][0-9]{0,8})", re.ASCII)
_TAUGHT = ("30s", "15min", "1h", "1d", "1w", "1mo", "rows:5000", "range")


@dataclass(frozen=True, slots=True)
class Window:
    """One window: `start` and `end` are aware UTC datetimes, half-open.

    `rows` is None, or the half-open row numbers `(first, last)` in order of time and id. `partial` says that more may come:
    the window had not ended, or had not its full number of rows, when it was made.
    """

    start: datetime
    end: datetime
    rows: tuple[int, int] | None = None
    partial: bool = False


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """How a stream is cut: by `count` units of time, by `count` rows, or (`range`) into one window from `since` to `until`.

    Seconds to days count from 1970-01-01, weeks from a Monday, months from January of year 0 – so 3mo are quarters, and the same
    spec cuts at the same moments whatever data there are.
    """

    name: str
    unit: Unit
    count: int

    @classmethod
    def parse(cls, value: str | Mapping[str, Any]) -> WindowSpec:
        """Read `30s`, `15min`, `1h`, `1d`, `1w`, `1mo`, `rows:5000`, `{rows: 5000}` or `range`.

        Raises InputError with the nearest valid form.
        """
        text = _as_text(value)
        if text == "range":
            return cls("range", "range", 1)
        if rows := _ROWS.fullmatch(text):
            return cls(f"rows:{int(rows[1])}", "rows", int(rows[1]))
        match = _TEXT.fullmatch(text)
        if match and match[2] in (*_SIZES, "mo"):
            return cls(match[1] + match[2], match[2], int(match[1]))  # type: ignore[arg-type]
        raise InputError(f'"{value}" is no window: {_hint(text, match)}')

    def floor(self, moment: datetime) -> datetime:
        """The start of the window that holds this moment."""
        if self.unit == "mo":
            return _month(month_number(moment) // self.count * self.count)
        origin, size = self._grid()
        return later(origin, (moment - origin) // size * size)

    @property
    def seconds(self) -> int:
        """Every edge is a multiple of so many seconds after 1970-01-01: a day's for weeks and months, whose edges are days' edges."""
        return 86_400 if self.unit in ("w", "mo") else round(self._grid()[1].total_seconds())

    def after(self, start: datetime) -> datetime:
        """The end of the window that begins at `start`."""
        if self.unit == "mo":
            return _month(month_number(start) + self.count)
        return later(start, self._grid()[1])

    def between(self, start: datetime, end: datetime, now: datetime) -> list[Window]:
        """Every window that meets [start, end) and has begun by `now`, oldest first; one that ends after `now` is partial.

        Raises InputError for row windows (they need the rows: `of_rows`) and for more than `MAX_WINDOWS` windows.
        """
        start, end, now = _utc(start), _utc(end), _utc(now)
        if self.unit == "range":
            return [Window(start, end, partial=end > now)] if start < min(end, now) else []
        last = min(end, now)
        if start >= last:
            return []
        self._refuse_too_many(start, last)
        found, edge = [], self.floor(start)
        while edge < last:
            following = self.after(edge)
            found.append(Window(edge, following, partial=following > now))
            edge = following
        return found

    def _refuse_too_many(self, start: datetime, end: datetime) -> None:
        size = timedelta(days=28) * self.count if self.unit == "mo" else self._grid()[1]
        if (end - start) / size > MAX_WINDOWS:
            raise InputError(
                f"{self.name} windows from {start:%Y-%m-%d} to {end:%Y-%m-%d} are more than {MAX_WINDOWS:,}: "
                "choose a longer window or a later since."
            )

    def _grid(self) -> tuple[datetime, timedelta]:
        if self.unit not in _SIZES:
            raise InputError(f"{self.name} windows are not cut by time: make them from the rows.")
        return (_FIRST_MONDAY if self.unit == "w" else _EPOCH), _SIZES[self.unit] * self.count


def own_window(spec: Mapping[str, Any]) -> str:
    """The name of the windows that a model is judged by, from its description (`Reader.spec`); days where that names none."""
    return str(spec.get("window") or "1d")


def of_rows(found: Iterable[Mapping[str, Any]], *, size: int) -> list[Window]:
    """Windows of `size` rows from `Store.row_windows`: first_row, last_row (half-open), start, end. The unfilled last one is partial."""
    windows = []
    for row in found:
        first, last = int(row["first_row"]), int(row["last_row"])
        windows.append(Window(_utc(row["start"]), _utc(row["end"]), (first, last), partial=last - first < size))
    return windows


def later(moment: datetime, by: timedelta) -> datetime:
    """A moment and a length of time; the last or first moment there is where that is beyond it: 9999-12-31 is a usual word for "never"."""
    try:
        return moment + by
    except OverflowError:
        return _END if by > timedelta(0) else _BEGINNING


def newest_first(windows: Iterable[Window]) -> list[Window]:
    """What is looked at first is computed first."""
    return sorted(windows, key=lambda window: (window.start, window.end, window.rows or (0, 0)), reverse=True)


def is_dirty(fingerprint: str, known: Mapping[str, Any] | None, *, everything: bool = False) -> bool:
    """Whether a window must be computed: asked for, never computed, failed, or computed from something else than now lies there.

    `known` is its row of `Store.window_states` (`fingerprint`, `state`), or None.
    """
    return everything or known is None or known["state"] == "failed" or known["fingerprint"] != fingerprint


def _as_text(value: str | Mapping[str, Any]) -> str:
    if isinstance(value, Mapping):
        return "rows:" + str(value["rows"]) if set(value) == {"rows"} else str(dict(value))
    return str(value).strip()


def _hint(text: str, match: re.Match[str] | None) -> str:
    if match:
        for prefix in (match[2].rstrip("s"), match[2][:3], match[2][:2], match[2][:1]):  # 1days, 2hours, 1month, 1m
            if prefix in (*_SIZES, "min", "mo"):
                return f'did you mean "{match[1]}{prefix}"?'
    return nearest(text, _TAUGHT)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise InputError(f"{moment} has no time zone: give it one, for example {moment.isoformat()}+00:00.")
    return moment.astimezone(UTC)


def month_number(moment: datetime) -> int:
    """The number of a UTC moment's calendar month, from January of year 0."""
    return moment.year * 12 + moment.month - 1


def _month(number: int) -> datetime:
    year, month = divmod(number, 12)
    if year > _END.year:
        return _END
    return datetime(year, month + 1, 1, tzinfo=UTC) if year >= _BEGINNING.year else _BEGINNING
