"""Facts as files: the whole database as Parquet, so that it can be made again where it is damaged and the log no longer there.

    export/manifest.json                                   what belongs together, each file with its sha256
    export/house/<table>-<generation>.parquet              every table that is not a model's own
    export/model=<int>/reference-<generation>.parquet
    export/model=<int>/date=<day of ingestion>/predictions-<generation>.parquet, labels-<generation>.parquet

All files of a manifest are of one moment: the rows of models and how far each segment was read. So whatever of the log came
later is read again after an import, and nothing twice. A day whose rows are as they were is not written again.
"""

from __future__ import annotations

__all__ = ["Manifest", "load", "read_manifest", "verify", "write"]

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from storage.custody._files import digest, put
from storage.errors import StoreError
from storage.home import Home
from storage.store._database import dicts

Cursor = duckdb.DuckDBPyConnection

_FORMAT = 1
_BATCH = 100_000  # rows in memory at once
_OF_A_MODEL = {"pred": "predictions", "label": "labels", "ref": "reference"}
_MODEL_TABLE = re.compile(r"(pred|label|ref)_(\d{6,})")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TYPE = re.compile(r"[A-Z][A-Z0-9 ]*(\([0-9, ]+\))?(\[\])?")


@dataclass(frozen=True, slots=True)
class File:
    """One Parquet file: `path` is relative to the export folder, `content` changes when its rows do."""

    path: str
    table: str
    rows: int
    bytes: int
    sha256: str
    content: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export holds: of which schema, written when, each table's columns (name, type), and the files."""

    schema: int
    generation: int
    written_at: str
    tables: dict[str, list[tuple[str, str]]]
    files: list[File]


def read_manifest(home: Home) -> Manifest | None:
    """The manifest of a home's export, or None where nothing was exported. Raises StoreError for one that cannot be read."""
    path = home.export / "manifest.json"
    try:
        found = json.loads(path.read_bytes())
        if found["format"] != _FORMAT:
            raise StoreError(f"{path} is of format {found['format']}, this version knows {_FORMAT}: install the version that wrote it.")
        tables = {name: [(column, kind) for column, kind in columns] for name, columns in found["tables"].items()}
        return Manifest(found["schema"], found["generation"], found["written_at"], tables, [File(**file) for file in found["files"]])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} cannot be read ({error}): restore it from a backup, or move the export folder away.") from error


def verify(home: Home, manifest: Manifest) -> list[str]:
    """The files of an export that are missing or not what was written, as sentences."""
    found = []
    for file in manifest.files:
        path = home.export / file.path
        if not path.is_file():
            found.append(f"{path} is missing")
        elif path.stat().st_size != file.bytes or digest(path) != file.sha256:
            found.append(f"{path} is not what was written")
    return found


def write(home: Home, cursor: Cursor) -> Manifest:
    """Export what the database holds now, as one moment. The manifest is replaced last, and then what it no longer names removed."""
    before = read_manifest(home)
    generation = before.generation + 1 if before else 1
    cursor.execute("BEGIN")
    try:
        schema = int(dicts(cursor, "SELECT max(number) AS number FROM migrations")[0]["number"])
        tables = _tables(cursor)
        kept = {(file.table, file.path.rsplit("-", 1)[0]): file for file in before.files} if before and before.schema == schema else {}
        files = [file for name in tables for file in _written(home.export, cursor, name, generation, kept)]
    finally:
        cursor.execute("ROLLBACK")
    manifest = Manifest(schema, generation, datetime.now(UTC).isoformat(), tables, files)
    text = json.dumps({"format": _FORMAT, **asdict(manifest)}, indent=1).encode()
    put(home.export / "manifest.json", lambda file: file.write(text))
    _sweep(home.export, manifest)
    return manifest


def load(home: Home, manifest: Manifest, cursor: Cursor) -> None:
    """Fill a database that has just got the manifest's schema. Raises StoreError for a file that is not what was written."""
    wrong = verify(home, manifest)
    if wrong:
        raise StoreError(f"The exported facts are damaged: {wrong[0]}. Restore the export folder from a backup, or move it away.")
    there = set(_tables(cursor))
    for name, columns in manifest.tables.items():
        if name not in there:
            cursor.execute(f"CREATE TABLE {_checked(name)} ({', '.join(_column(*column) for column in columns)})")
        else:
            cursor.execute(f"DELETE FROM {_checked(name)}")  # noqa: S608 – a name that was checked
    for file in manifest.files:
        with pq.ParquetFile(home.export / file.path) as parquet:
            for batch in parquet.iter_batches(_BATCH):
                cursor.register("incoming", pa.Table.from_batches([batch]))
                cursor.execute(f"INSERT INTO {_checked(file.table)} BY NAME SELECT * FROM incoming")  # noqa: S608
                cursor.unregister("incoming")


def _tables(cursor: Cursor) -> dict[str, list[tuple[str, str]]]:
    """Every table but the record of migrations, with its columns and their types."""
    found: dict[str, list[tuple[str, str]]] = {}
    rows = dicts(
        cursor,
        "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE schema_name = 'main' AND NOT internal "
        "AND table_name IN (SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main') ORDER BY table_name, column_index",
    )
    for row in rows:
        if row["table_name"] != "migrations":
            found.setdefault(row["table_name"], []).append((row["column_name"], row["data_type"]))
    return found


def _written(folder: Path, cursor: Cursor, name: str, generation: int, kept: dict[tuple[str, str], File]) -> Iterator[File]:
    """The files of one table; those whose rows are as they were are kept."""
    for stem, condition, parameters in _parts(cursor, name):
        source = f"FROM {_checked(name)} WHERE {condition}"
        # A struct of all columns: new columns and every changed value change it. A sum, so that the order plays no part.
        asked = f"SELECT printf('%d-%s', count(*), CAST(sum(hash({name})::HUGEINT) AS VARCHAR)) AS content {source}"
        content = str(dicts(cursor, asked, parameters)[0]["content"])
        old = kept.get((name, stem))
        if old is not None and old.content == content and (folder / old.path).is_file():
            yield old
            continue
        path = folder / f"{stem}-{generation}.parquet"
        rows = _write_rows(path, cursor, f"SELECT * {source}", parameters)
        yield File(f"{stem}-{generation}.parquet", name, rows, path.stat().st_size, digest(path), content)


def _parts(cursor: Cursor, name: str) -> Iterator[tuple[str, str, Sequence[Any]]]:
    """How a table is cut into files: (beginning of the file's name, condition, its parameters)."""
    match = _MODEL_TABLE.fullmatch(name)
    if match is None:
        yield f"house/{name}", "true", ()
        return
    kind, folder = _OF_A_MODEL[match[1]], f"model={int(match[2])}"
    if match[1] == "ref":
        yield f"{folder}/{kind}", "true", ()
        return
    days = dicts(cursor, f"SELECT DISTINCT CAST(ingested_at AS DATE) AS day FROM {_checked(name)} ORDER BY 1")  # noqa: S608
    for row in days:
        yield f"{folder}/date={row['day']}/{kind}", "CAST(ingested_at AS DATE) IS NOT DISTINCT FROM ?", (row["day"],)


def _write_rows(path: Path, cursor: Cursor, sql: str, parameters: Sequence[Any]) -> int:
    count = 0

    def write(file: BinaryIO) -> None:
        nonlocal count
        reader = cursor.sql(sql, params=list(parameters)).to_arrow_reader(_BATCH)
        with pq.ParquetWriter(file, reader.schema, compression="zstd") as parquet:
            for batch in reader:
                count += batch.num_rows
                parquet.write_batch(batch)

    put(path, write)
    return count


def _sweep(folder: Path, manifest: Manifest) -> None:
    """Remove the files that no manifest names: of earlier exports, and of one that was killed."""
    named = {file.path for file in manifest.files}
    for path in folder.rglob("*.parquet*"):
        where = path.relative_to(folder)
        if where.parts[0] != "references" and str(where) not in named:
            path.unlink()
    for path in sorted(folder.glob("model=*/date=*"), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()


def _checked(name: str) -> str:
    if not _IDENTIFIER.fullmatch(name):
        raise StoreError(f"The export names a table {name!r}, which this project never made: restore the manifest from a backup.")
    return name


def _column(name: str, kind: str) -> str:
    if not _TYPE.fullmatch(kind):
        raise StoreError(f"The export names a type {kind!r}, which this project never uses: restore the manifest from a backup.")
    return f'"{_checked(name)}" {kind}'
