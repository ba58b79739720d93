"""Points in time as people type them, turned into aware UTC datetimes."""

from __future__ import annotations

__all__ = ["end_of", "iso", "just_after", "known_by", "moment", "today"]

from datetime import UTC, date, datetime, time, timedelta

from monitoring.errors import InputError

_CLOCKS = timedelta(minutes=5)  # by which whoever asks may be ahead of whoever answers


def moment(value: datetime | str | None, *, name: str = "time") -> datetime | None:
    """An aware UTC datetime from `2026-03-01`, `2026-03-01T12:00` or any ISO 8601 text; None stays None.

    What a person types without a zone is UTC, as every time in this project is shown; a naive `datetime` in code is an
    error, because there the zone was forgotten, not left out.
    """
    if value is None:
        return None
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InputError(f"{name} {value.isoformat()} has no time zone: give an aware datetime, UTC for example.")
        return value.astimezone(UTC)
    try:
        parsed = datetime.fromisoformat(value.strip())
    except ValueError:
        raise InputError(f'{name} "{value}" is not a time: write it like 2026-03-01 or 2026-03-01T12:00Z.') from None
    return (parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)).astimezone(UTC)


def known_by(value: datetime | str | None, *, name: str = "as_of", now: datetime | None = None) -> datetime | None:
    """The moment up to which findings and labels count as known: `moment`, but a day alone (`2026-03-01`) stands until it is over (UTC).

    What lies beyond the end of today is an error: nobody knows yet what will be known then. `now` is the clock's where it is None.
    """
    known = _end_of_day(value) or moment(value, name=name)
    last = today(now)
    if known is not None and known > end_of(last):
        raise InputError(f"{name} {value} lies in the future: give today ({last}, UTC) or an earlier day, "
                         "or leave it out for what is known now.")
    return known


def today(now: datetime | None = None) -> date:
    """The day that it is (UTC); the next one already where only minutes are missing, as the asker's clock may be a little ahead."""
    return ((now or datetime.now(UTC)) + _CLOCKS).astimezone(UTC).date()


def _end_of_day(value: datetime | str | None) -> datetime | None:
    """The end of a day written alone; None for all else, the last day of the calendar among it."""
    try:
        return end_of(date.fromisoformat(value.strip())) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def end_of(day: date) -> datetime:
    """The moment at which a day is over (UTC). Raises OverflowError for the last day of the calendar."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def iso(value: datetime) -> str:
    """ISO 8601 in UTC with `Z`, with microseconds only where there are any."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def just_after(at: datetime) -> datetime:
    """The end of a half-open range that begins at `at` and holds nothing but it: a microsecond, the finest that is stored, later."""
    return at + timedelta(microseconds=1)
