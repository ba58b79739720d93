"""What was given to the owner and not through the log: descriptions and references. Kept as files beside the exported facts.

    export/registrations.jsonl            one frame of the log (kind `model`) per description registered, oldest first
    export/references/<digest>.parquet    the newest reference of a model, with its own columns; what it is stands in its metadata

Written before the transaction that they belong to returns, and taken in again – each of them changes nothing where the database
has it – whenever a home is opened: a database that lost its newest transactions, or is made anew, gets them back.
"""

from __future__ import annotations

__all__ = ["forget_reference", "keep_reference", "keep_registration", "references", "registrations"]

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from storage.custody._files import put, sync_folder
from storage.errors import StoreError
from storage.frames import BadFrame, compose, decode
from storage.home import Home

_ABOUT = b"driftboard"  # the key of a reference file's metadata


class Reference(NamedTuple):
    """One reference file: of which model, where it came from, when it was loaded."""

    path: Path
    model: str
    source: str
    loaded_at: datetime

    def rows(self) -> pa.Table:
        """The rows as they were given. Raises StoreError where the file cannot be read."""
        try:
            return pq.read_table(self.path).replace_schema_metadata(None)
        except (pa.ArrowException, OSError) as error:
            raise StoreError(f"The reference {self.path} cannot be read ({error}): load it again from its source.") from error


def keep_registration(home: Home, spec: Mapping[str, Any], at: datetime) -> None:
    """Append a description to the file of registrations; on the disk when this returns."""
    path = home.export / "registrations.jsonl"
    body = orjson.dumps({"m": spec["name"], "ver": str(spec.get("version") or ""), "spec": spec}, default=str)
    new = not path.exists()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        torn = not new and os.fstat(descriptor).st_size and path.read_bytes()[-1:] != b"\n"
        os.write(descriptor, (b"\n" if torn else b"") + compose("model", 0, round(at.timestamp() * 1e6), body))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if new:
        sync_folder(path.parent)


def registrations(home: Home) -> Iterator[tuple[dict[str, Any], datetime]]:
    """(description, when it was registered), oldest first; lines that a kill tore are passed over."""
    path = home.export / "registrations.jsonl"
    if not path.exists():
        return
    for line in path.read_bytes().splitlines(keepends=True):
        try:
            record = decode(line)
        except BadFrame:
            continue
        yield record["spec"], datetime.fromtimestamp(record["t"] / 1e6, UTC)


def keep_reference(home: Home, model: str, rows: pa.Table, source: str, at: datetime) -> None:
    """Keep a model's reference in the place of its earlier one; on the disk when this returns."""
    about = orjson.dumps({"model": model, "source": source, "loaded_at": at.isoformat()})
    kept = rows.replace_schema_metadata({_ABOUT: about})
    put(_place(home, model), lambda file: pq.write_table(kept, file, compression="zstd"))


def forget_reference(home: Home, model: str, loaded_at: datetime) -> None:
    """Delete the file of a model's reference unless it was given after this moment, and what a kill left of one."""
    path = _place(home, model)
    path.with_name(f".{path.name}.part").unlink(missing_ok=True)
    for reference in references(home):
        if reference.path == path and reference.loaded_at <= loaded_at:
            path.unlink()
            sync_folder(path.parent)


def references(home: Home) -> Iterator[Reference]:
    """The references that were kept. Raises StoreError for a file that cannot be read."""
    for path in sorted((home.export / "references").glob("*.parquet")):
        try:
            about = orjson.loads((pq.read_schema(path).metadata or {})[_ABOUT])
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise StoreError(f"The reference {path} cannot be read ({error}): load it again from its source.") from error
        yield Reference(path, about["model"], about["source"], datetime.fromisoformat(about["loaded_at"]))


def _place(home: Home, model: str) -> Path:
    return home.export / "references" / f"{blake2b(model.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}.parquet"
