"""What a database ought to hold and does not, because it lost its newest transactions or was made anew: taken in again.

A write-ahead log that was cut short opens with its tail silently gone. The tables then know less of the log than the archive
shows to have been read – so every archived segment that they do not know as archived goes back into the spool, from where the
collector takes in exactly the lines that are missing.
"""

from __future__ import annotations

__all__ = ["archived_names", "catch_up", "put_back"]

import logging
import os
from collections.abc import Collection
from pathlib import Path

import duckdb

from storage import archive
from storage.custody import forgetting, given
from storage.errors import StorageError
from storage.home import Home
from storage.store import _catalog, _reference, _runs
from storage.store._database import dicts

Cursor = duckdb.DuckDBPyConnection

_log = logging.getLogger(__name__)


def catch_up(home: Home, cursor: Cursor) -> None:
    """Register and load what was given by hand and is not in the tables, within the caller's transaction."""
    for spec, at in given.registrations(home):
        _catalog.register(cursor, spec, said_at=at)
    forgetting.finish(home, cursor)
    for reference in given.references(home):
        model = _catalog.find(cursor, reference.model)
        if model is None or not model.spec:
            continue  # its description comes with a logger's segment, and the reference with the next opening
        known = _reference.info(cursor, model)
        if known is not None and known["loaded_at"] >= reference.loaded_at:
            continue
        try:
            _reference.put(cursor, model, reference.rows(), reference.source, at=reference.loaded_at)
        except StorageError as error:
            text = f"The reference of {reference.model} could not be restored: {error}"
            _runs.add_event(cursor, level="error", kind="reference_not_restored", text=text, model=reference.model)


def put_back(home: Home, known: Collection[str], *, limit: int | None = None) -> int:
    """Return to the spool the archived segments (at most `limit`) whose names are not in `known`; how many.

    They stay in the archive too: putting a segment away finds its equal there.
    """
    count = 0
    for path in archive.archived(home):
        name = archive.segment_of(path)
        if name in known or (home.spool / name).exists():
            continue
        if limit is not None and count >= limit:
            break
        try:
            _unpack(path, home.spool / name)
            count += 1
        except (OSError, StorageError) as error:
            _log.error("The archived segment %s cannot be read and stays where it is: %s", path, error)
    return count


def archived_names(cursor: Cursor) -> set[str]:
    """The segments that the tables know to have been read whole."""
    return {row["segment"] for row in dicts(cursor, "SELECT segment FROM ingest_offsets WHERE state = 'archived'")}


def _unpack(path: Path, target: Path) -> None:
    """Beside its place first: a segment in the spool is a whole one."""
    unborn = target.with_name(f".{target.name}.part")
    descriptor = os.open(unborn, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file, archive.open_archived(path) as content:
        while chunk := content.read(1 << 20):
            file.write(chunk)
    unborn.rename(target)
