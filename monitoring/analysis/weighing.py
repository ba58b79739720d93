"""A window's columns against the reference: method, threshold, exact score and picture; of one window, or of many column by column."""

from __future__ import annotations

__all__ = ["Scores", "Weighed", "Weighing", "exact_score", "weigh_windows"]

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from monitoring.analysis.baseline import Baseline
from monitoring.drift import (
    COVERED,
    METHODS,
    EvidentlyVerdict,
    Sample,
    base_method,
    effect,
    evidently_verdict,
    is_effect,
    judged,
    refusal,
    resolve_method,
    score,
)
from monitoring.drift_nulls import NullCache
from monitoring.engine_jobs import Picture, Score
from monitoring.multiplicity import column_level
from monitoring.own_windows import Span
from monitoring.pictures import picture
from monitoring.subject import Compared, Subject
from monitoring.verdicts import Calibration, DriftSettings, calibrate
from monitoring.windows import Window
from storage.store import ColumnOfWindows, Store

_log = logging.getLogger(__name__)

Scores = Literal["auto", "exact", "evidently"]
_ONLY_EXACT = "Only Evidently computes {}, and MONITORING_SCORES=exact asks it for no score."


@dataclass(frozen=True, slots=True)
class Weighed:
    """One column of one window: its calibration; what Evidently would say by its own defaults, for comparison only; its
    picture, where there will be a page; and, where it is ours to compute, the score."""

    calibration: Calibration
    usual: EvidentlyVerdict | None = None
    score: Score | None = None
    picture: Picture | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighing:
    """What the columns of a version's windows are weighed against. `scores` says who computes: `auto` is us where the method is
    `COVERED`, `exact` us alone, `evidently` Evidently alone. `pictures` says whether there will be a page."""

    subject: Subject
    baseline: Baseline
    nulls: NullCache
    scores: Scores = "auto"
    pictures: bool = False

    def is_ours(self, method: str) -> bool:
        """Whether the score of a resolved method is computed here."""
        return self.scores == "exact" or (self.scores == "auto" and base_method(method) in COVERED)

    def method(self, column: Compared, window: Sample) -> str:
        """The column's method by name, for a window with these values."""
        return resolve_method(column.method, column.kind, self.baseline.sample(column.name, column.kind), window)

    def weigh(self, column: Compared, window: Sample, rows: int, span: Window) -> Weighed:
        """One column of a window with `rows` rows, of which `window` are those that have a value."""
        baseline, reference = self.baseline, self.baseline.sample(column.name, column.kind)
        method = self.method(column, window)
        ours = exact_score(method, column.kind, reference, window) if self.is_ours(method) else None
        calibration, usual = self._calibration(column, method, reference, window, span), None
        if reference.n and window.n:
            known = (method, ours.value) if ours is not None and ours.value is not None else None
            usual = evidently_verdict(column.kind, reference, window, known=known)
        drawn = None
        if self.pictures and base_method(method) in METHODS and (reference.n or window.n):
            drawn = picture(method, reference, window, nulls=rows - window.n, nulls_reference=baseline.compared_rows - reference.n)
        return Weighed(calibration, usual, ours, drawn)

    def _calibration(self, column: Compared, method: str, reference: Sample, window: Sample, judged: Window) -> Calibration:
        settings = _settings(self.subject, method, column.column)
        if not reference.n or not window.n:  # nothing to draw from; the score will say so
            return Calibration(method=method, n=window.n, n_reference=reference.n, level=settings.level,
                               minimum_effect=settings.effect_of(method))  # fmt: skip
        span = Span.of(judged)
        key = f"{self.baseline.digest}/{column.name}/{span.name}"
        own = self.baseline.own_windows(column.name, column.kind, span)
        return calibrate(method, reference, window.n, key=key, settings=settings, cache=self.nulls, own=own)


def _settings(subject: Subject, method: str, column: str) -> DriftSettings:
    """What the model's file asks of a verdict on this column; `method` is resolved, because the minimum effect may differ by method."""
    drift = subject.schema.drift
    return DriftSettings(level=column_level(drift.false_alarms, len(subject.schema.features)), sought_effect=drift.sought_effect,
                         minimum_effect=drift.minimum_effect_for(base_method(method), column))  # fmt: skip


def exact_score(method: str, kind: str, reference: Sample, window: Sample) -> Score:
    """The score of a resolved method as we compute it, equal to Evidently's, or the reason why there is none."""
    facts = Score(reason=refusal(method, kind, reference, window) or "", method=method, n=window.n, n_reference=reference.n)
    if facts.reason:
        return facts
    if base_method(method) not in COVERED:
        return replace(facts, reason=_ONLY_EXACT.format(method))
    try:
        value = score(method, reference, window)
        distance = None if is_effect(method) else effect(method, value, reference, window)
    except ValueError as error:  # no number on these values
        return replace(facts, reason=str(error))
    p_value = None if METHODS[base_method(method)].larger_is_drift else value
    return replace(facts, reason=None, value=value, p_value=p_value, effect=distance, judged=judged(method, value, reference, window))


def weigh_windows(store: Store, weighing: Weighing | None, windows: Sequence[Window]) -> list[dict[str, Weighed]]:
    """For each window the columns whose scores are ours, by their names in frames; each column is read once for all windows.

    Memory holds one column of all windows at a time (see `Store.window_columns`). A column that cannot be weighed in a window is left
    out of it: the window's own analysis meets the same fault, and says so.
    """
    found: list[dict[str, Weighed]] = [{} for _ in windows]
    if weighing is None or weighing.scores == "evidently":
        return found
    subject = weighing.subject
    with store.window_columns(subject.model, subject.version, windows) as columns:
        candidates = subject.candidates(columns.names)
        for column, values in zip(candidates, columns.read([(one.name, one.kind) for one in candidates]), strict=True):
            for place, (window, rows) in enumerate(zip(windows, columns.rows, strict=True)):
                try:
                    sample = _sample(values, place)
                    if weighing.is_ours(weighing.method(column, sample)):
                        found[place][column.name] = weighing.weigh(column, sample, rows, window)
                except Exception:
                    _log.exception("Comparing the column %s of %s failed.", column.name, subject.model)
    return found


def _sample(values: ColumnOfWindows, place: int) -> Sample:
    if values.categories is not None:
        return Sample(categories=values.categories[place])
    assert values.numbers is not None
    return Sample(numbers=values.numbers[place])
