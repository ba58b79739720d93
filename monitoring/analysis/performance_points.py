"""Performance of a window: Evidently's values where it has the metric, an interval and a verdict for each."""

from __future__ import annotations

__all__ = ["GROUPS", "add_measured", "add_performance"]

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from monitoring.analysis.baseline import Baseline
from monitoring.analysis.comparing import judged
from monitoring.analysis.labels import Labels
from monitoring.engine_jobs import Score
from monitoring.findings import Findings
from monitoring.metrics import METRICS, metrics_of
from monitoring.performance import OF_LISTS, Measured, measure
from monitoring.subject import Subject
from monitoring.verdicts import Verdict

GROUPS = ("classification", "regression", "ranking")
_CALIBRATION_LOSS = 0.01  # one percentage point of probability: less changes no decision (docs/verdicts.md)
Key = tuple[str, str]


def add_performance(found: Findings, subject: Subject, frame: pa.Table, scores: Mapping[Key, Score], labels: Labels,
                    baseline: Baseline | None, *, failure: str | None) -> None:  # fmt: skip
    """A point for every performance metric that the task has. `failure` is why Evidently gave nothing; its metrics are then failed."""
    only = None
    if not labels.labelled:
        _add_unlabelled(found, subject, labels)
        only = OF_LISTS
        if subject.task != "ranking":
            return
    popularity = baseline.popularity(subject.item) if baseline else None
    usual = baseline.measured(subject) if baseline else {}
    for (metric, column), measured in measure(frame, **subject.measuring(popularity), only=only).items():
        threshold = baseline.calibration_threshold(subject, measured.rows) if baseline and metric == "expected_calibration_error" else None
        value, reason, source = _value(metric, measured, scores.get((metric, column)))
        if failure is not None and METRICS[metric].source == "evidently":
            found.add(metric, column=column, status="failed", reason=failure)
            continue
        add_measured(found, (metric, column), value, reason, measured, usual.get((metric, column)), labels, threshold=threshold,
                     detail={"source": source}, more={})  # fmt: skip


def _add_unlabelled(found: Findings, subject: Subject, labels: Labels) -> None:
    """Every metric that needs a label has none."""
    for kind in metrics_of(subject.task, *GROUPS):
        for column in [f"k={k}" for k in subject.ks] if subject.task == "ranking" else [""]:
            if kind.name not in OF_LISTS:
                found.add(kind.name, column=column, n=0, reason=labels.missing)


def _value(metric: str, measured: Measured, score: Score | None) -> tuple[float | None, str | None, str]:
    """Value, reason for none, and whose it is. What is undefined here is undefined, whatever number another convention gives it."""
    source = METRICS[metric].source
    if measured.value is None or source != "evidently":
        return measured.value, measured.reason, source
    if score is None:
        return measured.value, None, "scikit-learn"
    return score.value, score.reason, source


def add_measured(found: Findings, key: Key, value: float | None, reason: str | None, measured: Measured, usual: Measured | None,
                 labels: Labels, *, detail: Mapping[str, Any], more: Mapping[str, Any], threshold: float | None = None) -> None:
    """One metric's point with its interval and its verdict against the reference's; `more` says of which segment it is."""
    metric, column = key
    if value is None:
        found.add(metric, column=column, reason=reason or "it is undefined on these rows", **{**more, "n": measured.rows})
        return
    reference = usual.value if usual else None
    verdict = _judge(metric, value, measured, usual, threshold)
    interval = measured.interval
    said = {"reference": reference, "of": measured.n if measured.n != measured.rows else None, "provisional": labels.provisional or None}
    edges = {"lower": interval.lower, "upper": interval.upper, "method": interval.method} if interval else {}
    sentence = verdict.reason
    if labels.provisional and verdict.status in {"warn", "drift"}:
        sentence = f"provisional, labels are due by {labels.mature_at:%Y-%m-%d %H:%M} UTC: {sentence}"
    found.add(metric, value, column=column, status=verdict.status, reason=sentence, threshold=verdict.threshold,
              detail={**detail, **said}, **{**more, "n": measured.rows, "n_reference": usual.rows if usual else None}, **edges)  # fmt: skip


def _judge(metric: str, value: float, measured: Measured, usual: Measured | None, threshold: float | None) -> Verdict:
    if measured.scarce:
        return Verdict(status="insufficient_data", reason=measured.scarce)
    if usual is not None and usual.scarce:
        return Verdict(status="insufficient_data", reason=f"The reference holds too little to compare with. {usual.scarce}")
    reference = usual.value if usual else None
    if threshold is not None:
        return _past(value, threshold, reference, measured.rows)
    if metric == "expected_calibration_error" or measured.interval is None or usual is None or reference is None:
        return Verdict(status="ok")
    return judged(value, measured.interval, reference, usual.interval, METRICS[metric].direction, n=measured.rows, n_reference=usual.rows)


def _past(value: float, threshold: float, reference: float | None, n: int) -> Verdict:
    """A verdict on a calibration error: past what chance shows, and worse than the reference by what matters."""
    bar = max(threshold, (reference or 0) + _CALIBRATION_LOSS)
    if value <= bar:
        return Verdict(status="ok", threshold=bar)
    said = f"{value:.3g} is more than {n:,} rows of the reference show by chance in 99.9 % of draws ({threshold:.3g})"
    return Verdict(status="drift", threshold=bar, reason=said if reference is None else f"{said}; the reference has {reference:.3g}")
