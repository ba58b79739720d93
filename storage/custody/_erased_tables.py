"""A subject's rows in the tables: found by its column, and turned into stubs. Names from users are values here."""

from __future__ import annotations

__all__ = ["erase_rows", "find", "forget_texts", "models", "pointer"]

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import duckdb

from storage.custody._erased_lines import Wanted
from storage.store import _catalog, _changes
from storage.store._database import ReadCursor, dicts
from storage.store._values import number

Cursor = duckdb.DuckDBPyConnection

_ERASED = "[erased]"
_STAYS = ("segment_id", "n", "version", "t", "written_at", "ingested_at", "duplicate")  # of a stub: its place
_NOT_TEXT = frozenset({  # tables without a subject's words
    "models", "schemas", "columns", "ingest_offsets", "migrations", "logger_stats", "changes", "settled",
})  # fmt: skip
_NAMES = frozenset({"model", "version", "metric", "column", "method", "status", "kind", "window", "run", "state", "level", "format",
                    "path", "report_id", "name", "origin", "hash"})  # fmt: skip
_LONG = 4  # characters from which on a value is looked for within texts, as a word of its own


def find(cursor: Cursor, column: str, values: frozenset[str]) -> Wanted:
    """The subject with the ids of its predictions, model by model."""
    wanted = Wanted(column, values)
    for model in models(cursor):
        wanted.is_id[model.name] = column in ("id", model.spec.get("id"))
        condition, parameters = _condition(cursor, model, wanted, "p")
        rows = dicts(cursor, f"SELECT DISTINCT id FROM {model.predictions} p WHERE id IS NOT NULL AND ({condition})", parameters)  # noqa: S608
        wanted.ids[model.name] = frozenset(row["id"] for row in rows) | (values if wanted.is_id[model.name] else frozenset())
    return wanted


def erase_rows(cursor: Cursor, wanted: Wanted) -> Counter[str]:
    """Predictions become stubs; labels, reference rows and quarantined lines go. How many of each."""
    removed: Counter[str] = Counter()
    for model in models(cursor):
        ids = sorted(wanted.ids.get(model.name, ()))
        removed["labels"] += _changed(cursor, f"DELETE FROM {model.labels} WHERE list_contains($ids, id)", {"ids": ids})  # noqa: S608
        removed["predictions"] += _changed(
            cursor, f"UPDATE {model.predictions} SET {_blank(cursor, model.predictions)} WHERE list_contains($ids, id)", {"ids": ids}  # noqa: S608
        )
        condition, parameters = _condition(cursor, model, wanted, "r")
        removed["reference rows in tables"] += _changed(cursor, f"DELETE FROM {model.reference} r WHERE {condition}", parameters)  # noqa: S608
        for identity in ids:
            cursor.execute("UPDATE quarantine SET line = ? WHERE contains(line, ?)", [_ERASED, f'"{identity}"'])
    _changes.note_everything(cursor)
    for value in sorted(wanted.values):
        needle = value if len(value) >= _LONG else f'"{value}"'
        removed["quarantined lines in tables"] += _changed(
            cursor, "UPDATE quarantine SET line = $erased WHERE contains(line, $needle)", {"erased": _ERASED, "needle": needle}
        )
    return removed


def forget_texts(cursor: Cursor, wanted: Wanted) -> int:
    """The subject's name in findings and events, where it names a class, a segment or stands in a sentence; numbers stay."""
    count = 0
    for value in sorted(wanted.values):
        parameters = {"value": value, "column": wanted.column, "erased": _ERASED}
        count += _changed(cursor, 'UPDATE profiles SET label = $erased WHERE label = $value AND "column" = $column', parameters)
        for table in ("points", "profiles"):
            names = {"old": f"{wanted.column}={value}", "new": f"{wanted.column}={_ERASED}"}
            count += _changed(cursor, f"UPDATE {table} SET segment = $new WHERE segment = $old", names)  # noqa: S608 – constants
        if len(value) >= _LONG:
            pattern = rf"(^|[^\w]){re.escape(value)}($|[^\w])"
            for table, column, kind in _texts(cursor):
                count += _changed(
                    cursor,
                    f'UPDATE "{table}" SET "{column}" = CAST(regexp_replace(CAST("{column}" AS VARCHAR), $pattern, $new, \'g\') AS {kind}) '  # noqa: S608
                    f'WHERE contains(CAST("{column}" AS VARCHAR), $value)',
                    {"pattern": pattern, "new": rf"\1{_ERASED}\2", "value": value},
                )
    return count


def models(cursor: ReadCursor) -> Iterator[_catalog.Model]:
    """Every model that was heard of, seen through its newest description."""
    for row in dicts(cursor, "SELECT name FROM models ORDER BY model_id"):
        model = _catalog.find(cursor, row["name"])
        if model is not None:
            yield model


def pointer(column: str) -> str:
    """Where a column stands in `_extra`: a JSON pointer, RFC 6901."""
    return "/" + column.replace("~", "~0").replace("/", "~1")


def _condition(cursor: Cursor, model: _catalog.Model, wanted: Wanted, alias: str) -> tuple[str, dict[str, Any]]:
    """SQL that is true for the subject's rows of a wide table."""
    parameters: dict[str, Any] = {
        "values": sorted(wanted.values),
        "pointer": pointer(wanted.column),
    }
    parts = [f"list_contains($values, json_extract_string({alias}._extra, $pointer))"]
    known = "SELECT column_name, kind FROM columns WHERE model_id = ? AND name = ? AND role != 'score'"
    rows = dicts(cursor, known, [model.model_id, wanted.column])
    for row in rows:
        if row["kind"] == "numerical":
            parameters["numbers"] = [found for value in sorted(wanted.values) if (found := number(value)[0]) is not None]
            parts.append(f"list_contains(CAST($numbers AS DOUBLE[]), {alias}.{row['column_name']})")
        else:
            parts.append(f"list_contains($values, CAST({alias}.{row['column_name']} AS VARCHAR))")
    if wanted.column in ("id", model.spec.get("id")):
        parts.append(f"list_contains($values, {alias}.id)")
    return " OR ".join(f"coalesce({part}, false)" for part in parts), parameters


def _blank(cursor: Cursor, table: str) -> str:
    """Assignments that leave of a row its place alone. Its content, a hash of what was logged, becomes a number of chance."""
    rows = dicts(cursor, "SELECT column_name FROM duckdb_columns() WHERE schema_name = 'main' AND table_name = ?", [table])
    blanks = [f"{row['column_name']} = NULL" for row in rows if row["column_name"] not in (*_STAYS, "content")]
    return ", ".join([*blanks, "content = hash(uuid())"])


def _texts(cursor: Cursor) -> list[tuple[str, str, str]]:
    """(table, column, type) of the tables' running texts."""
    rows = dicts(
        cursor, "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = 'main' AND NOT internal "
        "AND data_type IN ('VARCHAR', 'JSON') AND table_name IN (SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main')",
    )  # fmt: skip
    return [
        (row["table_name"], row["column_name"], row["data_type"])
        for row in rows
        if row["table_name"] not in _NOT_TEXT
        and row["column_name"] not in _NAMES
        and not re.match(r"(pred|label|ref)_\d", row["table_name"])
    ]


def _changed(cursor: Cursor, sql: str, parameters: dict[str, Any]) -> int:
    row = cursor.execute(sql, parameters).fetchone()
    return int(row[0]) if row else 0
