"""Points in time as people type them, turned into aware UTC datetimes."""

from __future__ import annotations

__all__ = ["iso", "just_after", "moment"]

from datetime import UTC, datetime, timedelta

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


def iso(value: datetime) -> str:
    """ISO 8601 in UTC with `Z`, with microseconds only where there are any."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def just_after(at: datetime) -> datetime:
    """The end of a half-open range that begins at `at` and holds nothing but it: a microsecond, the finest that is stored, later."""
    return at + timedelta(microseconds=1)
