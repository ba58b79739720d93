"""Drift of a window: which columns to compare at which threshold, and what their scores say."""

from __future__ import annotations

__all__ = ["NO_REFERENCE", "Question", "add_drift", "questions"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from monitoring.analysis.labels import Labels
from monitoring.analysis.weighing import Weighed, Weighing
from monitoring.drift import EvidentlyVerdict, Sample
from monitoring.engine_jobs import DriftColumn, Picture, Score, Verdict
from monitoring.findings import Findings
from monitoring.multiplicity import Decision, budget, column_level, decide, rungs
from monitoring.multivariate import METHODS as MULTIVARIATE
from monitoring.subject import Compared
from monitoring.verdicts import Calibration, judge_drift, named_effect, percent, score_p_value, threshold_at
from monitoring.windows import Window

NO_REFERENCE = "There is no reference to compare with: load one with `python -m monitoring reference MODEL FILE`."
_JUDGED = frozenset({"ok", "warn", "drift"})


@dataclass(frozen=True, slots=True)
class Question:
    """One column to be scored: how, and what score counts as drift.

    `levels` are the p-values to reach, the i-th where i columns are named together: as many as there are features for a feature, one
    for an output. `usual` is what Evidently would say by its own defaults, for comparison only.
    """

    compared: Compared
    calibration: Calibration
    levels: tuple[float, ...]
    usual: EvidentlyVerdict | None = None
    score: Score | None = None
    picture: Picture | None = None

    @property
    def judged(self) -> bool:
        """Whether a score can be judged at all."""
        return self.calibration.threshold is not None

    def asked(self) -> DriftColumn:
        """The column as the Evidently worker is asked for it."""
        given = self.calibration
        ladder = tuple(threshold_at(given, level) for level in self.levels) if self.judged else ()
        return DriftColumn(self.compared.name, self.compared.kind, given.method, given.threshold, given.minimum_effect, ladder, self.score,
                           self.picture)  # fmt: skip


    def shown(self, score: Score | None, verdict: Verdict | None) -> DriftColumn:
        """The column as its page shows it; `score` is Evidently's where the score is not ours."""
        known = self.score or score or Score(reason="Evidently gave no score for this column.")
        return replace(self.asked(), score=known, verdict=verdict)


def questions(weighing: Weighing, frame: pa.Table, window: Window, *, rows: pa.Table | None = None,
              known: Mapping[str, Weighed] | None = None) -> list[Question]:  # fmt: skip
    """A question for every compared column, its method resolved by name and its threshold drawn from the reference.

    `rows` are those of the frame that Evidently sees, where it cannot see them all; `known` are columns that were weighed already.
    """
    subject, given = weighing.subject, known or {}
    compared = subject.compared(frame)
    made = [given.get(column.name) or _weighed(weighing, column, frame, frame if rows is None else rows, window) for column in compared]
    features = len(subject.schema.features)
    family = [one for one in made[:features] if one.calibration.threshold is not None]
    share = budget(subject.schema.drift.false_alarms, features)
    several = tuple(rungs(share, len(family)).tolist())
    alone = (column_level(subject.schema.drift.false_alarms, features),)
    return [Question(column, one.calibration, several if place < features else alone, one.usual, one.score, one.picture)
            for place, (column, one) in enumerate(zip(compared, made, strict=True))]  # fmt: skip


def _weighed(weighing: Weighing, column: Compared, frame: pa.Table, rows: pa.Table, window: Window) -> Weighed:
    sample, seen = Sample.of_column(frame, column.name, column.kind), frame
    if rows is not frame and not weighing.is_ours(weighing.method(column, sample)):
        sample, seen = Sample.of_column(rows, column.name, column.kind), rows
    return weighing.weigh(column, sample, seen.num_rows, window)


def add_drift(found: Findings, asked: Sequence[Question], scores: Mapping[str, Score], *, labels: Labels, features: int,
              failure: str | None, sampled: int | None) -> None:  # fmt: skip
    """A `drift` point per question and the `drift_share` over the first `features` of them, which are the model's features.

    `failure` is why Evidently gave nothing at all, which concerns the columns whose score is not ours; `sampled` is the number of rows that
    it compared where there are too many for all.
    """
    ours = {question.compared.name: question.score for question in asked if question.score is not None}
    scores = ours if failure else {**scores, **ours}
    family = [question for question in asked[:features] if question.judged]
    decision = _decide(family, scores)
    statuses = []
    for place, question in enumerate(asked):
        level = decision.level if place < features and family else None
        adjusted = decision.adjusted[family.index(question)] if question in family else None
        status = _add_one(found, question, scores.get(question.compared.name), level, adjusted, labels, failure, sampled)
        statuses.append((question, status))
    missed = failure if any(question.score is None for question in asked[:features]) else None
    judged = [(question, status) for question, status in statuses[:features] if status in _JUDGED]
    _add_share(found, judged, decision.share, _of_anything(decision.share, asked, features), missed)


def _of_anything(share: float, asked: Sequence[Question], features: int) -> float:
    """The share of windows without drift that name anything: a feature, an output, or all features together; each of these has a
    level of its own, and shares add up at most."""
    outputs = [question for question in asked[features:] if question.judged]
    together = len(MULTIVARIATE) if features > 1 else 0
    return min(share * (1 + together / max(features, 1)) + sum(question.levels[-1] for question in outputs), 1.0)


def _decide(family: Sequence[Question], scores: Mapping[str, Score]) -> Decision:
    """Which features are named, all of them judged together; one whose score is missing takes part and cannot be named."""
    given = [(scores.get(question.compared.name) or Score(reason="No score."), question.calibration) for question in family]
    share = family[0].levels[-1] if family else 0.0
    return decide([score_p_value(score, c) for score, c in given], [named_effect(score, c) for score, c in given],
                  [c.minimum_effect for _, c in given], share=share)  # fmt: skip


def _add_one(found: Findings, question: Question, score: Score | None, level: float | None, adjusted: float | None, labels: Labels,
             failure: str | None, sampled: int | None) -> str:  # fmt: skip
    calibration = question.calibration
    more: dict[str, Any] = {"column": question.compared.column, "method": calibration.method, "n": calibration.n,
                            "n_reference": calibration.n_reference}  # fmt: skip
    if question.compared.name == "@label" and not labels.labelled:
        found.add("drift", reason=labels.missing, **more)
        return "not_applicable"
    if score is None:
        found.add("drift", status="failed", reason=failure or "Evidently gave no score for this column", **more)
        return "failed"
    verdict = judge_drift(score, calibration, level=level)
    found.add("drift", score.value, status=verdict.status, reason=verdict.reason, threshold=verdict.threshold, p_value=verdict.p_value,
              detail=_detail(question, score, level, adjusted) | {"sampled": None if question.score else sampled}, **more)  # fmt: skip
    return verdict.status


def _detail(question: Question, score: Score, level: float | None, adjusted: float | None) -> dict[str, Any]:
    """What the verdict rests on, and what others would say. `level` is the p-value to reach, `p_adjusted` the one corrected for the other
    features; `dispersion` says how many times as much the reference's own windows differ as independent rows would; where that is more than
    chance, `effective_windows` as how many independent ones they tell. `judged` is held against chance where that is not the score."""
    c = question.calibration
    return {
        "effect": score.effect, "minimum_effect": c.minimum_effect, "level": level or c.level, "p_adjusted": adjusted,
        "sought_effect": c.sought if c.power is not None else None, "power": c.power, "independent_rows": c.independent,
        "own_windows": c.own_windows or None, "dispersion": c.dispersion if c.own_windows else None,
        "effective_windows": c.effective_windows, "judged": score.judged,
        "evidently_default": question.usual.to_dict() if question.usual else None,
    }  # fmt: skip


def _add_share(found: Findings, judged: list[tuple[Question, str]], share: float, anything: float, failure: str | None) -> None:
    if failure is not None:
        found.add("drift_share", status="failed", reason=failure)
    elif not judged:
        found.add("drift_share", reason="No feature of the window could be judged; the drift of each says why.")
    else:
        drifted = [question.compared.column for question, status in judged if status == "drift"]
        reason = (f"{len(drifted)} of {len(judged)} judged features drifted; without drift at least one would be named in at most "
                  f"{percent(share)} of windows, and with prediction, score, label and all features together anything in at most "
                  f"{percent(anything)}.")  # fmt: skip
        found.add("drift_share", len(drifted) / len(judged), status="drift" if drifted else "ok", reason=reason,
                  detail={"drifted": drifted, "judged": len(judged), "false_alarms": share,
                          "false_alarms_of_anything": anything})  # fmt: skip
