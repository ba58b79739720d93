"""Lines that could not be used, as they came, beside their reasons: what a person looks at, mends and replays."""

from __future__ import annotations

__all__ = ["keep"]

import json
import os
from collections.abc import Sequence
from pathlib import Path

from storage.spool import Line


def keep(folder: Path, lines: Sequence[tuple[str, Line, str]]) -> None:
    """Write (segment, line, reason) of one batch, a pair of files per segment: `<segment>.<offset of the first>.bad` and `.json`.

    On the disk when this returns, before the transaction that skips the lines. Written again under the same names by a retry.
    """
    by_segment: dict[str, list[tuple[Line, str]]] = {}
    for segment, line, reason in lines:
        by_segment.setdefault(segment, []).append((line, reason))
    for segment, bad in by_segment.items():
        stem = folder / f"{segment}.{bad[0][0].offset}"
        content = b"".join(line.raw if line.raw.endswith(b"\n") else line.raw + b"\n" for line, _ in bad)
        reasons = [{"offset": line.offset, "end": line.end, "reason": reason} for line, reason in bad]
        _write(stem.with_name(stem.name + ".bad"), content)
        _write(stem.with_name(stem.name + ".json"), json.dumps({"segment": segment, "lines": reasons}, indent=1).encode())


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
