"""Performance of a window: a point for every metric, with its interval and its verdict against the reference."""

from __future__ import annotations

__all__ = ["GROUPS", "add_alert_budget", "add_measured", "add_performance", "as_evidently_says", "measuring", "verdict_of"]

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyarrow as pa

from monitoring.analysis.baseline import Baseline
from monitoring.analysis.labels import Labels
from monitoring.analysis.usual import Usual, calibration_threshold, usual, usual_at_share
from monitoring.engine_jobs import Score
from monitoring.findings import Findings
from monitoring.metrics import METRICS
from monitoring.performance import OF_LISTS, Key, Measured
from monitoring.performance.budget import at_budget
from monitoring.performance.comparing import judged, within
from monitoring.subject import Subject
from monitoring.verdicts import Verdict

GROUPS = ("classification", "regression", "ranking")
_CALIBRATION_LOSS = 0.01  # one percentage point of probability: less changes no decision (docs/verdicts.md)
_OF_THIS_SIZE = {"expected_calibration_error", "coverage"}  # they change with the rows, so a reference of another size is no bar


def as_evidently_says(performance: Mapping[Key, Measured], theirs: Mapping[Key, Score]) -> dict[Key, Measured]:
    """The same metrics with Evidently's values in the place of ours where it has the metric, counts every row once, and defines it too."""
    found = dict(performance)
    for key, score in theirs.items():
        ours = performance.get(key)
        if ours is not None and METRICS[key[0]].source == "evidently" and ours.value is not None and not ours.weighted:
            found[key] = replace(ours, value=score.value, reason=score.reason)
    return found


def add_performance(found: Findings, subject: Subject, performance: Mapping[Key, Measured], labels: Labels,
                    baseline: Baseline | None) -> None:  # fmt: skip
    """A point for every performance metric that the task has, from what `measure_groups` says of the window."""
    if not labels.labelled:
        _add_unlabelled(found, subject, labels)
        performance = {key: measured for key, measured in performance.items() if key[0] in OF_LISTS}
    expected = usual(baseline, subject) if baseline else Usual()
    for (metric, column), measured in performance.items():
        threshold = None
        if baseline and metric == "expected_calibration_error":
            threshold = calibration_threshold(baseline, subject, measured.rows)
        add_measured(found, (metric, column), measured, expected.of((metric, column)), labels, threshold=threshold, more={})


def add_alert_budget(found: Findings, subject: Subject, frame: pa.Table, labels: Labels, baseline: Baseline | None, *,
                     length: timedelta) -> None:  # fmt: skip
    """precision_at_alert_budget, where the model's file has an `alert_budget`; `length` is how long the window has lasted."""
    per_day = subject.schema.alert_budget
    if per_day is None or not labels.labelled:
        return  # without any label the metric has its point, with the reason, already
    budgeted = at_budget(frame, positive_label=subject.positive_label, per_day=per_day, length=length)
    expected = usual_at_share(baseline, subject, budgeted.share) if baseline and budgeted.share else None
    add_measured(found, ("precision_at_alert_budget", ""), budgeted.measured, expected, labels,
                 detail={"alert_budget": per_day, "share_of_predictions": budgeted.share}, more={})  # fmt: skip


def measuring(subject: Subject, baseline: Baseline | None) -> dict[str, Any]:
    """The options of `measure_groups`, with what the reference knows of users and items."""
    known = {"known_users": baseline.users(subject.user)} if baseline else {}
    return subject.measuring(baseline.popularity(subject.item) if baseline else None) | known


def _add_unlabelled(found: Findings, subject: Subject, labels: Labels) -> None:
    """Every metric that needs a label has none."""
    for kind in subject.metrics(*GROUPS):
        for column in [f"k={k}" for k in subject.ks] if subject.task == "ranking" else [""]:
            if kind.name not in OF_LISTS:
                found.add(kind.name, column=column, n=0, reason=labels.missing)


def add_measured(found: Findings, key: Key, measured: Measured, usual: Measured | None, labels: Labels, *, more: Mapping[str, Any],
                 detail: Mapping[str, Any] | None = None, threshold: float | None = None,
                 verdict: Verdict | None = None) -> None:  # fmt: skip
    """One metric's point with its interval and its verdict against the reference's (`verdict_of`, unless another `verdict` is given).

    `more` says of which segment it is.
    """
    (metric, column), value = key, measured.value
    if value is None:
        found.add(metric, column=column, reason=measured.reason or "it is undefined on these rows", **{**more, "n": measured.rows})
        return
    reference = usual.value if usual else None
    verdict = verdict or verdict_of(metric, value, measured, usual, threshold)
    interval = measured.interval
    said = {"reference": reference, "of": measured.n if measured.n != measured.rows else None, "provisional": labels.provisional or None,
            "weighted": measured.weighted or None}
    edges = {"lower": interval.lower, "upper": interval.upper, "method": interval.method} if interval else {}
    sentence = verdict.reason
    if labels.provisional and verdict.status in {"warn", "drift"}:
        sentence = f"provisional, labels are due by {labels.mature_at:%Y-%m-%d %H:%M} UTC: {sentence}"
    counts = {**more, "n": measured.rows, "n_reference": usual.rows if usual else None}
    found.add(metric, value, column=column, status=verdict.status, reason=sentence, threshold=verdict.threshold,
              p_value=verdict.p_value, detail={**(detail or {}), **said}, **counts, **edges)  # fmt: skip


def verdict_of(metric: str, value: float, measured: Measured, usual: Measured | None, threshold: float | None = None) -> Verdict:
    """The verdict on one metric by itself. `threshold` is a bar that chance draws, where intervals give none."""
    if measured.scarce:
        return Verdict(status="insufficient_data", reason=measured.scarce)
    if usual is not None and usual.scarce:
        return Verdict(status="insufficient_data", reason=f"The reference holds too little to compare with. {usual.scarce}")
    reference = usual.value if usual else None
    if threshold is not None:
        return within(_past(value, threshold, reference, measured.rows), METRICS[metric].bounds)
    if metric in _OF_THIS_SIZE or measured.interval is None or usual is None or reference is None:
        return Verdict(status="ok")
    found = judged(value, measured.interval, reference, usual.interval, METRICS[metric].direction, n=measured.rows, n_reference=usual.rows)
    return within(found, METRICS[metric].bounds)


def _past(value: float, threshold: float, reference: float | None, n: int) -> Verdict:
    """A verdict on a calibration error: past what chance shows, and worse than the reference by what matters."""
    bar = max(threshold, (reference or 0) + _CALIBRATION_LOSS)
    if value <= bar:
        return Verdict(status="ok", threshold=bar)
    said = f"{value:.3g} is more than {n:,} rows of the reference show by chance in 99.9 % of draws ({threshold:.3g})"
    return Verdict(status="drift", threshold=bar, reason=said if reference is None else f"{said}; the reference has {reference:.3g}")
