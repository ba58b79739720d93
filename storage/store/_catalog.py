"""Models, their descriptions and the columns of their wide tables. Names from users are values here, never identifiers."""

from __future__ import annotations

__all__ = ["Field", "Model", "find", "heard_of", "names", "register"]

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from storage.errors import StoreError
from storage.store import _changes
from storage.store._database import ReadCursor, dicts, query, tuples
from storage.store._widening import TYPES, add_columns

Cursor = duckdb.DuckDBPyConnection

_DAY = 86_400  # seconds: rows are counted by days until shorter windows are asked for


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a model's wide table: `name` is the user's, `column` the table's. For the role `score` the name is the class."""

    name: str
    kind: str
    role: str
    column: str

    @property
    def title(self) -> str:
        """The column's name in a frame."""
        return f"@score:{self.name}" if self.role == "score" else self.name


@dataclass(frozen=True, slots=True)
class Model:
    """One model as the store knows it, seen through the description of one version."""

    model_id: int
    name: str
    spec: dict[str, Any]
    origin: str  # of the description: registered | inferred; labels where there is none
    fields: tuple[Field, ...]  # in the order of a frame: features, segments, user and item, scores

    @property
    def predictions(self) -> str:
        """The wide table of its predictions."""
        return f"pred_{self.model_id:06d}"

    @property
    def labels(self) -> str:
        """The table of its ground truth."""
        return f"label_{self.model_id:06d}"

    @property
    def reference(self) -> str:
        """The table of its reference."""
        return f"ref_{self.model_id:06d}"

    @property
    def is_classification(self) -> bool:
        """Whether predictions and labels are names of classes, not numbers."""
        return self.spec.get("task") in ("binary", "multiclass")


def names(cursor: ReadCursor) -> list[str]:
    """Every model that has a description, by name."""
    return [row["name"] for row in dicts(cursor, query("model_names"))]


def find(cursor: ReadCursor, name: str, version: str | None = None) -> Model | None:
    """A model seen through its newest description of `version`, or through its newest one where that version has none."""
    rows = tuples(cursor, query("model"), {"name": name, "version": version})
    if not rows:
        return None
    model_id, text, origin = rows[0]
    spec = json.loads(text or "{}")
    columns = tuples(cursor, query("columns"), [model_id])  # within the model's own statement they took no less time to plan
    known = {(field, kind, role == "score"): column for _, field, role, kind, column in columns}
    fields = [
        Field(field, kind, role, known[(field, kind, role == "score")])
        for field, kind, role in wanted(spec)
        if (field, kind, role == "score") in known
    ]
    present = {field.name for field in fields if field.role == "score"}
    fields += [
        Field(field, kind, "score", column)
        for (field, kind, is_score), column in known.items()
        if is_score and field not in present
    ]
    return Model(model_id, name, spec, origin, tuple(fields))


def wanted(spec: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(name, kind, role) of every column that a description asks for, each name once, in a frame's order."""
    found: dict[str, tuple[str, str, str]] = {}
    for name, kind in (spec.get("features") or {}).items():
        found[name] = (name, str(kind["kind"] if isinstance(kind, Mapping) else kind), "feature")
    for name in spec.get("segments") or ():
        found.setdefault(name, (name, "categorical", "segment"))
    for role, name in (spec.get("ranking") or {}).items():
        if role in ("user", "item"):
            found.setdefault(name, (name, "categorical", role))
    score = spec.get("score")
    scores = [(str(label), "numerical", "score") for label in score] if isinstance(score, Mapping) else []
    return [*found.values(), *scores]


def heard_of(cursor: Cursor, name: str, origin: str) -> int:
    """The integer of a model, which gets its tables now if it is new."""
    rows = dicts(cursor, "SELECT model_id FROM models WHERE name = ?", [name])
    if rows:
        return int(rows[0]["model_id"])
    model_id = int(dicts(cursor, "SELECT coalesce(max(model_id), 0) + 1 AS next FROM models")[0]["next"])
    cursor.execute("INSERT INTO models VALUES (?, ?, ?, now())", [model_id, name, origin])
    cursor.execute("INSERT INTO marks VALUES (?, 0, NULL, ?)", [model_id, _DAY])
    cursor.execute(query("model_tables").replace("000000", f"{model_id:06d}"))
    return model_id


def register(cursor: Cursor, spec: Mapping[str, Any], *, origin: str = "registered", said_at: datetime | None = None) -> bool:
    """Add a description of a model's version to its history, and the columns it asks for. False where nothing changed.

    One that a logger wrote counts from when it was written (`said_at`): read late or twice, it does not replace a newer one.
    """
    name, version = spec.get("name"), str(spec.get("version") or "")
    if not isinstance(name, str) or not name:
        raise StoreError('A model cannot be registered without its "name": give the description one.')
    unknown = sorted({kind for _, kind, _ in wanted(spec)} - set(TYPES))
    if unknown:
        raise StoreError(f'The kind "{unknown[0]}" is unknown: use one of {", ".join(sorted(TYPES))}.')
    model_id = heard_of(cursor, name, origin)
    text = json.dumps(spec, sort_keys=False, ensure_ascii=True, default=str)
    rows = dicts(cursor, query("newest_schema"), {"model_id": model_id, "version": version})
    if rows and json.loads(rows[0]["spec"]) == json.loads(text) and rows[0]["origin"] == origin:
        return False
    if rows and said_at is not None and rows[0]["origin"] == "registered" and rows[0]["registered_at"] >= said_at:
        return False
    facts = {"model_id": model_id, "version": version, "spec": text, "origin": origin, "said_at": said_at}
    cursor.execute(query("add_schema"), facts)
    cursor.execute("UPDATE models SET origin = ? WHERE model_id = ?", [origin, model_id])
    add_columns(cursor, model_id, wanted(spec))
    _changes.note(cursor, model_id, "description")
    return True
