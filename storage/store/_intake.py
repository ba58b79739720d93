"""Log records into tables, within the caller's transaction: descriptions, predictions, ground truth, counters."""

from __future__ import annotations

__all__ = ["reason_of", "take_in"]

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from storage.errors import StoreError
from storage.store import _catalog, _changes, _ground_truth, _predictions
from storage.store._entries import Counts, Entry, Placed, Refusal
from storage.store._groups import Group
from storage.store._inference import features_of, infer, may_name, names_more
from storage.store._judging import reason_of
from storage.store._known_ids import KnownIds
from storage.store._runs import add_event
from storage.store._values import moment

Cursor = duckdb.DuckDBPyConnection

_INFERRED = "It was logged before it was described: its description was inferred from its first rows. Register one to state it."


@dataclass(frozen=True, slots=True)
class _Rows:
    """What came of one model, or of one version of it."""

    entries: list[Entry] = field(default_factory=list)
    groups: list[Placed] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.entries) + sum(len(placed.group.offsets) for placed in self.groups)

    @property
    def first(self) -> tuple[int, int]:
        """The segment and the position of the first of them."""
        grouped = [(placed.segment_id, placed.group.offsets[0]) for placed in self.groups]
        return min([*((entry.segment_id, entry.position) for entry in self.entries), *grouped])

    def one_by_one(self, chosen: Callable[[Group], bool] = lambda _: True) -> list[Entry]:
        """All of it, or of the groups some, as entries, in order within each segment."""
        grouped = [entry for placed in self.groups if chosen(placed.group) for entry in placed.entries()]
        return sorted([*self.entries, *grouped], key=lambda entry: entry[:2])

    def naming(self, known: Collection[str]) -> list[Mapping[str, Any]]:
        """The records with a feature that has a value and is not among the known, in order within each segment."""
        found = self.one_by_one(lambda group: may_name(group.features, group.columns, known))
        return [entry.record for entry in found if names_more(entry.record, known)]


def take_in(cursor: Cursor, known: KnownIds, entries: Sequence[Entry], groups: Sequence[Placed] = ()) -> Counts:
    """Write the records of a batch – good ones in groups, others in their order – and say what became of them.

    Raises duckdb.Error for the batch as a whole.
    """
    counts = Counts(ingested=sum(entry.record["k"] == "erased" for entry in entries))  # taken in once, and their subjects erased since
    predictions, labels, stats = _by_kind(cursor, entries, counts)
    for placed in groups:
        name, version = placed.group.model, placed.group.version
        (labels[name] if placed.group.kind == "label" else predictions[name, version]).groups.append(placed)
    for (name, version), rows in sorted(predictions.items(), key=lambda of: of[1].first):  # models are numbered as they come
        model = _known(cursor, name, version, rows)
        new = _predictions.add(cursor, known, model, version, rows.entries, rows.groups)
        _changes.note(cursor, model.model_id, "predictions" if new == len(rows) else "repeats")
        counts.ingested += new
        counts.duplicates += len(rows) - new
    for name, rows in sorted(labels.items(), key=lambda of: of[1].first):
        model = _labelled(cursor, name)
        new = _ground_truth.add(cursor, known, model, rows.entries, rows.groups)
        _changes.note(cursor, model.model_id, "labels")
        counts.ingested += new
        counts.duplicates += len(rows) - new
    for entry in stats.values():
        _save_stats(cursor, entry.record)
    cursor.execute("UPDATE collected SET ingested = ingested + ?, duplicates = duplicates + ?", [counts.ingested, counts.duplicates])
    return counts


def _by_kind(
    cursor: Cursor, entries: Sequence[Entry], counts: Counts
) -> tuple[dict[tuple[str, str], _Rows], dict[str, _Rows], dict[str, Entry]]:
    """Predictions by model and version, ground truth by model, the last counters of each writer; descriptions are taken in at once."""
    predictions: dict[tuple[str, str], _Rows] = defaultdict(_Rows)
    labels: dict[str, _Rows] = defaultdict(_Rows)
    stats: dict[str, Entry] = {}
    for entry in entries:
        reason = reason_of(entry.record)
        if reason:
            counts.refused.append(Refusal(entry, reason))
            continue
        kind = entry.record["k"]
        if kind == "pred":
            predictions[entry.record["m"], str(entry.record.get("ver") or "")].entries.append(entry)
        elif kind == "label":
            labels[entry.record["m"]].entries.append(entry)
        elif kind == "model":
            _register(cursor, entry, counts)
        elif kind == "stat":
            stats[str(entry.record.get("writer"))] = entry
    return predictions, labels, stats


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


def _register(cursor: Cursor, entry: Entry, counts: Counts) -> None:
    record = entry.record
    spec = {**record["spec"], "name": record["m"]}
    if record.get("ver"):
        spec["version"] = str(record["ver"])
    try:
        _catalog.register(cursor, spec, said_at=moment(record["t"]))
    except (StoreError, AttributeError, TypeError, ValueError) as error:  # checked before anything is written
        counts.refused.append(Refusal(entry, f"the model description cannot be used: {error}"[:500]))


def _known(cursor: Cursor, name: str, version: str, rows: _Rows) -> _catalog.Model:
    """The model as described for this version; one that nobody described is described from its rows, as far as they have come."""
    model = _catalog.find(cursor, name, version)
    if model is not None and model.origin == "registered":
        return model
    if model is not None and model.spec:
        described = model.spec["features"]
        more = features_of(rows.naming(described), but=described)
        if not more:
            return model
        spec = {**model.spec, "features": {**described, **more}}  # what was inferred first stays, and stays first
    else:
        spec = infer(name, version, [entry.record for entry in rows.one_by_one()])
        add_event(cursor, level="warning", kind="model_inferred", model=name, text=_INFERRED)
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
