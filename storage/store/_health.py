"""The store's own account: what was offered, what became of it, how large things are. Sizes of the database come from DuckDB itself."""

from __future__ import annotations

__all__ = ["freshness", "health"]

import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from storage._segment_reader import segments
from storage.home import Home
from storage.store import _catalog, _counts, _segments
from storage.store._database import ReadCursor, dicts, query
from storage.store._segments import Segment
from storage.store._tails import Tails

Cursor = ReadCursor

_TAILS = pa.schema([
    ("segment", pa.string()), ("writer", pa.string()), ("sequence", pa.int32()), ("accepted", pa.int64()), ("waiting", pa.int64()),
])  # fmt: skip
_BLOCK = "SELECT block_size * total_blocks AS bytes, wal_size FROM pragma_database_size() WHERE database_name = ?"


def health(cursor: Cursor, home: Home, tails: Tails, *, schema_version: int) -> dict[str, Any]:
    """See Store.health. Times are ISO 8601 text, sizes bytes. Raises SegmentGone where a segment left the spool meanwhile."""
    spool, account = _snapshot(cursor, home, tails)
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
    backlog = sum(max(_size(path) - (known.get(path.name) or Segment(0, path.name)).position, 0) for path in paths)
    moments = [dicts(cursor, query("newest_prediction"))[0]["newest"]]
    uncounted = "SELECT name FROM models JOIN marks USING (model_id) WHERE counted IS DISTINCT FROM serial"
    for row in dicts(cursor, uncounted):
        if (model := _catalog.find(cursor, row["name"])) is not None:
            moments += _counts.versions_now(cursor, model)["last"].to_pylist()
    return {"newest_prediction": max((found for found in moments if found is not None), default=None), "backlog_bytes": backlog}


def _snapshot(cursor: Cursor, home: Home, counted: Tails) -> tuple[dict[str, int], dict[str, Any]]:
    """The state of the spool, and the account of every record, both as of one moment – the cursor's transaction: rows taken in since
    are still in the spool."""
    waiting, tails = [], []
    paths = segments(home.spool)  # before the cursor's moment: what came since is known to the database, or to nobody yet
    known = _segments.known(cursor, [path.name for path in paths])
    counted.keep([path.name for path in paths])
    for path in paths:
        tail = counted.of(path, known.get(path.name) or Segment(0, path.name))
        waiting.append(tail.unread)
        tails.append((path.name, tail.segment.writer, tail.segment.sequence, tail.segment.accepted, tail.records))
    cursor.register("tails", pa.Table.from_pylist([dict(zip(_TAILS.names, tail, strict=True)) for tail in tails], _TAILS))
    try:
        account = dicts(cursor, query("accounting"))[0]
    finally:
        cursor.unregister("tails")
    told = _told(cursor)
    spool = {"segments": len(paths), "backlog_segments": sum(1 for size in waiting if size), "backlog_bytes": sum(waiting)}
    return spool, _account(account, told) | {"in_spool_bytes": spool["backlog_bytes"]}


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


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except FileNotFoundError:  # archived meanwhile
        return 0


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
    versions = _counts.versions_now(cursor, model).to_pylist()
    newest = [moment for moment in (row.pop("last_repeat"), *(version["last"] for version in versions)) if moment is not None]
    told = {
        "predictions": sum(version["rows"] for version in versions), "duplicates": row["duplicates"],
        "newest_prediction": max(newest, default=None), "labels": row["labels"], "newest_label": row["newest_label"],
        "versions": len(versions),
    }  # fmt: skip
    return {"model": name, "task": model.spec.get("task"), **_plain(told)}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in row.items()}
