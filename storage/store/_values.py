"""JSON values into typed columns: leniently, and without losing one. Pure.

A value that does not fit its column is counted as a type error and kept as it came; text that reads as the wanted type is
used all the same, because the model that was served will have read it so too.
"""

from __future__ import annotations

__all__ = [
    "MOMENT", "SIDES", "Column", "Values", "are_moments", "column_of", "decision_text", "decision_texts", "instant", "is_moment", "listed",
    "microseconds_of", "moment", "moments", "number", "text", "words_of",
]  # fmt: skip

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

Values = Any  # a sequence of what JSON has, or an Arrow array of float64, int64 or string
MOMENT = pa.timestamp("us", tz="UTC")
_TYPES = {"numerical": pa.float64(), "categorical": pa.string(), "text": pa.string(), "datetime": MOMENT}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_LAST = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)
_EXACT = 2.0**53  # whole numbers up to here are exact in a double
_TRUE = {True: "True", False: "False"}
_WORDS = {word: words for words in (("0", "1"), ("False", "True"), ("false", "true"), ("FALSE", "TRUE")) for word in words}
# Which of no and yes a text says, in lower case.
SIDES = {"0": 0, "0.0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1}


@dataclass(frozen=True, slots=True)
class Column:
    """Typed values, and the positions of those that did not fit (null in `values` unless they could be read)."""

    values: pa.Array
    errors: list[int]


def listed(values: Values) -> Sequence[Any]:
    """The values as Python has them."""
    found: Sequence[Any] = values.to_pylist() if isinstance(values, pa.Array) else values
    return found


def column_of(values: Values, kind: str) -> Column:
    """Values of one feature, as JSON or a table gave them, in the type of its kind; None is missing and no error."""
    if isinstance(values, pa.Array):
        try:
            if values.type == _TYPES[kind] or (values.type == pa.int64() and kind != "datetime"):
                return Column(values.cast(_TYPES[kind]), [])  # of whole numbers those that are exact in a double
            if values.type == pa.float64() and kind in ("categorical", "text") and pc.all(pc.less(pc.abs(values), _EXACT)).as_py():
                return Column(values.cast(pa.int64()).cast(pa.string()), [])  # refused where there is a fraction
        except pa.ArrowInvalid:
            pass
    elif kind == "numerical" or kind == "categorical" or kind == "text":
        try:
            return Column(pa.array(values, _TYPES[kind]), [])  # the common case, at C speed: everything has the right type
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, UnicodeEncodeError):
            pass
    values = listed(values)
    convert = _CONVERTERS[kind]
    found: list[Any] = []
    errors: list[int] = []
    for position, value in enumerate(values):
        if value is None:
            found.append(None)
            continue
        converted, fits = convert(value)
        found.append(converted)
        if not fits:
            errors.append(position)
    return Column(pa.array(found, _TYPES[kind]), errors)


def number(value: Any) -> tuple[float | None, bool]:
    """A double, and whether the value was a number (or a bool) to begin with."""
    if isinstance(value, (int, float)):
        try:
            return float(value), True
        except OverflowError:
            return None, False
    if isinstance(value, str):
        try:
            return float(value), False
        except ValueError:
            return None, False
    return None, False


def text(value: Any) -> tuple[str | None, bool]:
    """A category's name: numbers without a needless ".0", because a column of ints becomes floats where one is missing."""
    if isinstance(value, str):
        return value, True
    if isinstance(value, bool):
        return _TRUE[value], True
    if isinstance(value, float):
        if value.is_integer() and abs(value) < _EXACT:
            return str(int(value)), True
        return ("NaN" if math.isnan(value) else repr(value)), True
    if isinstance(value, (int, datetime)):
        return str(value), True
    return None, False


def instant(value: Any) -> tuple[datetime | None, bool]:
    """An aware UTC datetime from ISO 8601 text or a datetime; without a zone it is UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None, False
    if not isinstance(value, datetime):
        return None, False
    try:
        return (value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)), True
    except OverflowError:
        return None, False


def decision_text(value: Any, positive: Any = None) -> str | None:
    """A prediction or label as text; of two that mean the same, the one of the positive label's kind.

    Where that is 1 (or "1"), True and the text "true" of a file without types are "1"; where it is true, 1 and "1" are "True"; 1.0 is 1.
    """
    found, words = text(value)[0], words_of(positive)
    if found is None or words is None:
        return found
    side = SIDES.get(found.lower())
    return found if side is None else words[side]


def decision_texts(values: Values, positive: Any = None) -> pa.Array:
    """`decision_text` of many, each of those that are equal told once: there are few classes."""
    if isinstance(values, pa.Array):
        encoded = values.dictionary_encode()
        said = [decision_text(value, positive) for value in encoded.dictionary.to_pylist()]
        return pa.array(said, pa.string()).take(encoded.indices)
    return pa.array(_decision_texts(values, positive), pa.string())


def _decision_texts(values: Sequence[Any], positive: Any) -> list[str | None]:
    if len(set(map(type, values)) - {type(None)}) > 1:  # 1, 1.0 and true are equal and have texts of their own
        return [decision_text(value, positive) for value in values]
    try:
        told = {value: decision_text(value, positive) for value in set(values)}
    except TypeError:  # lists and mappings
        return [decision_text(value, positive) for value in values]
    return [told[value] for value in values]


def words_of(positive: Any) -> tuple[str, str] | None:
    """The texts of no and yes where a positive label is one of two such, as 1 and true are; else None."""
    return _WORDS.get(text(positive)[0] or "")


def is_moment(microseconds: Any) -> bool:
    """Whether a value is a moment of the calendar (years 1 to 9999) in microseconds since 1970, UTC."""
    return type(microseconds) is int and _FIRST <= microseconds <= _LAST


def are_moments(microseconds: Sequence[Any]) -> bool:
    """Whether there are any values and each is a moment."""
    return set(map(type, microseconds)) == {int} and min(microseconds) >= _FIRST and max(microseconds) <= _LAST


def moments(microseconds: Values) -> pa.Array:
    """Moments as a column."""
    return (microseconds if isinstance(microseconds, pa.Array) else pa.array(microseconds, pa.int64())).cast(MOMENT)


def moment(microseconds: int) -> datetime:
    """One moment as an aware datetime."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds_of(when: datetime) -> int:
    """An aware datetime as microseconds since 1970, UTC."""
    return (when - _EPOCH) // timedelta(microseconds=1)


_CONVERTERS: dict[str, Callable[[Any], tuple[Any, bool]]] = {
    "numerical": number,
    "categorical": text,
    "text": text,
    "datetime": instant,
}
