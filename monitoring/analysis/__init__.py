"""One window of one model version: rows in, points and profiles out."""

from __future__ import annotations

__all__ = ["Analysis", "Baseline", "Found", "Scores", "Subject", "Weighing", "Worker", "analyse", "broken", "empty", "gone"]

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from monitoring import profiles
from monitoring.analysis.baseline import Baseline, bounded
from monitoring.analysis.cause_points import add_causes
from monitoring.analysis.counts import Counted
from monitoring.analysis.drift_points import NO_REFERENCE, Question, add_drift, questions
from monitoring.analysis.gap_points import add_gaps
from monitoring.analysis.labels import Labels
from monitoring.analysis.multivariate_points import add_multivariate
from monitoring.analysis.performance_points import GROUPS, add_alert_budget, add_performance, as_evidently_says
from monitoring.analysis.quality_points import add_quality
from monitoring.analysis.search_points import add_worst_slices
from monitoring.analysis.segment_points import add_segments
from monitoring.analysis.selection_points import add_selection
from monitoring.analysis.traffic_points import add_labels, add_traffic
from monitoring.analysis.weighing import Scores, Weighing
from monitoring.drift import comparable
from monitoring.drift_nulls import NullCache
from monitoring.engine_jobs import DriftColumn, Job, Part, Result, Score, Verdict
from monitoring.errors import EngineError
from monitoring.findings import Findings
from monitoring.multivariate import sampled
from monitoring.performance import Key, Measured
from monitoring.subject import Subject
from monitoring.windows import Window

_SUMMARISED = 20_000  # rows of the reference that Evidently's data summary sees: those that all features together are compared with
_EVIDENTLY_ALONE = "Evidently computes {} from the reference's rows. {}"


class Worker(Protocol):
    """What computes scores and snapshots: `EvidentlyWorker`, or another with the same face."""

    def analyse(self, job: Job) -> Result:
        """Raises EngineError where nothing could be computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Everything that one window is computed from.

    `counts` are what one scan said of it and others; `weighing` is how its columns are compared with the reference, None without one;
    `common` is what all its points share (see Findings); `snapshots` is the folder for Evidently's snapshots, or None; `scores` says whose
    values count.
    """

    subject: Subject
    window: Window
    frame: pa.Table
    counts: Counted
    baseline: Baseline | None
    weighing: Weighing | None
    nulls: NullCache
    common: Mapping[str, Any]
    now: datetime
    snapshots: Path | None = None
    scores: Scores = "auto"
    parts: frozenset[Part] = field(default_factory=lambda: frozenset({"drift", "performance", "summary"}))


@dataclass(frozen=True, slots=True)
class Found:
    """Points and profiles of a window, its snapshots by part, points by status, and why Evidently failed where it did."""

    points: pa.Table
    profiles: pa.Table
    snapshots: Mapping[Part, Path]
    counted: Counter[str]
    failure: str | None


def analyse(a: Analysis, worker: Worker) -> Found:
    """Compute a window: scores, points, and then Evidently's pages, which say what the points say.

    What Evidently cannot do fails its own points; the others stand.
    """
    subject, frame = a.subject, a.frame
    labels = Labels.of(frame, a.window, subject.schema.label_delay, a.now)
    rows = bounded(frame)
    asked = questions(a.weighing, frame, a.window, rows=rows, known=a.counts.weighed) if a.weighing else []
    scored, failure = _scores(a, worker, rows, asked, labels)
    found = Findings(a.common, rows=frame.num_rows, labelled=labels.labelled, n_reference=len(a.baseline) if a.baseline else None)
    add_traffic(found, a.counts.traffic, a.counts.latencies, a.window, a.baseline, a.now)
    add_labels(found, frame.num_rows, labels.labelled, a.counts.delays)
    add_quality(found, a.counts.quality, a.baseline, {feature.name: str(feature.kind) for feature in subject.schema.features.values()})
    sampled = rows.num_rows if rows.num_rows < frame.num_rows else None
    if a.baseline:
        broken_drift = failure or scored.failures.get("drift")
        add_drift(found, asked, scored.drift, labels=labels, features=len(subject.schema.features), failure=broken_drift, sampled=sampled)
    else:
        _add_no_reference(found, subject, frame)
    add_multivariate(found, subject, frame, a.baseline, a.nulls, NO_REFERENCE, a.window)
    add_performance(found, subject, _performance(a, {} if sampled else scored.performance), labels, a.baseline)
    add_alert_budget(found, subject, frame, labels, a.baseline, length=min(a.window.end, a.now) - a.window.start)
    add_causes(found, subject, frame, a.baseline)
    add_selection(found, subject, frame, labels)
    add_segments(found, subject, frame, labels, asked, a.baseline, a.nulls, a.window)
    add_gaps(found, subject, frame, labels, a.baseline)
    add_worst_slices(found, subject, frame, labels, a.baseline)
    drawn = profiles.table(_profiles(a, asked), _scope(a.common))
    pages, unmade = _pages(a, worker, rows, asked, scored, found.verdicts("drift"), labels)
    failures = [*scored.failures.values(), *pages.failures.values()]
    return Found(found.table(), drawn, pages.snapshots, found.counted(), failure or unmade or next(iter(failures), None))


def _performance(a: Analysis, theirs: Mapping[Key, Score]) -> Mapping[Key, Measured]:
    """What was counted of all rows; with Evidently's values where `scores` asks for them and it saw all rows, too."""
    return as_evidently_says(a.counts.performance, theirs) if a.scores == "evidently" else a.counts.performance


def empty(a: Mapping[str, Any], window: Window, now: datetime) -> Found:
    """A window without a row, between two with rows: it says so."""
    found = Findings(a, rows=0, labelled=0, n_reference=None)
    found.add("rows", 0.0)
    seconds = (min(window.end, now) - window.start).total_seconds()
    if seconds > 0:
        found.add("throughput", 0.0, detail={"seconds": seconds})
    return Found(found.table(), profiles.table([], _scope(a)), {}, found.counted(), None)


def gone(a: Mapping[str, Any]) -> Found:
    """A window that no longer exists has no findings."""
    found = Findings(a, rows=0, labelled=0, n_reference=None)
    return Found(found.table(), profiles.table([], _scope(a)), {}, found.counted(), None)


def broken(a: Mapping[str, Any], subject: Subject, reason: str) -> Found:
    """A window that could not be read or computed at all: every metric failed, and says why."""
    found = Findings(a, rows=0, labelled=0, n_reference=None)
    found.add_failed(reason, subject.metrics("traffic", "quality", "labels", *GROUPS))
    found.add("drift_share", status="failed", reason=reason)
    return Found(found.table(), profiles.table([], _scope(a)), {}, found.counted(), reason)


def _scores(a: Analysis, worker: Worker, rows: pa.Table, asked: Sequence[Question], labels: Labels) -> tuple[Result, str | None]:
    """What Evidently is to compute, without a page: scores of the columns whose method only it computes, and everything where the
    setting asks for it. Nothing, and a sentence, where it failed as a whole."""
    open_ = [question for question in asked if question.score is None]
    gone = _without_rows(a.baseline, open_)
    open_ = [] if gone else open_
    wanted = ({"drift"} if open_ else set()) | ({"performance"} if a.scores == "evidently" and labels.labelled else set())
    parts = frozenset(a.parts & wanted)
    if not parts:
        return Result(drift=gone), None
    names = {question.compared.name for question in open_} | (_outcomes(a.subject, rows) if "performance" in parts else set())
    found, failure = _answer(a, worker, rows, _seen(rows, names), parts, columns=tuple(question.asked() for question in open_))
    return replace(found, drift={**found.drift, **gone}), failure


def _without_rows(baseline: Baseline | None, open_: Sequence[Question]) -> dict[str, Score]:
    """Why the columns that only Evidently scores have no score, where it has no rows of the reference to score them by."""
    if baseline is None or not baseline.gone:
        return {}
    each = ((question.compared.name, question.calibration) for question in open_)
    return {name: Score(reason=_EVIDENTLY_ALONE.format(c.method, baseline.gone), method=c.method, n=c.n, n_reference=c.n_reference)
            for name, c in each}  # fmt: skip


def _pages(a: Analysis, worker: Worker, rows: pa.Table, asked: Sequence[Question], scored: Result, verdicts: Mapping[str, Verdict],
           labels: Labels) -> tuple[Result, str | None]:  # fmt: skip
    """Evidently's snapshots of the window. Drift's is made of scores, bars and verdicts; the others' see rows."""
    unwanted = ({"drift"} if not asked else set()) | ({"performance"} if not labels.labelled else set())
    parts = frozenset(a.parts - unwanted)
    if not parts or a.snapshots is None:
        return Result(), None
    columns = tuple(question.shown(scored.drift.get(question.compared.name), verdicts.get(question.compared.column)) for question in asked)
    wanted = _outcomes(a.subject, rows) | (set(a.subject.schema.features) if "summary" in parts else set())
    names = _seen(rows, wanted) if parts - {"drift"} else []
    return _answer(a, worker, rows, names, parts, columns=columns, snapshots=a.snapshots)


def _answer(a: Analysis, worker: Worker, rows: pa.Table, names: list[str], parts: frozenset[Part], *, columns: tuple[DriftColumn, ...],
            snapshots: Path | None = None) -> tuple[Result, str | None]:  # fmt: skip
    """Evidently's answer on these columns of the rows; an empty one and a sentence where it failed as a whole."""
    subject, base = a.subject, a.baseline
    reference, digest, beside = None, base.digest if base else None, ""
    if base and snapshots is None and columns:  # only scores that Evidently alone computes need all rows
        reference = base.compared
    elif base and "summary" in parts:
        reference, digest = base.rows(f"sampled {_SUMMARISED}", lambda table: sampled(table, _SUMMARISED)), f"{base.digest} sampled"
        if reference.num_rows < len(base):
            beside = f", beside {reference.num_rows:,} of {len(base):,} rows of the reference"
    job = Job(
        task=subject.task,
        current=rows.select(names),
        reference=reference.select([name for name in names if name in reference.column_names]) if reference is not None else None,
        reference_hash=digest,
        columns=columns,
        positive_label=subject.positive_label,
        ks=subject.ks,
        user=subject.user,
        item=subject.item,
        parts=parts,
        snapshots=snapshots,
        name=f"{subject.model} {subject.version}, {a.window.start:%Y-%m-%d %H:%M} to {a.window.end:%Y-%m-%d %H:%M} UTC{beside}",
    )
    try:
        return worker.analyse(job), None
    except EngineError as error:
        return Result(), str(error)


def _outcomes(subject: Subject, frame: pa.Table) -> set[str]:
    """What a model's performance is computed from."""
    scores = {name for name in frame.column_names if name.startswith("@score:")}
    return {"@prediction", "@score", "@label", *scores, *(name for name in (subject.user, subject.item) if name)}


def _seen(frame: pa.Table, wanted: Set[str]) -> list[str]:
    """The wanted columns that are there, with the time: no id, latency or error, which are not the model's."""
    return [name for name in frame.column_names if name in wanted or name == "@t"]


def _add_no_reference(found: Findings, subject: Subject, frame: pa.Table) -> None:
    for column in subject.compared(frame):
        found.add("drift", column=column.column, reason=NO_REFERENCE)
    found.add("drift_share", reason=NO_REFERENCE)


def _profiles(a: Analysis, asked: list[Question]) -> list[profiles.Row]:
    subject, frame = a.subject, a.frame
    compared = [question.compared for question in asked] or subject.compared(frame)
    rows: list[profiles.Row] = []
    for column in compared:
        bins = a.baseline.binning(column.name, column.column, column.kind) if a.baseline else None
        rows += profiles.distribution(column.column, comparable(frame, column.name, column.kind), bins)
    rows += profiles.outcomes(frame, task=subject.task, positive_label=subject.positive_label,
                              costs=subject.schema.costs.to_dict() if subject.schema.costs else None)  # fmt: skip
    rows += profiles.label_delays(frame)
    rows += profiles.latencies(frame["@latency_ms"])
    if subject.item and subject.item in frame.column_names:
        items = frame[subject.item].drop_null().to_pylist()
        rows += profiles.popularity(items, a.baseline.popularity(subject.item) if a.baseline else None)
    return rows


def _scope(common: Mapping[str, Any]) -> dict[str, Any]:
    return {"segment": "", **{name: common[name] for name in ("model", "version", "window", "window_start", "window_end")}}
