"""Log records into tables, within the caller's transaction: descriptions, predictions, ground truth, counters."""

from __future__ import annotations

__all__ = ["Counts", "Entry", "Refusal", "take_in"]

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from storage.errors import StoreError
from storage.store import _catalog, _ground_truth, _predictions
from storage.store._inference import infer
from storage.store._values import moment

Cursor = duckdb.DuckDBPyConnection

_INFERRED = "It was logged before it was described: its description was inferred from its first rows. Register one to state it."


@dataclass(frozen=True, slots=True)
class Entry:
    """One good frame: its record, and where it stood."""

    segment_id: int
    position: int
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that cannot be used, and why."""

    entry: Entry
    reason: str


@dataclass(slots=True)
class Counts:
    """What became of a batch, in rows."""

    ingested: int = 0
    duplicates: int = 0
    refused: list[Refusal] = field(default_factory=list)


def take_in(cursor: Cursor, entries: Sequence[Entry]) -> Counts:
    """Write the records of a batch, in their order, and say what became of them. Raises duckdb.Error for the batch as a whole."""
    counts = Counts()
    predictions: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    labels: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        reason = _reason(entry.record)
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
    for (name, version), rows in predictions.items():
        model = _known(cursor, name, version, rows)
        new = _predictions.add(cursor, model, version, rows)
        counts.ingested += new
        counts.duplicates += len(rows) - new
    for name, rows in labels.items():
        new = _ground_truth.add(cursor, _labelled(cursor, name), rows)
        counts.ingested += new
        counts.duplicates += len(rows) - new
    return counts


def save_stats(cursor: Cursor, writer: str, record: dict[str, Any]) -> None:
    """Replace what is known of a logger's counters."""
    cursor.execute("DELETE FROM logger_stats WHERE writer = ?", [writer])
    kept = {key: value for key, value in record.items() if key not in ("v", "k", "n", "t")}
    cursor.execute("INSERT INTO logger_stats VALUES (?, ?, ?)", [writer, moment(record.get("t")), json.dumps(kept)])


def _reason(record: dict[str, Any]) -> str:
    """Why a record cannot be used, or ""."""
    kind = record["k"]
    if kind not in ("pred", "label", "model"):
        return ""
    if not isinstance(record.get("m"), str) or not record["m"]:
        return "no model name"
    if moment(record.get("t")) is None:
        return "no time of writing"
    if kind == "model":
        return "" if isinstance(record.get("spec"), dict) else "no model description"
    if not isinstance(record.get("id"), str) or not record["id"]:
        return "no prediction id"
    if record.get("e") is not None and moment(record["e"]) is None:
        return "the time is no moment of the calendar"
    if kind == "label" and (record.get("y") is None or isinstance(record["y"], (dict, list))):
        return "no ground truth value"
    if kind == "pred" and any(not isinstance(record.get(key) or {}, dict) for key in ("f", "x", "nf")):
        return "features are not a mapping"
    return ""


def _register(cursor: Cursor, entry: Entry, counts: Counts) -> None:
    record = entry.record
    spec = {**record["spec"], "name": record["m"]}
    if record.get("ver"):
        spec["version"] = str(record["ver"])
    try:
        _catalog.register(cursor, spec)
    except (StoreError, AttributeError, TypeError, ValueError) as error:  # checked before anything is written
        counts.refused.append(Refusal(entry, f"the model description cannot be used: {error}"[:500]))


def _known(cursor: Cursor, name: str, version: str, rows: Sequence[Entry]) -> _catalog.Model:
    """The model as described for this version; one that nobody described is described from these rows."""
    model = _catalog.find(cursor, name, version)
    if model is None or not model.spec:
        _catalog.register(cursor, infer(name, version, [entry.record for entry in rows]), origin="inferred")
        cursor.execute(
            "INSERT INTO events VALUES (now(), 'warning', 'model_inferred', ?, ?)",
            [name, _INFERRED],
        )
        model = _catalog.find(cursor, name, version)
    assert model is not None
    return model


def _labelled(cursor: Cursor, name: str) -> _catalog.Model:
    """The model that ground truth belongs to; it waits in its own table where no prediction has come yet."""
    _catalog.heard_of(cursor, name, "labels")
    model = _catalog.find(cursor, name)
    assert model is not None
    return model
