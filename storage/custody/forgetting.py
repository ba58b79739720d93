"""The rows of a reference deleted, while what was worked out of them stays.

    references/<model>/<hash>/forgotten.json    which reference it was and since when it has no rows

That file decides: once it is there, whoever opens the home finishes the deletion – from the tables, and of the file that was given. In
the place of the rows the table keeps single values, one to a row: each feature's extremes and categories, by which windows are judged
for values that the reference never had.
"""

from __future__ import annotations

__all__ = ["Forgotten", "damaged", "finish", "forget", "forgotten", "is_exported", "is_forgotten", "lost"]

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from storage.custody import given
from storage.custody._files import put
from storage.custody.reference_profiles import Fact, ReferenceProfile
from storage.home import Home
from storage.store import _catalog, _changes, _reference
from storage.store._catalog import Field, Model
from storage.store._database import dicts

Cursor = duckdb.DuckDBPyConnection

RANGES = "ranges"  # the fact that holds what the table keeps
_NAME = "forgotten.json"
_ORDERED = {"numerical": "number", "datetime": "moment"}
_VALUES = pa.schema([("feature", pa.string()), ("kind", pa.string()), ("number", pa.float64()), ("moment", pa.timestamp("us", "UTC")),
                     ("category", pa.string())])  # fmt: skip
_DAMAGE = (OSError, ValueError, TypeError)  # of the file that decides
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A reference without rows. `view` and `facts` are for the rooms above: how facts are named, and which there were."""

    model: str
    hash: str
    rows: int
    source: str
    loaded_at: str
    start: str | None
    end: str | None
    missing_columns: list[str]
    forgotten_at: str
    view: str
    facts: list[str]


def forgotten(home: Home, model: str, info: dict[str, Any]) -> Forgotten | None:
    """What says that the reference of this `info` has no rows any more; None where it has them."""
    found = _read(ReferenceProfile(home, model, info["hash"]).folder / _NAME)
    return found if found is not None and datetime.fromisoformat(found.loaded_at) == info["loaded_at"] else None


def lost(home: Home) -> Iterator[tuple[str, int]]:
    """Each model whose reference has no rows any more and of which facts cannot be read, with how many."""
    for path in _places(home):
        with suppress(FileNotFoundError, *_DAMAGE):
            known = _known(path)
            there = {name for name, _ in ReferenceProfile.at(path.parent).facts()}
            if missing := len(set(known.facts) - there):
                yield known.model, missing


def damaged(home: Home) -> Iterator[tuple[Path, str]]:
    """Each file that says that a reference has no rows any more and cannot be read, with why: that reference passes for one with rows."""
    for path in _places(home):
        with suppress(FileNotFoundError):
            try:
                _known(path)
            except _DAMAGE as error:
                yield path, " ".join(str(error).split())


def is_forgotten(profile: ReferenceProfile) -> bool:
    """Whether the rows that these facts were worked out of were deleted."""
    return (profile.folder / _NAME).exists()


def forget(home: Home, cursor: Cursor, model: Model, info: dict[str, Any], *, view: str) -> Forgotten:
    """Delete the rows of a reference, within the caller's transaction; `finish` does what is left to do outside of it."""
    profile = ReferenceProfile(home, model.name, info["hash"])
    known = forgotten(home, model.name, info)
    if known is None:
        profile.write(RANGES, Fact(_ranges(cursor, model), None, of=tuple(field.name for field in _features(model))))
        known = Forgotten(
            model.name, info["hash"], info["rows"], info["source"], info["loaded_at"].isoformat(), _text(info["start"]), _text(info["end"]),
            list(info["missing_columns"] or ()), datetime.now(UTC).isoformat(), view, sorted(name for name, _ in profile.facts()),
        )  # fmt: skip
        content = json.dumps(asdict(known), indent=1).encode()
        put(profile.folder / _NAME, lambda file: file.write(content))
    _empty(home, cursor, model, known)
    return known


def is_exported(home: Home, written_at: str) -> bool:
    """Whether exported facts of this moment may hold rows that were deleted since."""
    found = [_read(path) for path in _places(home)]
    return any(known is not None and known.forgotten_at > written_at for known in found)


def finish(home: Home, cursor: Cursor) -> None:
    """Finish every deletion that was begun, and put a reference without rows into a database that does not know it."""
    for path in _places(home):
        known = _read(path)
        model = _catalog.find(cursor, known.model) if known is not None else None
        if known is None or model is None or not model.spec:
            continue
        info, loaded_at = _reference.info(cursor, model), datetime.fromisoformat(known.loaded_at)
        if info is not None and info["loaded_at"] > loaded_at:
            shutil.rmtree(path.parent, ignore_errors=True)  # another one was loaded since, or the same one again
            continue
        if info is None or info["loaded_at"] < loaded_at:
            of_rows = [known.rows, known.hash, known.source, loaded_at, _moment(known.start), _moment(known.end), known.missing_columns]
            cursor.execute("INSERT INTO reference_loads VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [model.model_id, *of_rows])
            _changes.note(cursor, model.model_id, "description")
            _empty(home, cursor, model, known)
        elif dicts(cursor, f"SELECT 1 FROM {model.reference} WHERE id IS NOT NULL LIMIT 1"):  # noqa: S608 – a surrogate name
            _empty(home, cursor, model, known)
        given.forget_reference(home, known.model, loaded_at)


def _empty(home: Home, cursor: Cursor, model: Model, known: Forgotten) -> None:
    """Values in the place of rows."""
    cursor.execute(f"DELETE FROM {model.reference}")  # noqa: S608 – surrogate names only, here and below
    fact = ReferenceProfile(home, known.model, known.hash).read(RANGES)
    if fact is None:
        _log.error("The ranges of the reference of %s cannot be read: load it again.", known.model)
        return
    cursor.register("kept", fact.table)
    try:
        for field in _features(model):
            if column := _ORDERED.get(field.kind, "category" if field.kind == "categorical" else None):
                cursor.execute(
                    f"INSERT INTO {model.reference} ({field.column}) SELECT {column} FROM kept "  # noqa: S608
                    f"WHERE feature = ? AND kind = ? AND {column} IS NOT NULL",
                    [field.name, field.kind],
                )
    finally:
        cursor.unregister("kept")


def _ranges(cursor: Cursor, model: Model) -> pa.Table:
    """The extremes and the categories of each feature, a row each."""
    rows = [{"feature": field.name, "kind": field.kind, column: row["value"]}
            for field, column, sql in _asked(model) for row in dicts(cursor, sql)]  # fmt: skip
    return pa.Table.from_pylist(rows, _VALUES)


def _asked(model: Model) -> Iterator[tuple[Field, str, str]]:
    """Each feature with the column that its values go to, and the question for them."""
    for field in _features(model):
        of = f"FROM {model.reference} WHERE {field.column} IS NOT NULL"
        if field.kind == "categorical":
            yield field, "category", f"SELECT DISTINCT {field.column} AS value {of} ORDER BY 1"
        elif column := _ORDERED.get(field.kind):
            present = f"{of} AND NOT isnan({field.column})" if field.kind == "numerical" else of
            for extreme in ("min", "max"):
                yield field, column, f"SELECT {extreme}({field.column}) AS value {present}"


def _features(model: Model) -> list[Field]:
    return [field for field in model.fields if field.role == "feature"]


def _places(home: Home) -> list[Path]:
    return sorted(home.references.glob(f"*/*/{_NAME}"))


def _known(path: Path) -> Forgotten:
    found = Forgotten(**json.loads(path.read_bytes()))
    datetime.fromisoformat(found.loaded_at)
    return found


def _read(path: Path) -> Forgotten | None:
    try:
        return _known(path)
    except FileNotFoundError:
        return None
    except _DAMAGE as error:
        _log.error("%s cannot be read: %s", path, error)
        return None


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
