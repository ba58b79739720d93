"""Where Evidently's snapshots of a window lie, and their rows in the reports table."""

from __future__ import annotations

__all__ = ["snapshot_folder", "snapshot_rows"]

from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any

from monitoring.engine_jobs import Part
from monitoring.windows import Window
from storage.home import Home


def snapshot_folder(home: Home, model: str, version: str, window_name: str, window: Window) -> Path:
    """A folder of the home's reports. Names from users do not become paths: model and version stand as a digest.

    Ranges of somebody's choice may share a start and each keeps its own snapshots. Of other windows only the start is told: the end of a
    window of rows moves while it fills, and what it had before is replaced.
    """
    what = blake2b(f"{model}\0{version}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    span = (window.start, window.end) if window_name == "range" else (window.start,)
    return home.reports / what / window_name.replace(":", "-") / "-".join(f"{at:%Y%m%dT%H%M%S.%fZ}" for at in span)


def snapshot_rows(home: Home, model: str, version: str, window_name: str, window: Window, snapshots: Mapping[Part, Path],
                  run: str) -> list[dict[str, Any]]:  # fmt: skip
    """One row for `Store.save_report` per snapshot; paths are relative to the home's reports, so that a home can be moved."""
    return [
        {
            "model": model,
            "version": version,
            "kind": part,
            "format": "snapshot",
            "path": str(path.relative_to(home.reports)),
            "window": window_name,
            "window_start": window.start,
            "window_end": window.end,
            "run": run,
        }
        for part, path in sorted(snapshots.items())
    ]
