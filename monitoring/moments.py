"""Points in time as people type them, turned into aware UTC datetimes."""

from __future__ import annotations

__all__ = ["iso", "just_after", "known_by", "moment"]

from datetime import UTC, date, datetime, time, timedelta

from monitoring.errors import InputError


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


def known_by(value: datetime | str | None, *, name: str = "as_of") -> datetime | None:
    """The moment up to which findings and labels count as known: `moment`, but a day alone (`2026-03-01`) stands until it is over (UTC)."""
    if isinstance(value, str):
        try:
            return datetime.combine(date.fromisoformat(value.strip()) + timedelta(days=1), time(), UTC)
        except (ValueError, OverflowError):
            pass  # it names a time of the day too, or is none
    return moment(value, name=name)


def iso(value: datetime) -> str:
    """ISO 8601 in UTC with `Z`, with microseconds only where there are any."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def just_after(at: datetime) -> datetime:
    """The end of a half-open range that begins at `at` and holds nothing but it: a microsecond, the finest that is stored, later."""
    return at + timedelta(microseconds=1)
