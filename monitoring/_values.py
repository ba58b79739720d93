"""What callers hand over, as plain JSON values – or refused with a reason that can be counted.

Numpy, pandas and the like are recognised by what they can do, never by importing them: a serving process pays for what it uses.
"""

from __future__ import annotations

__all__ = ["Refused", "check_name", "event_time", "finite_or_named", "plain", "prediction_key", "short_error"]

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, tzinfo
from enum import Enum
from typing import Any

DEEPEST = 64  # levels of lists and mappings in one value
LONGEST_NAME = 256  # characters of a feature's name or a prediction's id
LONGEST_ERROR = 1_000  # characters kept of an exception's text
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Refused(Exception):  # noqa: N818  an answer, not a fault
    """A record that cannot be logged: `reason` is counted, `detail` and `str` say more."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason, self.detail = reason, detail

    def of(self, name: str) -> Refused:
        """The same, with the name of the column whose value it was."""
        return Refused(self.reason, f"{self.detail} in {_shown(name)}".lstrip())


def plain(value: Any, zone: tzinfo | None = None, depth: int = 0) -> Any:
    """The value as JSON can hold it: numpy and pandas scalars and Decimals as numbers, moments as ISO text in UTC, missing as None.

    NaN and infinity are given back as they are where `depth` is 0 (`finite_or_named` marks them) and refused deeper. Raises Refused.
    """
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind in _SIMPLE:
        return _SIMPLE[kind](value, depth)
    if depth >= DEEPEST:
        raise Refused("nested too deeply")
    if isinstance(value, Mapping):
        return {_inner_key(key): plain(item, zone, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, zone, depth + 1) for item in value]
    try:
        return _converted(value, zone, depth)
    except Refused:
        raise
    except Exception as error:
        raise Refused("value cannot be read", f"{kind.__name__} raised {type(error).__name__}") from None


def finite_or_named(value: Any, name: str, marks: dict[str, str]) -> Any:
    """The value, or None where it is NaN or infinite, noted in `marks` under `name`: JSON has no word for it, and it is not missing."""
    if isinstance(value, float) and not math.isfinite(value):
        marks[name] = "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
        return None
    return value


def check_name(name: Any) -> str:
    """A feature's name: text of 1 to 256 characters without control characters; whole numbers become text. Raises Refused."""
    if type(name) is int:
        name = str(_whole(name))
    if not isinstance(name, str):
        raise Refused("feature name is not text", type(name).__name__)
    found: str = str.__str__(name)
    if not found or len(found) > LONGEST_NAME:
        raise Refused("feature name is empty or too long", f"{len(found)} characters")
    if found[0] == "@":
        raise Refused("feature name starts with @", _shown(found))
    if not found.isprintable():
        _no_control(found, "feature name has control characters")
    return found


def prediction_key(value: Any) -> str:
    """A prediction's id as text: texts, whole numbers and UUIDs, 1 to 256 characters. Raises Refused."""
    found = plain(value)
    if type(found) is float and found.is_integer():
        found = int(found)
    if type(found) is int:
        return str(found)
    if type(found) is not str or not found:
        raise Refused("no prediction id")
    if len(found) > LONGEST_NAME:
        raise Refused("prediction id too long", f"{len(found)} characters")
    if not found.isprintable():
        _no_control(found, "prediction id has control characters")
    return found


def event_time(value: Any, zone: tzinfo | None = None) -> int:
    """A moment in UTC µs, from a datetime or what converts to one, or ISO text. Naive ones need `zone`. Raises Refused."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise Refused("timestamp is no ISO time", _shown(value)) from None
    if not isinstance(value, datetime):
        value = _moment_of(value)
    if value != value:  # pandas' NaT calls itself a datetime
        raise Refused("no timestamp")
    if value.tzinfo is None:
        if zone is None:
            raise Refused("naive timestamp", "give it a time zone, or name the schema's timezone")
        value = value.replace(tzinfo=zone)
    try:
        since = value.astimezone(UTC) - _EPOCH
    except (OverflowError, ValueError):
        raise Refused("timestamp out of range") from None
    return int(since.days * 86_400_000_000 + since.seconds * 1_000_000 + since.microseconds)


def short_error(error: Any) -> str:
    """An exception, or what a caller says of one, as `Class: text`."""
    if isinstance(error, BaseException):
        try:
            said = str(error)
        except Exception:
            said = "its text cannot be read"
        found = f"{type(error).__name__}: {said}" if said else type(error).__name__
    elif isinstance(error, str):
        found = str.__str__(error) or "error"
    elif error is True:
        found = "error"
    else:
        raise Refused("error is neither an exception nor text", type(error).__name__)
    return found[:LONGEST_ERROR].encode("utf-8", "replace").decode("utf-8")


def _converted(value: Any, zone: tzinfo | None, depth: int) -> Any:
    """What is no plain JSON value but can be made one."""
    if isinstance(value, datetime):
        return None if value != value else _iso(value, zone)
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Enum):
        return plain(value.value, zone, depth + 1)
    for kind, bare in _BARE.items():
        if isinstance(value, kind):
            return plain(bare(value), zone, depth)
    if hasattr(value, "dtype") and hasattr(value, "item"):
        return _array_value(value, zone, depth)
    name = type(value).__name__
    if name in ("NAType", "NaTType"):
        return None
    if name == "UUID":
        return str(value)
    if name == "Decimal":
        return _decimal(value, zone, depth)
    raise Refused("unsupported type", name)


def _array_value(value: Any, zone: tzinfo | None, depth: int) -> Any:
    """A numpy (or numpy-like) scalar or array."""
    if getattr(value.dtype, "kind", "") == "M" and not getattr(value, "shape", ()):
        moment = value.astype("datetime64[us]").item()  # nanoseconds would come as a bare number
        return None if moment is None else _iso(moment, zone)
    found = value.tolist() if getattr(value, "shape", ()) else value.item()
    if type(found) is type(value):
        raise Refused("unsupported type", type(value).__name__)
    return plain(found, zone, depth if not isinstance(found, list) else depth + 1)


def _finite(value: float, depth: int) -> float:
    if depth and not math.isfinite(value):
        raise Refused("NaN or infinity inside a list or mapping")
    return value


def _inner_key(key: Any) -> str:
    if isinstance(key, str):
        return _text(str.__str__(key))
    if type(key) is int or type(key) is bool:
        return str(key)
    raise Refused("unsupported type", f"a key of type {type(key).__name__}")


def _decimal(value: Any, zone: tzinfo | None, depth: int) -> Any:
    if value.is_finite():
        found = float(value)
        if not math.isfinite(found):
            raise Refused("number out of range")
        return found
    return plain(float("nan") if value.is_nan() else float(value), zone, depth)


def _moment_of(value: Any) -> datetime:
    """A datetime from what can become one: numpy's datetime64. Numbers are refused, for they name no unit."""
    if getattr(getattr(value, "dtype", None), "kind", "") == "M":
        try:
            found = value.astype("datetime64[us]").item()
        except Exception:
            found = None
        if isinstance(found, datetime):
            return found
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        raise Refused("no timestamp")
    raise Refused("timestamp is no datetime", f"{type(value).__name__}; give a datetime with a time zone")


def _iso(value: datetime, zone: tzinfo | None) -> str:
    if value.tzinfo is None:
        if zone is None:
            raise Refused("naive timestamp", "give it a time zone, or name the schema's timezone")
        value = value.replace(tzinfo=zone)
    found = value.astimezone(UTC)
    return datetime(  # pandas' Timestamp would add nanoseconds that nothing reads back
        found.year, found.month, found.day, found.hour, found.minute, found.second, found.microsecond, UTC
    ).isoformat()


def _whole(value: int, depth: int = 0) -> int:  # noqa: ARG001  one signature for all simple types
    if -(2**63) <= value < 2**64:
        return value
    raise Refused("number out of range", "a whole number beyond 64 bits")


def _text(value: str, depth: int = 0) -> str:  # noqa: ARG001  as above
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise Refused("text is not valid Unicode", "a lone surrogate") from None
    return value


def _no_control(text: str, reason: str) -> None:
    _text(text)
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text):
        raise Refused(reason, _shown(text))


def _shown(text: str) -> str:
    return '"' + "".join(c if c.isprintable() else "�" for c in text[:60]) + '"'


_SIMPLE: Mapping[type, Callable[[Any, int], Any]] = {int: _whole, float: _finite, str: _text}
# What a value of a subclass is without the subclass's own methods, which may lie or raise.
_BARE: Mapping[type, Callable[[Any], Any]] = {
    str: str.__str__,
    int: lambda value: int.__add__(value, 0),
    float: lambda value: float.__add__(value, 0.0),
}
