"""Evidently's whole drift preset on the raw rows of one window: computed when asked for, on a bounded number of rows."""

from __future__ import annotations

__all__ = ["MOST_ROWS", "full_snapshot"]

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from monitoring.engine_jobs import DriftColumn, Job
from monitoring.errors import EngineError, NotFound
from monitoring.moments import iso, just_after
from monitoring.report_windows import ReportWindow
from monitoring.schema import ModelSchema
from monitoring.snapshot_folders import snapshot_folder, snapshot_rows
from monitoring.subject import Subject
from storage.store import Store

if TYPE_CHECKING:
    from monitoring.evidently_worker import EvidentlyWorker

MOST_ROWS = 100_000  # of the window, and of the reference: the preset takes about 10 s of CPU for 30 columns then
_CELLS = 20_000_000  # values read at once: 160 MB of numbers


def full_snapshot(store: Store, worker: EvidentlyWorker, at: ReportWindow, *,
                  progress: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:  # fmt: skip
    """The row in `Store.reports` of the stored snapshot; made now unless there is one since the window was computed.

    Raises `NotFound` where the model has no reference, its reference or the window's rows are gone, `EngineError` where Evidently fails.
    """
    known = store.reports(at.model, version=at.version, kinds=["full"], format="snapshot", since=at.start, until=just_after(at.start))
    for row in known.to_pylist():
        fresh = row["window_end"] == at.end and row["window"] == at.window and row["created_at"] >= at.computed_at
        if fresh and (store.home.reports / str(row["path"])).is_file():
            return dict(row)
    tell = progress or (lambda _: None)
    tell({"done": 0, "total": 2, "message": "reading the raw rows of the window and of the reference"})
    job = _job(store, at)
    rows = f"{job.current.num_rows:,} × {len(job.columns)} values with {job.reference.num_rows if job.reference is not None else 0:,} rows"
    tell({"done": 1, "total": 2, "message": f"Evidently compares {rows} of the reference"})
    result = worker.analyse(job)
    if "full" not in result.snapshots:
        raise EngineError(result.failures.get("full") or "No column of the window can be compared with the reference.")
    made = snapshot_rows(store.home, at.model, at.version, at.window, at.rows(store), {"full": result.snapshots["full"]}, "")
    identity = store.save_report(made[0])
    return store.report(identity) or {}


def _job(store: Store, at: ReportWindow) -> Job:
    """What Evidently is asked: the columns of the window's drift findings, by their methods and thresholds."""
    window = at.rows(store)
    head = store.frame(at.model, at.version, window, limit=1)
    if not head.num_rows:
        raise NotFound(f"The raw rows of [{iso(at.start)}, {iso(at.end)}) are gone: a report of kind drift or findings needs none.")
    info = store.reference_info(at.model)
    if info is None:
        raise NotFound(f'"{at.model}" has no reference to compare with: load one with python -m monitoring reference {at.model} FILE.')
    if info["forgotten_at"] is not None:
        raise NotFound(f"The raw rows of the reference were deleted on {info['forgotten_at']:%Y-%m-%d}, and the full preset is made of "
                       "them: a report of kind drift or findings needs none.")  # fmt: skip
    columns = _columns(store, at, head)
    wanted = [name for name in head.column_names if name in {"@t", *(column.name for column in columns)}]
    current = _some(lambda names: store.frame(at.model, at.version, window, names), wanted, at.n)
    reference = _some(lambda names: store.reference(at.model, names), wanted, info["rows"])
    sampled = f", {MOST_ROWS:,} of {at.n:,} rows" if at.n > MOST_ROWS else ""
    return Job(
        task=str(store.spec(at.model).get("task") or ""), current=current, reference=reference, columns=columns, parts=frozenset({"full"}),
        snapshots=snapshot_folder(store.home, at.model, at.version, at.window, window),
        name=f"{at.model} {at.version}, {at.start:%Y-%m-%d %H:%M} to {at.end:%Y-%m-%d %H:%M} UTC, raw rows{sampled}",
    )  # fmt: skip


def _columns(store: Store, at: ReportWindow, head: pa.Table) -> tuple[DriftColumn, ...]:
    """The compared columns with the thresholds that counted."""
    points = store.points(model=at.model, version=at.version, window=at.window, since=at.start, until=just_after(at.start),
                          metric="drift", segment="").to_pylist()  # fmt: skip
    subject = Subject(at.model, at.version, ModelSchema.from_dict(store.spec(at.model, at.version)))
    kinds = {one.column: (one.name, one.kind) for one in subject.compared(head)}
    return tuple(DriftColumn(*kinds[point["column"]], point["method"], _threshold(point)) for point in points if point["column"] in kinds)


def _some(read: Callable[[list[str]], pa.Table | None], wanted: list[str], rows: int) -> pa.Table:
    """At most `MOST_ROWS` of the rows, the same ones of each column; of very many rows some columns at a time, to bound the memory."""
    from monitoring.analysis.baseline import bounded  # scipy and scikit-learn

    at_once = max(1, _CELLS // max(rows, 1))
    parts = [bounded(table, MOST_ROWS) for first in range(0, len(wanted), at_once)
             if (table := read(wanted[first : first + at_once])) is not None]  # fmt: skip
    return pa.table({name: part[name] for part in parts for name in part.column_names})


def _threshold(point: dict[str, Any]) -> float | None:
    """The point's threshold where a score past it is drift: Evidently knows no minimum effect beside it, and no "too few"."""
    from monitoring.drift import METHODS, base_method  # scipy

    value, threshold = point["value"], point["threshold"]
    if value is None or threshold is None or base_method(point["method"]) not in METHODS:
        return None
    past = value >= threshold if METHODS[base_method(point["method"])].larger_is_drift else value <= threshold
    return float(threshold) if past == (point["status"] == "drift") else None
