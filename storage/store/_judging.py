"""Why a record cannot be used: judged one by one, or many of one shape at once, by the same rules. Pure."""

from __future__ import annotations

__all__ = ["are_usable", "are_usable_arrays", "reason_of"]

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from storage.store._values import are_moments, is_moment

_NOTHING: dict[str, Any] = {}
_VALUES = {int, float, str, bool}  # what JSON has beside null, lists and mappings


def reason_of(record: dict[str, Any]) -> str:
    """Why a record cannot be used, or ""."""
    kind = record["k"]
    if kind == "hdr" or kind == "end" or kind == "erased":
        return ""
    if not is_moment(record.get("t")):
        return "no time of writing"
    if kind == "stat":
        return ""
    if not isinstance(record.get("m"), str) or not record["m"]:
        return "no model name"
    if kind == "model":
        return "" if isinstance(record.get("spec"), dict) else "no model description"
    if not isinstance(record.get("id"), str) or not record["id"]:
        return "no prediction id"
    if not is_moment(record.get("e", 0)) and record["e"] is not None:
        return "the time is no moment of the calendar"
    return _reason_of_label(record) if kind == "label" else _reason_of_prediction(record)


def are_usable(kind: str, columns: Mapping[str, Sequence[Any]]) -> bool:
    """Whether `reason_of` has nothing against any of some predictions or labels, given as columns by the records' keys.

    False also where that is not plain at once. That features and other columns are mappings is the caller's to know.
    """
    if not are_moments(columns.get("t", ())) or not _are_names(columns.get("m", ())) or not _are_names(columns.get("id", ())):
        return False
    events = columns.get("e", ())
    if set(map(type, events)) == {type(None), int}:
        events = [moment for moment in events if moment is not None]
    if set(map(type, events)) - {type(None)} and not are_moments(events):
        return False
    if kind == "label":
        return "y" in columns and set(map(type, columns["y"])) <= _VALUES
    return set(map(type, columns.get("nf", ()))) <= {dict}


def are_usable_arrays(kind: str, columns: Mapping[str, Any]) -> bool:
    """The same of columns that are Arrow arrays or bools, as `_columnar` reads them."""
    ids, written, events = columns.get("id"), columns.get("t"), columns.get("e")
    if not isinstance(ids, pa.Array) or ids.type != pa.string() or ids.null_count or not pc.min(pc.binary_length(ids)).as_py():
        return False
    if written is None or written.null_count or columns["n"].null_count:
        return False
    for moments in (written, events):
        earliest_latest = pc.min_max(moments).as_py() if moments is not None else {"min": None}
        if earliest_latest["min"] is not None and not are_moments(list(earliest_latest.values())):
            return False
    if kind == "label":
        values = columns.get("y")
        return values is not None and not (values.null_count if isinstance(values, pa.Array) else None in values)
    return True


def _are_names(values: Sequence[Any]) -> bool:
    return set(map(type, values)) == {str} and all(values)


def _reason_of_label(record: dict[str, Any]) -> str:
    value = record.get("y")
    return "no ground truth value" if value is None or isinstance(value, (dict, list)) else ""


def _reason_of_prediction(record: dict[str, Any]) -> str:
    for key in ("f", "x", "nf"):
        if not isinstance(record.get(key) or _NOTHING, dict):
            return "features are not a mapping"
    return ""
