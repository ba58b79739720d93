"""One job: all its parts by Evidently. Importing this imports Evidently."""

from __future__ import annotations

__all__ = ["analyse", "render", "sentence"]

import time
import warnings
from collections.abc import Callable
from pathlib import Path

from monitoring.engine_jobs import Job, Part, Result, Score

from .drift_part import drift_part
from .full_part import full_part
from .performance_part import performance_part
from .snapshots import Page, render, save_page
from .summary_part import summary_part


def analyse(job: Job) -> Result:
    """All parts of a job. A part that fails as a whole is named in `failures`; the others stand."""
    began = time.monotonic()
    drift: dict[str, Score] = {}
    performance: dict[tuple[str, str], Score] = {}
    snapshots: dict[Part, Path] = {}
    failures: dict[Part, str] = {}
    work: dict[Part, Callable[[], Page | None]] = {
        "drift": lambda: drift_part(job, drift),
        "performance": lambda: performance_part(job, performance),
        "summary": lambda: summary_part(job) if job.snapshots else None,
        "full": lambda: full_part(job) if job.snapshots else None,
    }
    for part in (p for p in work if p in job.parts):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what they warn of is decided before or judged after
                page = work[part]()
                if page is not None and job.snapshots is not None:
                    snapshots[part] = save_page(page, job.snapshots / f"{part}.json.gz")
        except BaseException as error:  # some of Evidently's own derive from BaseException
            failures[part] = sentence(error)
    for column in job.columns if "drift" in failures else ():
        drift.setdefault(column.name, Score(reason=failures["drift"]))
    return Result(drift=drift, performance=performance, snapshots=snapshots, failures=failures, seconds=time.monotonic() - began)


def sentence(error: BaseException) -> str:
    """What Evidently raised, in one line."""
    return f"Evidently failed: {type(error).__name__}: {' '.join(str(error).split())[:500]}"
