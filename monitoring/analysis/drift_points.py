"""Drift of a window: which columns to compare at which threshold, and what their scores say."""

from __future__ import annotations

__all__ = ["NO_REFERENCE", "Question", "add_drift", "questions"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from monitoring.analysis.baseline import Baseline
from monitoring.analysis.labels import Labels
from monitoring.drift import Sample, base_method, comparable, resolve_method
from monitoring.drift_nulls import NullCache
from monitoring.engine_jobs import DriftColumn, Score
from monitoring.findings import Findings
from monitoring.subject import Compared, Subject
from monitoring.verdicts import Calibration, DriftSettings, calibrate, column_level, false_alarms, judge_drift, percent

NO_REFERENCE = "There is no reference to compare with: load one with `python -m monitoring reference MODEL FILE`."
_JUDGED = frozenset({"ok", "warn", "drift"})


@dataclass(frozen=True, slots=True)
class Question:
    """One column to be scored: how, and what score counts as drift."""

    compared: Compared
    calibration: Calibration

    @property
    def asked(self) -> DriftColumn:
        """The column as the Evidently worker is asked for it."""
        given = self.calibration
        return DriftColumn(self.compared.name, self.compared.kind, given.method, given.threshold, given.minimum_effect)


def questions(subject: Subject, frame: pa.Table, baseline: Baseline, nulls: NullCache) -> list[Question]:
    """A question for every compared column, its method resolved by name and its threshold drawn from the reference."""
    return [_question(subject, column, frame, baseline, nulls) for column in subject.compared(frame)]


def _question(subject: Subject, column: Compared, frame: pa.Table, baseline: Baseline, nulls: NullCache) -> Question:
    reference = baseline.sample(column.name, column.kind)
    values = comparable(frame, column.name, column.kind)
    window = Sample.of(values)
    method = resolve_method(column.method, column.kind, reference, window)
    settings = _settings(subject, method, column.column)
    if not reference.n or not window.n:  # nothing to draw from; the score will say so
        calibration = Calibration(method=method, n=window.n, n_reference=reference.n, level=settings.level,
                                  minimum_effect=settings.effect_of(method))  # fmt: skip
    else:
        key = f"{baseline.digest}/{column.name}"
        calibration = calibrate(method, reference, window.n, key=key, settings=settings, cache=nulls)
    return Question(column, calibration)


def _settings(subject: Subject, method: str, column: str) -> DriftSettings:
    """What the model's file asks of a verdict on this column; `method` is resolved, because the minimum effect may differ by method."""
    drift = subject.schema.drift
    effect = drift.minimum_effect_for(base_method(method), column)
    return DriftSettings(level=column_level(drift.false_alarms, len(subject.schema.features)), minimum_effect=effect)


def add_drift(found: Findings, asked: list[Question], scores: Mapping[str, Score], *, labels: Labels, features: int, failure: str | None,
              sampled: int | None) -> None:  # fmt: skip
    """A `drift` point per question and the `drift_share` over the first `features` of them, which are the model's features.

    `failure` is why Evidently gave nothing at all; `sampled` is the number of rows that were compared where there are too many for all.
    """
    statuses = []
    for question in asked:
        column, calibration = question.compared.column, question.calibration
        score = scores.get(question.compared.name)
        more: dict[str, Any] = {"column": column, "method": calibration.method, "n": calibration.n, "n_reference": calibration.n_reference}
        detail = {"effect": score.effect if score else None, "minimum_effect": calibration.minimum_effect, "sampled": sampled}
        if question.compared.name == "@label" and not labels.labelled:
            found.add("drift", reason=labels.missing, **more)
        elif failure is not None or score is None:
            found.add("drift", status="failed", reason=failure or "Evidently gave no score for this column", **more)
        else:
            verdict = judge_drift(score, calibration)
            statuses.append((question, verdict.status))
            found.add("drift", score.value, status=verdict.status, reason=verdict.reason, threshold=verdict.threshold,
                      p_value=verdict.p_value, detail=detail, **more)  # fmt: skip
    names = {question.compared.name for question in asked[:features]}
    _add_share(found, [(q, status) for q, status in statuses if q.compared.name in names and status in _JUDGED], failure)


def _add_share(found: Findings, judged: list[tuple[Question, str]], failure: str | None) -> None:
    if failure is not None:
        found.add("drift_share", status="failed", reason=failure)
    elif not judged:
        found.add("drift_share", reason="No feature of the window could be judged; the drift of each says why.")
    else:
        drifted = [question.compared.column for question, status in judged if status == "drift"]
        chance = false_alarms(question.calibration.level for question, _ in judged)
        reason = (f"{len(drifted)} of {len(judged)} judged features drifted; without drift at least one would be named in at most "
                  f"{percent(chance)} of windows.")  # fmt: skip
        found.add("drift_share", len(drifted) / len(judged), status="drift" if drifted else "ok", reason=reason,
                  detail={"drifted": drifted, "judged": len(judged), "false_alarms": chance})  # fmt: skip
