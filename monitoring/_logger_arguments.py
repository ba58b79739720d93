"""What a logger is told when it is made, checked: each fault is one sentence that says what to do."""

from __future__ import annotations

__all__ = ["amount", "check_policy", "guard_of", "name_of", "sampler_of", "seconds", "zone_of"]

from datetime import tzinfo
from typing import TYPE_CHECKING, Any

from monitoring._outcomes import is_number
from monitoring._values import Refused, prediction_key
from monitoring.errors import InputError, nearest
from storage.home import Home
from storage.spool import DURABILITIES, WHEN_FULL, Spool

if TYPE_CHECKING:
    from monitoring._privacy import Guard
    from monitoring._sampling import Sampler
    from monitoring.schema import ModelSchema


def name_of(given: Any) -> str:
    """The name of a model or version."""
    try:
        return prediction_key(given)
    except Refused:
        raise InputError("model and version must be names of 1 to 256 characters without control characters.") from None


def zone_of(schema: ModelSchema | None) -> tzinfo | None:
    """The time zone of naive timestamps, where the schema names one."""
    if schema is None or schema.timezone is None:
        return None
    from zoneinfo import ZoneInfo

    return ZoneInfo(schema.timezone)


def guard_of(schema: ModelSchema | None, home: Home) -> Guard | None:
    """The schema's privacy rules at work, where it has any."""
    if schema is None or not schema.privacy:
        return None
    from monitoring._privacy import Guard

    return Guard(schema.privacy, home.path, id_column=schema.id)


def check_policy(when_full: str, durability: str) -> None:
    """Raise InputError for what is no durability, no policy, or a policy that breaks what the durability promises."""
    if durability not in DURABILITIES:
        raise InputError(f"unknown durability {durability!r}; {nearest(str(durability), DURABILITIES)}")
    if when_full not in WHEN_FULL:
        raise InputError(f"unknown when_full {when_full!r}; {nearest(str(when_full), WHEN_FULL)}")
    if when_full == "drop_oldest" and durability != "memory":
        raise InputError(f"when_full='drop_oldest' would drop what durability={durability!r} promises to keep; use it with 'memory'.")


def amount(name: str, value: Any, *, least: int = 0) -> int:
    """A number of bytes."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} must be a whole number of bytes from {least} up, not {value!r}.")
    return value


def seconds(value: Any) -> float:
    """How long a call may wait for room."""
    if not is_number(value) or not 0 <= value < 1e9:
        raise InputError(f"block_seconds must be a number of seconds from 0 up, not {value!r}.")
    return float(value)


def sampler_of(rate: Any, when_full: str, spool: Spool) -> Sampler | None:
    """What decides which predictions are kept; None where all are."""
    if not is_number(rate) or not 0 < rate <= 1:
        raise InputError(f"sample_rate must be a share above 0 and up to 1, not {rate!r}; 1 keeps every prediction.")
    if rate == 1 and when_full != "sample":
        return None
    from monitoring._sampling import Sampler

    return Sampler(float(rate), (lambda: spool.halvings) if when_full == "sample" else (lambda: 0))
