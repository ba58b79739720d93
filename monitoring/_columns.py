"""Columns of a chunk as lists of plain JSON values, at C speed where the type allows it, value by value where it does not."""

from __future__ import annotations

__all__ = ["Troubles", "decisions", "from_text", "keys", "moments", "numbers", "values"]

from collections.abc import Callable
from datetime import tzinfo
from typing import Any

from monitoring._values import Refused, event_time, finite_or_named, plain, prediction_key

_NO_NUMBER = frozenset({"", "na", "n/a", "null", "none"})  # in a file without types, for a number; for a text they are words
_EXACT = 2**53
_LAST = 253_402_300_799_999_999  # µs: the end of year 9999, the last that a datetime can say
_FIRST = -62_135_596_800_000_000  # µs: the start of year 1


class Troubles:
    """What is odd about the rows of a chunk: `refused` rows with their reasons, and `marks` of values that are not finite."""

    def __init__(self, refused: dict[int, str]) -> None:
        self.refused = refused
        self.marks: dict[int, dict[str, str]] = {}
        self.details: dict[str, str] = {}

    def refuse(self, row: int, why: Refused) -> None:
        """Refuse a row; its first reason counts."""
        self.refused.setdefault(row, why.reason)
        self.details.setdefault(why.reason, why.detail)

    def mark(self, row: int, name: str, value: Any) -> Any:
        """The value, or None and a mark where it is not finite."""
        if isinstance(value, float) and value - value != 0.0:
            return finite_or_named(value, name, self.marks.setdefault(row, {}))
        return value


def values(column: Any, name: str, zone: tzinfo | None, troubles: Troubles) -> list[Any]:
    """Features and other columns: numbers, texts, true and false as they are, moments as ISO text in UTC; NaN is marked under `name`."""
    if isinstance(column, list):
        return _each(column, lambda value: plain(value, zone), name, troubles)
    import pyarrow as pa
    import pyarrow.compute as pc

    column = _simple(column)
    kind = column.type
    if pa.types.is_floating(kind):
        return _floats(column, name, troubles)
    if pa.types.is_integer(kind) and not column.null_count:
        found: list[Any] = column.to_numpy(zero_copy_only=False).tolist()
        return found
    if pa.types.is_timestamp(kind) and (kind.tz is not None or zone is not None):
        at = _microseconds(column, zone)
        if at is not None:
            iso: list[Any] = pc.strftime(at, format="%Y-%m-%dT%H:%M:%S+00:00").to_pylist()
            return iso
    listed = _listed(column, troubles)
    if _is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind):
        return listed
    return _each(listed, lambda value: plain(value, zone), name, troubles)


def numbers(
    column: Any, name: str, check: Callable[[Any], Any], troubles: Troubles, *, textual: bool = False, any_sign: bool = True
) -> list[Any]:
    """Scores and latencies: `check` refuses what is no number, where the column's type leaves that open. NaN is missing, and marked."""
    if textual:
        column = from_text(column)
    if not isinstance(column, list):
        import pyarrow as pa

        if (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)) and (any_sign or _none_negative(column)):
            return values(column, name, None, troubles)
        column = values(column, name, None, troubles)
    return _each(column, lambda value: None if value is None else check(value), name, troubles)


def decisions(column: Any, name: str, zone: tzinfo | None, troubles: Troubles) -> list[Any]:
    """Predictions and labels; whole numbers in a column of floats are whole numbers again (a class 1.0 is the class 1)."""
    found = values(column, name, zone, troubles)
    for place, value in enumerate(found):
        if type(value) is float and -_EXACT < value < _EXACT and value.is_integer():
            found[place] = int(value)
    return found


def keys(column: Any, troubles: Troubles) -> list[str]:
    """Prediction ids as text; rows without a usable one are refused."""
    found = column if isinstance(column, list) else values(column, "@id", None, troubles)
    for place, value in enumerate(found):
        if type(value) is str and 0 < len(value) <= 256 and value.isprintable():
            continue
        try:
            found[place] = prediction_key(value)
        except Refused as why:
            troubles.refuse(place, why)
    return found


def moments(column: Any, zone: tzinfo | None, troubles: Troubles) -> list[int | None]:
    """Times in UTC µs, None where they are missing; rows whose time is naive without a zone, or unreadable, are refused."""
    if not isinstance(column, list):
        import pyarrow as pa

        kind = column.type
        if pa.types.is_timestamp(kind) and (kind.tz is not None or zone is not None):
            at = _microseconds(column, zone)
            if at is not None:
                found: list[int | None] = at.cast(pa.int64()).to_pylist()
                return found
        if pa.types.is_date(kind):
            column = column.cast(pa.timestamp("us"))
        column = _listed(column, troubles)
    return [_moment(value, zone, place, troubles) for place, value in enumerate(column)]


def from_text(column: Any, *, whole: bool = False) -> Any:
    """A column of numbers from a file without types. A value that is no number stays text – and with `whole` the whole column does."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return column.cast(pa.float64())
    except pa.ArrowInvalid:
        if whole:
            return column
    trimmed = pc.utf8_trim_whitespace(column).to_pylist()
    return [_number(text) for text in trimmed]


def _number(text: str | None) -> Any:
    if text is None or text.lower() in _NO_NUMBER:
        return None
    try:
        return float(text) if "_" not in text else text  # Python reads 1_000, nobody else does
    except ValueError:
        return text


def _each(column: list[Any], convert: Callable[[Any], Any], name: str, troubles: Troubles) -> list[Any]:
    found: list[Any] = []
    for place, value in enumerate(column):
        try:
            found.append(troubles.mark(place, name, convert(value)))
        except Refused as why:
            troubles.refuse(place, why.of(name))
            found.append(None)
    return found


def _simple(column: Any) -> Any:
    """Dictionaries as their values, decimals as the nearest floats; other columns as they are."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        words = column.dictionary
        if pa.types.is_string_view(words.type):  # as Polars has them; Arrow cannot look these up
            words = words.cast(pa.large_string())
        column = pa.DictionaryArray.from_arrays(column.indices, words).dictionary_decode()
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.string()).cast(pa.float64())  # by way of text: Arrow's own cast misses the nearest float now and then
    return column


def _floats(column: Any, name: str, troubles: Troubles) -> list[Any]:
    import pyarrow.compute as pc

    found: list[Any] = column.to_pylist() if column.null_count else column.to_numpy(zero_copy_only=False).tolist()
    if pc.all(pc.is_finite(column), min_count=0).as_py() is False:
        found = [troubles.mark(place, name, value) for place, value in enumerate(found)]
    return found


def _microseconds(column: Any, zone: tzinfo | None) -> Any:
    """A timestamp column in UTC µs, or None where some of its moments are outside the calendar or skipped by a clock: they are then
    judged one by one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        if column.type.tz is None:
            # In the hour that a clock repeats the first one is meant, as with Python's fold=0; one that it skips is left to Python.
            naive = column.cast(pa.timestamp("us"), safe=column.type.unit != "ns")
            column = pc.assume_timezone(naive, str(zone), ambiguous="earliest", nonexistent="raise")
        column = column.cast(pa.timestamp("us", "UTC"), safe=column.type.unit != "ns")  # unsafe drops nanoseconds, but would wrap seconds
    except pa.ArrowInvalid:
        return None
    ends = pc.min_max(column.cast(pa.int64()))
    low, high = ends["min"].as_py(), ends["max"].as_py()
    return column if low is None or (low >= _FIRST and high <= _LAST) else None


def _moment(value: Any, zone: tzinfo | None, place: int, troubles: Troubles) -> int | None:
    try:
        return None if value is None else event_time(value, zone)
    except Refused as why:
        troubles.refuse(place, why)
    except Exception as error:
        troubles.refuse(place, Refused("value cannot be read", type(error).__name__))
    return None


def _listed(column: Any, troubles: Troubles) -> list[Any]:
    """Python values; rows whose value Python cannot say – a moment beyond year 9999 – are refused."""
    try:
        found: list[Any] = column.to_pylist()
        return found
    except (ValueError, OverflowError):
        pass
    found = []
    for place, value in enumerate(column):
        try:
            found.append(value.as_py())
        except (ValueError, OverflowError):
            troubles.refuse(place, Refused("timestamp out of range"))
            found.append(None)
    return found


def _none_negative(column: Any) -> bool:
    import pyarrow.compute as pc

    lowest = pc.min(column).as_py()
    return lowest is None or lowest >= 0


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
