"""Lines that could not be used: told by reason, and taken in again once somebody has mended them."""

from __future__ import annotations

__all__ = ["listed", "replay"]

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from storage.collector import Collector
from storage.custody._files import put, sync_folder
from storage.errors import StorageError, StoreError
from storage.frames import KINDS, compose, encode
from storage.store import Store
from storage.store._database import dicts, query
from storage.store._intake import reason_of

_REPLAYED = "replayed"  # the folder of what was taken in again


def listed(store: Store, *, examples: int = 3) -> dict[str, Any]:
    """`lines`, `reasons` (each with `reason, count, examples`: segment, position, model and the line's beginning) and `files`."""
    with store.reading() as cursor:
        rows = dicts(cursor, query("quarantine"), {"model": None})
    by_reason: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_reason.setdefault(row["reason"], []).append(row)
    reasons = [
        {"reason": reason, "count": len(found), "examples": [_example(row) for row in found[:examples]]}
        for reason, found in sorted(by_reason.items(), key=lambda item: -len(item[1]))
    ]
    return {"lines": len(rows), "reasons": reasons, "files": [str(path) for path in sorted(store.home.quarantine.glob("*.bad"))]}


def replay(store: Store, collector: Collector, path: Path) -> dict[str, Any]:
    """Take the mended lines of a quarantine file in, as a segment of their own: `segment, lines, ingested, duplicates, quarantined`.

    A line is a frame of the log whose checksum no longer counts, or the frame's data alone; blank lines are passed over. The file
    then moves to `quarantine/replayed`, its lines leave the table. Killed and called again, nothing is doubled: the segment's name
    follows from the file's content. Raises StoreError, before anything is written, for a line that still is no record.
    """
    if path.parent.resolve() != store.home.quarantine.resolve() or not path.name.endswith(".bad"):
        raise StorageError(f"{path} is no file of the quarantine: name one of {store.home.quarantine}/*.bad, mended in place.")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise StorageError(f"There is no file {path.name} in the quarantine: quarantine list names those there are.") from None
    records = [_record(line, number) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
    if not records:
        raise StorageError(f"{path.name} has no lines to replay.")
    name = _segment(store, content, records)
    told = collector.once()
    _retire(store, path, name)
    return {"segment": name, "lines": len(records), **{key: told[key] for key in ("ingested", "duplicates", "quarantined")}}


def _example(row: dict[str, Any]) -> dict[str, Any]:
    return {"segment": row["segment"], "position": row["position"], "model": row["model"], "line": row["line"][:200]}


def _record(line: bytes, number: int) -> dict[str, Any]:
    """The record of a mended line. Raises StoreError with what is still wrong."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise StoreError(f"Line {number} is no JSON ({error}): mend it, or delete the line.") from None
    if isinstance(found, dict) and isinstance(found.get("d"), dict):
        found = found["d"]
    if not isinstance(found, dict) or found.get("k") not in KINDS - {"hdr", "end", "stat", "erased"}:
        raise StoreError(f'Line {number} is no record: its "k" must be pred, label or model; mend it, or delete the line.')
    reason = reason_of(found)
    if reason:
        raise StoreError(f"Line {number} cannot be used: {reason}; mend it, or delete the line.")
    return found


def _segment(store: Store, content: bytes, records: list[dict[str, Any]]) -> str:
    """Write the records into the spool as one segment that was closed cleanly; its name."""
    identity = sha256(content).hexdigest()[:16]
    name = f"replay-0-{identity}-00000000-00000000.seg.jsonl"
    with store.reading() as cursor:
        known = dicts(cursor, "SELECT 1 FROM ingest_offsets WHERE segment = ?", [name])
    if known:
        return name
    now = records[0]["t"]
    header = {"writer": f"replay-{identity}", "host": "replay", "pid": os.getpid(), "lib": "driftboard", "seq": 0, "acc": 0}
    lines = [compose("hdr", 0, now, orjson.dumps(header))]
    lines += [encode({**record, "v": 1, "n": number}) for number, record in enumerate(records, 1)]
    lines.append(compose("end", len(lines), now, orjson.dumps({"count": len(lines)})))
    put(store.home.spool / name, lambda file: file.writelines(lines))
    return name


def _retire(store: Store, path: Path, name: str) -> None:
    """The file and its lines in the table have had their turn."""
    reasons = path.with_name(path.name.removesuffix(".bad") + ".json")
    told: dict[str, Any] = json.loads(reasons.read_bytes()) if reasons.exists() else {}
    with store.writing() as cursor:
        for line in told.get("lines", ()):
            cursor.execute("DELETE FROM quarantine WHERE segment = ? AND position = ?", [told["segment"], line["offset"]])
        text = f"{path.name} was mended and replayed as {name}."
        cursor.execute("INSERT INTO events (happened_at, level, kind, model, text) VALUES (now(), 'info', 'replayed', NULL, ?)", [text])
    folder = path.parent / _REPLAYED
    folder.mkdir(mode=0o700, exist_ok=True)
    for file in (path, reasons):
        if file.exists():
            file.rename(folder / file.name)
    sync_folder(folder)
