"""Files that a person hands to the models page, read under names of our own: a user's file name never becomes a path."""

from __future__ import annotations

__all__ = ["TABLES", "from_yaml", "kept", "read_upload"]

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import pyarrow as pa

from monitoring.errors import InputError, nearest
from monitoring.reading import read_table
from monitoring.schema import ModelSchema

TABLES = ("csv", "jsonl", "parquet")


class Upload(Protocol):
    """What `st.file_uploader` returns, as far as it is used here."""

    name: str

    def getvalue(self) -> bytes:
        """The file's content."""
        ...


def from_yaml(content: str | bytes) -> ModelSchema:
    """The schema in a YAML text. Raises SchemaError that names the line, the key and the nearest valid word."""
    with TemporaryDirectory(prefix="driftboard-upload-") as folder:
        path = Path(folder) / "model.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return ModelSchema.from_file(path)


@contextmanager
def kept(upload: Upload, name: str) -> Iterator[Path]:
    """The upload as a file called `name` with its own ending, as long as the block lasts. Raises InputError for another ending."""
    ending = upload.name.rpartition(".")[2].lower()
    if ending not in TABLES:
        raise InputError(f"This file is no table: {nearest(ending, TABLES)}")
    with TemporaryDirectory(prefix="driftboard-upload-") as folder:
        path = Path(folder) / f"{name}.{ending}"
        path.write_bytes(upload.getvalue())
        yield path


def read_upload(upload: Upload, schema: ModelSchema) -> pa.Table:
    """The rows of an uploaded Parquet, CSV or JSON Lines file. Raises InputError where they cannot be read."""
    with kept(upload, "rows") as path:
        return read_table(path, schema)
