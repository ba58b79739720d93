"""Reports as files: Evidently's, rendered from the stored snapshot of a window, and our own page of its findings.

A window that no run has covered is computed first, and a range of somebody's choice again where its rows or labels are others now.
"""

from __future__ import annotations

__all__ = ["KINDS", "ReportRequest", "render"]

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

import pyarrow as pa

from monitoring.errors import InputError, NotFound, nearest
from monitoring.export import write_table
from monitoring.full_report import full_snapshot
from monitoring.moments import iso
from monitoring.planning import plan
from monitoring.report_windows import ReportWindow, find
from monitoring.stored_reports import rendered, snapshot_of
from storage.points import POINTS
from storage.store import Store

if TYPE_CHECKING:
    from monitoring.evidently_worker import EvidentlyWorker

KINDS = ("drift", "performance", "summary", "full", "findings")
T = TypeVar("T", ReportWindow, dict[str, Any])

_FORMATS = ("html", "json")
_NEEDS = {
    "drift": "it needs rows there, and a reference.",
    "performance": "it needs rows there whose labels are known.",
    "summary": "it needs rows there.",
    "full": "it needs rows there, and a reference.",
    "findings": "it needs rows there.",
}


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What is wanted: a `kind` of report on `model` for [since, until), as `html` or `json`.

    Without `since` and `until` the newest of the model's own windows, a complete one first, is meant; without `version` the one with most
    rows in it.
    Raises `InputError` for words that are not known and ranges that are none.
    """

    model: str
    kind: str
    format: str
    since: datetime | None = None
    until: datetime | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f'There is no "{self.kind}" report: {nearest(self.kind, KINDS)}')
        if self.format not in _FORMATS:
            raise InputError(f'A report cannot be "{self.format}": {nearest(self.format, _FORMATS)}')
        if (self.since is None) != (self.until is None):
            raise InputError("A range needs both --from and --to; without both the newest window is meant, complete if there is one.")
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise InputError("--from must be before --to: a range is [from, to).")


def render(
    store: Store, worker: EvidentlyWorker, request: ReportRequest, *, compute: Callable[[datetime, datetime], object],
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The rendered report's row in `Store.reports`, with `file`, its absolute path.

    `compute` is asked to analyse [since, until) where no window covers exactly that, or only one that was made for a report and is no
    longer what its rows say; `progress` is told how a report that takes long comes along. Raises `NotFound` where there is nothing to
    report on.
    """
    if request.kind == "findings":
        return _findings(store, request, _found(store, lambda: _window(store, request), request, compute))
    if request.kind == "full":
        at = _found(store, lambda: _window(store, request), request, compute)
        return _by_evidently(store, worker, full_snapshot(store, worker, at, progress=progress), request)
    return _by_evidently(store, worker, _found(store, lambda: _snapshot(store, request), request, compute), request)


def _found(store: Store, look: Callable[[], T | None], request: ReportRequest, compute: Callable[[datetime, datetime], object]) -> T:
    """What `look` finds, once the range has been computed if need be."""
    found = look()
    if request.since is not None and request.until is not None and (found is None or _is_dirty(store, found, request)):
        compute(request.since, request.until)
        found = look()
    if found is None:
        raise NotFound(_nothing(request))
    return found


def _is_dirty(store: Store, found: ReportWindow | Mapping[str, Any], request: ReportRequest) -> bool:
    """Whether what was found was analysed for a report, and since then its rows or labels changed. Other windows are the runs' to keep."""
    if (found.window if isinstance(found, ReportWindow) else found["window"]) != "range":
        return False
    now = datetime.now(UTC)
    plans = plan(store, request.model, window="range", since=request.since, until=request.until, everything=False, now=now)
    return any(one.due for one in plans)


def _window(store: Store, request: ReportRequest) -> ReportWindow | None:
    return find(store, request.model, version=request.version, since=request.since, until=request.until)


def _snapshot(store: Store, request: ReportRequest) -> dict[str, Any] | None:
    return snapshot_of(store, model=request.model, kind=request.kind, version=request.version, since=request.since, until=request.until)


def _findings(store: Store, request: ReportRequest, at: ReportWindow) -> dict[str, Any]:
    """Our page, or the window's points as JSON: written anew each time, for it takes a moment only."""
    from monitoring.findings_page import document, read

    name = {"model": at.model, "version": at.version, "window": at.window}
    found = read(store, **name, start=at.start, end=at.end)
    if found is None:
        raise NotFound(_nothing(request))
    kept = {**name, "kind": request.kind, "window_start": at.start, "window_end": at.end, "run": ""}
    target = _target(store, "\0".join(map(str, kept.values())), request)
    if request.format == "json":
        write_table(pa.Table.from_pylist([dict(point) for point in found.points], schema=POINTS), target, format="json")
    else:
        target.write_text(document(found), encoding="utf-8")
    return _saved(store, kept, request, target)


def _by_evidently(store: Store, worker: EvidentlyWorker, snapshot: dict[str, Any], request: ReportRequest) -> dict[str, Any]:
    known = rendered(store, snapshot, request.format)
    if known is not None:
        return {**known, "file": str(store.home.reports / known["path"])}
    target = _target(store, f"{snapshot['path']}\0{request.kind}\0{snapshot['window_end']}", request)
    worker.render(store.home.reports / snapshot["path"], format=cast('Literal["html", "json"]', request.format), out=target)
    kept = {key: snapshot[key] for key in ("model", "version", "kind", "window", "window_start", "window_end", "run")}
    return _saved(store, kept, request, target)


def _target(store: Store, what: str, request: ReportRequest) -> Path:
    """The file of a rendered report: no name of a user becomes a path."""
    target = store.home.reports / "rendered" / f"{hashlib.sha256(what.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}.{request.format}"
    target.parent.mkdir(mode=0o700, exist_ok=True)
    return target


def _saved(store: Store, kept: dict[str, Any], request: ReportRequest, target: Path) -> dict[str, Any]:
    row = {**kept, "format": request.format, "path": str(target.relative_to(store.home.reports)), "created_at": datetime.now(UTC)}
    return {**row, "report_id": store.save_report(row), "file": str(target)}


def _nothing(request: ReportRequest) -> str:
    of = f'"{request.model}"' + (f" version {request.version}" if request.version else "")
    if request.since is None or request.until is None:
        need = _NEEDS[request.kind]
        return f"No window of {of} has a {request.kind} report yet: {need} Then python -m monitoring run computes what is due."
    return f"There is nothing for a {request.kind} report of {of} in [{iso(request.since)}, {iso(request.until)}): {_NEEDS[request.kind]}"
