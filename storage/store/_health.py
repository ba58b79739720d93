"""The store's own account: what was offered, what became of it, how large things are. Sizes of the database come from DuckDB itself."""

from __future__ import annotations

__all__ = ["freshness", "health"]

import json
import os
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from storage._segment_reader import open_plain, segments
from storage.errors import StorageError
from storage.home import Home
from storage.store import _catalog, _segments
from storage.store._database import ReadCursor, dicts, query
from storage.store._segments import Segment
from storage.store._tally import records_ahead

Cursor = ReadCursor

_TAILS = pa.schema([
    ("segment", pa.string()), ("writer", pa.string()), ("sequence", pa.int32()), ("accepted", pa.int64()), ("waiting", pa.int64()),
])  # fmt: skip
_CHUNK = 8 << 20  # bytes of unread lines looked at in one go
_BLOCK = "SELECT block_size * total_blocks AS bytes, wal_size FROM pragma_database_size() WHERE database_name = ?"


def health(cursor: Cursor, home: Home, *, schema_version: int) -> dict[str, Any]:
    """See Store.health. Times are ISO 8601 text, sizes bytes. The caller sees to it that no segment leaves the spool meanwhile."""
    spool, account = _snapshot(cursor, home)
    size = dicts(cursor, _BLOCK, [home.database.stem])[0]
    models = [_model(cursor, name) for name in _catalog.names(cursor)]
    return {
        "accounting": account,
        "spool": spool,
        "database": {"bytes": int(size["bytes"]), "wal": size["wal_size"], "schema_version": schema_version, "engine": duckdb.__version__},
        "archive": _folder(home.archive),
        "quarantine": _folder(home.quarantine),
        "models": models,
        "newest_prediction": max((found for model in models if (found := model["newest_prediction"])), default=None),
        "newest_label": max((found for model in models if (found := model["newest_label"])), default=None),
        "runs": [_plain(row) for row in dicts(cursor, query("runs") + " LIMIT 5")],
    }


def freshness(cursor: Cursor, home: Home) -> dict[str, Any]:
    """See Reader.freshness. Rows are looked at of those models alone that took some in since they were counted."""
    paths = segments(home.spool)
    known = _segments.known(cursor, [path.name for path in paths])
    backlog = sum(_ahead(path, known.get(path.name) or Segment(0, path.name))[0] for path in paths)
    asked = [query("newest_prediction")]
    for row in dicts(cursor, "SELECT model_id FROM marks WHERE counted IS DISTINCT FROM serial"):
        asked.append(f"SELECT max(t) AS newest FROM pred_{row['model_id']:06d}")  # noqa: PERF401, S608 – a number
    moments = [dicts(cursor, sql)[0]["newest"] for sql in asked]
    return {"newest_prediction": max((found for found in moments if found is not None), default=None), "backlog_bytes": backlog}


def _snapshot(cursor: Cursor, home: Home) -> tuple[dict[str, int], dict[str, Any]]:
    """The state of the spool, and the account of every record, both as of one moment – the cursor's transaction: rows taken in since
    are still in the spool."""
    waiting, tails = [], []
    paths = segments(home.spool)
    known = _segments.known(cursor, [path.name for path in paths])
    for path in paths:
        segment = known.get(path.name) or Segment(0, path.name)
        unread, records = _ahead(path, segment)
        waiting.append(unread)
        tails.append((path.name, segment.writer, segment.sequence, segment.accepted, records))
    cursor.register("tails", pa.Table.from_pylist([dict(zip(_TAILS.names, tail, strict=True)) for tail in tails], _TAILS))
    try:
        account = dicts(cursor, query("accounting"))[0]
    finally:
        cursor.unregister("tails")
    told = _told(cursor)
    spool = {"segments": len(paths), "backlog_segments": sum(1 for size in waiting if size), "backlog_bytes": sum(waiting)}
    return spool, _account(account, told) | {"in_spool_bytes": spool["backlog_bytes"]}


def _ahead(path: Path, segment: Segment) -> tuple[int, int]:
    """Bytes and records of a segment that no transaction holds yet; what its writer said up to there goes into `segment`."""
    try:
        with open_plain(path) as file:
            size, records = os.fstat(file.fileno()).st_size, 0
            at = segment.position
            while at < size:
                file.seek(at)
                content = file.read(_CHUNK)
                whole = content.rfind(b"\n") + 1
                records += records_ahead(segment, content[:whole])
                if not whole and at + len(content) >= size:
                    break  # a line that is not whole
                at += whole or len(content)
    except (OSError, StorageError):  # the collector reports it
        return 0, 0
    return max(size - segment.position, 0), records


def _account(found: dict[str, Any], told: tuple[int, dict[str, int]]) -> dict[str, Any]:
    """offered = accepted + sampled_out + refused; accepted = ingested + duplicates + quarantined + in_spool + lost."""
    sampled_out, refused = told
    return {"offered": found["accepted"] + sampled_out + sum(refused.values()), "sampled_out": sampled_out, "refused": refused, **found}


def _told(cursor: Cursor) -> tuple[int, dict[str, int]]:
    """What the counters of all loggers say of records that never reached the spool: sampled out, and refused by reason."""
    sampled_out = 0
    refused: Counter[str] = Counter()
    for row in dicts(cursor, "SELECT stats FROM logger_stats"):
        stats = json.loads(row["stats"])
        sampled_out += _count(stats.get("sampled_out"))
        reasons = stats.get("refused")
        refused.update({str(key): _count(value) for key, value in reasons.items()} if isinstance(reasons, dict) else {})
    return sampled_out, dict(sorted(refused.items()))


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0


def _folder(folder: Path) -> dict[str, int]:
    sizes = [size for _, size in _sizes(folder)]
    return {"files": len(sizes), "bytes": sum(sizes)}


def _sizes(folder: Path) -> Iterable[tuple[str, int]]:
    for path in sorted(folder.rglob("*")):
        try:
            found = path.lstat()
        except FileNotFoundError:  # archived between listing and looking
            continue
        if path.is_file():
            yield path.name, found.st_size


def _model(cursor: Cursor, name: str) -> dict[str, Any]:
    model = _catalog.find(cursor, name)
    assert model is not None
    row = dicts(cursor, query("model_health").replace("_000000", f"_{model.model_id:06d}"), {"model_id": model.model_id})[0]
    return {"model": name, "task": model.spec.get("task"), **_plain(row)}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in row.items()}
