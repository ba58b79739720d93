"""Where a text still stands in a home: every file searched byte by byte, compressed ones as what they hold."""

from __future__ import annotations

__all__ = ["mentions"]

import io
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from storage import archive
from storage.home import Home


def mentions(home: Home, needles: Sequence[bytes]) -> list[str]:
    """The files, relative to the home, in which one of the byte strings stands. The database must not be asked while it is open: it is
    skipped, for its tables are searched by their own means."""
    skipped = {home.database.parent, home.lock, home.socket}
    paths = [path for path in sorted(home.path.rglob("*")) if path.is_file() and not skipped & {path, *path.parents}]
    return [str(path.relative_to(home.path)) for path in paths if any(needle in _content(path) for needle in needles)]


def _content(path: Path) -> bytes:
    if path.name.endswith(".zst"):
        with archive.open_archived(path) as file:
            return file.read()
    if path.name.endswith(".parquet"):
        out = io.BytesIO()
        table = pq.read_table(path)
        for column in table.columns:
            if pa.types.is_dictionary(column.type) or pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                out.write("\0".join(str(value) for value in column.to_pylist() if value is not None).encode())
        return b"\0".join([out.getvalue(), *(table.schema.metadata or {}).values()])
    return path.read_bytes()
