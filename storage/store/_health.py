"""The store's own account: what was offered, what became of it, how large things are. Sizes of the database come from DuckDB itself."""

from __future__ import annotations

__all__ = ["health"]

import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from storage.home import Home
from storage.store import _catalog
from storage.store._database import dicts, query

Cursor = duckdb.DuckDBPyConnection

_BLOCK = "SELECT block_size * total_blocks AS bytes, wal_size FROM pragma_database_size()"


def health(cursor: Cursor, home: Home, *, schema_version: int) -> dict[str, Any]:
    """See Store.health. Times are ISO 8601 text, sizes bytes."""
    spool = _spool(cursor, home)
    size = dicts(cursor, _BLOCK)[0]
    models = [_model(cursor, name) for name in _catalog.names(cursor)]
    return {
        "accounting": {**_logged(cursor), **dicts(cursor, query("accounting"))[0], "in_spool_bytes": spool["backlog_bytes"]},
        "spool": spool,
        "database": {"bytes": int(size["bytes"]), "wal": size["wal_size"], "schema_version": schema_version, "engine": duckdb.__version__},
        "archive": _folder(home.archive),
        "quarantine": _folder(home.quarantine),
        "models": models,
        "newest_prediction": max((found for model in models if (found := model["newest_prediction"])), default=None),
        "newest_label": max((found for model in models if (found := model["newest_label"])), default=None),
        "runs": [_plain(row) for row in dicts(cursor, query("runs") + " LIMIT 5")],
    }


def _logged(cursor: Cursor) -> dict[str, Any]:
    """The counters of all loggers, summed: offered, accepted, and refused by reason."""
    totals: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for row in dicts(cursor, "SELECT stats FROM logger_stats"):
        stats = json.loads(row["stats"])
        for key, value in stats.items():
            if isinstance(value, int) and not isinstance(value, bool):
                totals[key] += value
        reasons = stats.get("refused")
        refused.update({str(key): value for key, value in reasons.items() if isinstance(value, int)} if isinstance(reasons, dict) else {})
    accepted = totals["accepted"]
    return {"offered": accepted + refused.total(), "accepted": accepted, "refused": dict(sorted(refused.items()))}


def _spool(cursor: Cursor, home: Home) -> dict[str, Any]:
    """Segments that wait, and the bytes of them that no transaction holds yet."""
    positions = {row["segment"]: int(row["position"]) for row in dicts(cursor, "SELECT segment, position FROM ingest_offsets")}
    waiting = [max(size - positions.get(name, 0), 0) for name, size in _sizes(home.spool)]
    return {"segments": len(waiting), "backlog_segments": sum(1 for size in waiting if size), "backlog_bytes": sum(waiting)}


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
    row = dicts(cursor, query("model_health").replace("_000000", f"_{model.model_id:06d}"))[0]
    return {"model": name, "task": model.spec.get("task"), **_plain(row)}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in row.items()}
