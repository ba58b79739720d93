"""A model's description guessed from a frame: what the columns' names, types and first rows say. The caller's word always wins."""

from __future__ import annotations

__all__ = ["infer"]

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from monitoring.errors import InputError, SchemaError
from monitoring.schema.model import Kind, ModelSchema, Task

_ROLES = {"timestamp": "timestamp", "id": "id", "prediction": "prediction", "label": "label", "latency": "latency_ms"}
_ROWS = 20_000  # looked at
_LONG_TEXT = 40  # characters: categories are short names …
_MANY_VALUES = 0.5  # … that repeat: text whose values are long, or of several words and mostly distinct, is free text
_FEW_CLASSES = 20  # whole-numbered labels with more values than this are quantities


def infer(frame: Any, known: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a ModelSchema: `known` ones as they are, the others guessed. Raises SchemaError, and InputError for no frame."""
    said = dict(known)
    ignore = said.pop("ignore", ())
    ignored = {ignore} if isinstance(ignore, str) else set(ignore)
    valid = {*ModelSchema.__slots__}
    unknown = next((key for key in said if key not in valid), None)
    if unknown is not None:
        raise SchemaError(f'{unknown[:100]}: there is no such part of a schema; valid are {", ".join(sorted(valid | {"ignore"}))}')
    columns = _columns(frame)
    for role, usual in _ROLES.items():
        if said.get(role) is None and usual in columns and usual not in said.get("features", ()):
            said[role] = usual
    if said.get("timestamp") is None:
        moments = [name for name, values in columns.items() if name not in ignored and _kind(values) is Kind.DATETIME]
        said |= {"timestamp": moments[0]} if len(moments) == 1 else {}
    if said.get("score") is None and "score" in columns and said.get("task") not in ("regression", "multiclass"):
        said["score"] = "score"
    said.setdefault("task", _task(said, columns))
    if said["task"] != Task.BINARY and said["task"] != Task.RANKING and isinstance(said.get("score"), str):
        del said["score"]
    if said["task"] == Task.BINARY and said.get("positive_label") is None:
        said["positive_label"] = _positive(said, columns)
    if "features" not in said:
        used = _used(said) | ignored
        said["features"] = {name: _kind(values) for name, values in columns.items() if name not in used}
    return said


def _columns(frame: Any) -> dict[str, list[Any]]:
    """The first rows, by column, as Python values; moments stay moments."""
    from monitoring._sources import chunks_of

    found: dict[str, list[Any]] = {}
    seen = 0
    for chunk in islice(chunks_of(frame), 3):
        for name, column in chunk.columns.items():
            if chunk.textual:
                from monitoring._columns import from_text

                column = from_text(column, whole=True)
            values = column if isinstance(column, list) else column.to_pylist()
            found.setdefault(name, [None] * seen).extend(values[: _ROWS - seen])
        seen += chunk.rows
        if seen >= _ROWS:
            break
    if not found:
        raise InputError("The frame has no columns to infer a schema from; give one with rows.")
    return found


def _kind(values: Sequence[Any]) -> Kind:
    there = [value for value in values if value is not None]
    if there and all(hasattr(value, "year") for value in there):
        return Kind.DATETIME
    if all(_is_number(value) for value in there):
        return Kind.NUMERICAL
    texts = [value for value in there if isinstance(value, str)]
    if texts and len(texts) == len(there) and all(map(_is_moment, texts)):
        return Kind.DATETIME
    if len(texts) == len(there) and _is_prose(texts):
        return Kind.TEXT
    return Kind.CATEGORICAL


def _is_prose(texts: Sequence[str]) -> bool:
    mean = sum(map(len, texts)) / len(texts)
    worded = sum(" " in text for text in texts) / len(texts)
    distinct = len(set(texts)) / len(texts)
    return mean >= _LONG_TEXT or (worded > 0.5 and distinct > _MANY_VALUES and len(texts) >= 20)


def _task(said: Mapping[str, Any], columns: Mapping[str, list[Any]]) -> Task:
    if said.get("ranking") is not None:
        return Task.RANKING
    if isinstance(said.get("score"), Mapping):
        return Task.MULTICLASS
    if said.get("positive_label") is not None:
        return Task.BINARY
    for role in ("label", "prediction"):
        values = {value for value in columns.get(str(said.get(role)), ()) if value is not None and value == value}
        if values:
            return _task_of(values)
    raise SchemaError("The task cannot be guessed without labels or predictions; give task= binary, multiclass, regression or ranking.")


def _task_of(values: set[Any]) -> Task:
    if len(values) <= 2:
        return Task.BINARY
    numeric = all(map(_is_number, values))
    whole = numeric and all(float(value).is_integer() for value in values)
    return Task.REGRESSION if numeric and not (whole and len(values) <= _FEW_CLASSES) else Task.MULTICLASS


def _positive(said: Mapping[str, Any], columns: Mapping[str, list[Any]]) -> Any:
    values: set[Any] = set()
    for role in ("label", "prediction"):
        values |= {value for value in columns.get(str(said.get(role)), ()) if value is not None and value == value}
    if values and values <= {0, 1}:
        return True if all(isinstance(value, bool) for value in values) else 1
    shown = ", ".join(sorted(str(value)[:40] for value in values)[:5]) or "none seen"
    raise SchemaError(f"Which label is the positive one cannot be guessed (labels: {shown}); give positive_label=….")


def _used(said: Mapping[str, Any]) -> set[str]:
    """Columns that play another part than a feature. A segment may be a feature too, as most are."""
    score = said.get("score")
    used = {said.get(role) for role in _ROLES} | (set(score.values()) if isinstance(score, Mapping) else {score})
    ranking = said.get("ranking")
    if ranking is not None:
        used |= {ranking["user"], ranking["item"]} if isinstance(ranking, Mapping) else {ranking.user, ranking.item}
    return {name for name in used if name} | {"labelled_at"}


def _is_number(value: Any) -> bool:
    return (isinstance(value, int | float) and not isinstance(value, bool)) or type(value).__name__ == "Decimal"


def _is_moment(text: str) -> bool:
    """ISO 8601 with its hyphens: 20240131 alone may as well be a number of something."""
    try:
        return text[4:5] == "-" and bool(datetime.fromisoformat(text))
    except ValueError:
        return False
