"""Log records into tables, within the caller's transaction: descriptions, predictions, ground truth, counters."""

from __future__ import annotations

__all__ = ["reason_of", "take_in"]

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import duckdb

from storage.errors import StoreError
from storage.store import _catalog, _changes, _ground_truth, _predictions
from storage.store._entries import Counts, Entry, Refusal
from storage.store._inference import infer
from storage.store._values import is_moment, moment

Cursor = duckdb.DuckDBPyConnection

_INFERRED = "It was logged before it was described: its description was inferred from its first rows. Register one to state it."

_NOTHING: dict[str, Any] = {}


def take_in(cursor: Cursor, entries: Sequence[Entry]) -> Counts:
    """Write the records of a batch, in their order, and say what became of them. Raises duckdb.Error for the batch as a whole."""
    counts = Counts(ingested=sum(entry.record["k"] == "erased" for entry in entries))  # taken in once, and their subjects erased since
    predictions: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    labels: dict[str, list[Entry]] = defaultdict(list)
    stats: dict[str, Entry] = {}
    for entry in entries:
        reason = reason_of(entry.record)
        if reason:
            counts.refused.append(Refusal(entry, reason))
            continue
        kind = entry.record["k"]
        if kind == "pred":
            predictions[entry.record["m"], str(entry.record.get("ver") or "")].append(entry)
        elif kind == "label":
            labels[entry.record["m"]].append(entry)
        elif kind == "model":
            _register(cursor, entry, counts)
        elif kind == "stat":
            stats[str(entry.record.get("writer"))] = entry
    for (name, version), rows in predictions.items():
        model = _known(cursor, name, version, rows)
        new = _predictions.add(cursor, model, version, rows)
        _changes.note(cursor, model.model_id, "predictions" if new == len(rows) else "repeats")
        counts.ingested += new
        counts.duplicates += len(rows) - new
    for name, rows in labels.items():
        model = _labelled(cursor, name)
        new = _ground_truth.add(cursor, model, rows)
        _changes.note(cursor, model.model_id, "labels")
        counts.ingested += new
        counts.duplicates += len(rows) - new
    for entry in stats.values():
        _save_stats(cursor, entry.record)
    cursor.execute("UPDATE collected SET ingested = ingested + ?, duplicates = duplicates + ?", [counts.ingested, counts.duplicates])
    return counts


def _save_stats(cursor: Cursor, record: dict[str, Any]) -> None:
    """Keep the newest counters of each logger: they count from its beginning."""
    writer, at = str(record.get("writer") or ""), moment(record["t"])
    kept = {key: value for key, value in record.items() if key not in ("v", "k", "n", "t", "writer")}
    newer = "SELECT 1 FROM logger_stats WHERE writer = $writer AND written_at > $at"
    cursor.execute(f"DELETE FROM logger_stats WHERE writer = $writer AND NOT EXISTS ({newer})", {"writer": writer, "at": at})  # noqa: S608 – constants
    cursor.execute(
        f"INSERT INTO logger_stats SELECT $writer, $at, $stats WHERE NOT EXISTS ({newer})",
        {"writer": writer, "at": at, "stats": json.dumps(kept)},
    )


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


def _reason_of_label(record: dict[str, Any]) -> str:
    value = record.get("y")
    return "no ground truth value" if value is None or isinstance(value, (dict, list)) else ""


def _reason_of_prediction(record: dict[str, Any]) -> str:
    for key in ("f", "x", "nf"):
        if not isinstance(record.get(key) or _NOTHING, dict):
            return "features are not a mapping"
    return ""


def _register(cursor: Cursor, entry: Entry, counts: Counts) -> None:
    record = entry.record
    spec = {**record["spec"], "name": record["m"]}
    if record.get("ver"):
        spec["version"] = str(record["ver"])
    try:
        _catalog.register(cursor, spec, said_at=moment(record["t"]))
    except (StoreError, AttributeError, TypeError, ValueError) as error:  # checked before anything is written
        counts.refused.append(Refusal(entry, f"the model description cannot be used: {error}"[:500]))


def _known(cursor: Cursor, name: str, version: str, rows: Sequence[Entry]) -> _catalog.Model:
    """The model as described for this version; one that nobody described is described from its rows, as far as they have come."""
    model = _catalog.find(cursor, name, version)
    if model is not None and model.origin == "registered":
        return model
    spec = infer(name, version, [entry.record for entry in rows])
    if model is not None and model.spec:
        features = {**spec["features"], **model.spec["features"]}  # what was inferred first stays
        if features.keys() == model.spec["features"].keys():
            return model
        spec = {**model.spec, "features": features}
    else:
        cursor.execute("INSERT INTO events VALUES (now(), 'warning', 'model_inferred', ?, ?)", [name, _INFERRED])
    _catalog.register(cursor, spec, origin="inferred")
    model = _catalog.find(cursor, name, version)
    assert model is not None
    return model


def _labelled(cursor: Cursor, name: str) -> _catalog.Model:
    """The model that ground truth belongs to; it waits in its own table where no prediction has come yet."""
    _catalog.heard_of(cursor, name, "labels")
    model = _catalog.find(cursor, name)
    assert model is not None
    return model
