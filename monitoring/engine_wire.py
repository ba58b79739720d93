"""How jobs and results cross to the Evidently worker: one JSON line each, tables as Arrow IPC files beside it. Light: no evidently."""

from __future__ import annotations

__all__ = ["job_from_line", "job_to_line", "read_table", "result_from_dict", "result_to_dict", "write_table"]

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from monitoring.engine_jobs import DriftColumn, Job, Picture, Result, Score, Verdict


def write_table(table: pa.Table, path: Path) -> Path:
    """An Arrow IPC file of a table; returns its path."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return path


def read_table(path: Path) -> pa.Table:
    """The table of an Arrow IPC file, in memory (the file may go away)."""
    with pa.OSFile(str(path), "rb") as source:
        return pa.ipc.open_file(source).read_all()


def job_to_line(job: Job, *, current: Path, reference: Path | None) -> dict[str, Any]:
    """JSON-able; the tables lie in the files."""
    return {
        "task": job.task,
        "current": str(current),
        "reference": str(reference) if reference else None,
        "columns": [_column_to_dict(column) for column in job.columns],
        "roles": sorted(job.roles) if job.roles is not None else None,
        "positive_label": job.positive_label,
        "ks": list(job.ks),
        "user": job.user,
        "item": job.item,
        "parts": sorted(job.parts),
        "snapshots": str(job.snapshots) if job.snapshots else None,
        "name": job.name,
    }


def job_from_line(line: Mapping[str, Any], *, current: pa.Table, reference: pa.Table | None) -> Job:
    """The job that `job_to_line` wrote. `reference_hash` carries the reference file's name, which is unique per content."""
    return Job(
        task=line["task"],
        current=current,
        reference=reference,
        reference_hash=line["reference"],
        columns=tuple(_column_from_dict(column) for column in line["columns"]),
        roles=frozenset(line["roles"]) if line["roles"] is not None else None,
        positive_label=line["positive_label"],
        ks=tuple(line["ks"]),
        user=line["user"],
        item=line["item"],
        parts=frozenset(line["parts"]),
        snapshots=Path(line["snapshots"]) if line["snapshots"] else None,
        name=line["name"],
    )


def _column_to_dict(column: DriftColumn) -> dict[str, Any]:
    written = {name: getattr(column, name) for name in DriftColumn.__slots__}
    return written | {name: written[name].to_dict() for name in ("score", "picture", "verdict") if written[name] is not None}


def _column_from_dict(d: Mapping[str, Any]) -> DriftColumn:
    score = Score.from_dict(d["score"]) if d["score"] is not None else None
    picture = Picture.from_dict(d["picture"]) if d["picture"] is not None else None
    verdict = Verdict.from_dict(d["verdict"]) if d["verdict"] is not None else None
    return DriftColumn(**{**d, "ladder": tuple(d["ladder"]), "score": score, "picture": picture, "verdict": verdict})


def result_to_dict(result: Result) -> dict[str, Any]:
    """JSON-able; `result_from_dict` reads it back."""
    return {
        "drift": {name: score.to_dict() for name, score in result.drift.items()},
        "performance": [[metric, column, score.to_dict()] for (metric, column), score in result.performance.items()],
        "snapshots": {part: str(path) for part, path in result.snapshots.items()},
        "failures": dict(result.failures),
        "seconds": result.seconds,
    }


def result_from_dict(d: Mapping[str, Any]) -> Result:
    """The result that `result_to_dict` wrote."""
    return Result(
        drift={name: Score.from_dict(score) for name, score in d["drift"].items()},
        performance={(metric, column): Score.from_dict(score) for metric, column, score in d["performance"]},
        snapshots={part: Path(path) for part, path in d["snapshots"].items()},
        failures=d["failures"],
        seconds=d["seconds"],
    )
