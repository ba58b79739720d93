"""The drift part: scores that the owner has not computed, verdicts on all of them, and the page that shows them."""

from __future__ import annotations

__all__ = ["NEVER", "drift_part"]

from collections import OrderedDict
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from math import isfinite

import pandas as pd
import pyarrow as pa
from evidently import DataDefinition, Dataset, Report
from evidently.legacy.calculations.stattests.registry import StatTest, get_stattest, register_stattest
from evidently.legacy.core import ColumnType
from evidently.legacy.model.widget import BaseWidgetInfo
from evidently.legacy.renderers.html_widgets import CounterData, counter, table_data

from monitoring.drift import (
    METHODS,
    Sample,
    base_method,
    comparable,
    effect,
    is_effect,
    judged,
    method_label,
    refusal,
    resolve_method,
    score,
)
from monitoring.engine_jobs import DriftColumn, Job, Picture, Score
from monitoring.pictures import picture

from .calibrated_drift import SAID, Shown, data_of
from .names import Names, shown
from .snapshots import Page

_MOST_DRAWN = 100  # columns with a chart, which takes 3 kB of the page; each of the others is a line of 1 kB
NEVER = {"distance": 1e9, "p_value": -1.0}  # thresholds that no score reaches, for columns without a verdict


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """One column with its score, the threshold that counts in this window, and what there is to draw."""

    column: DriftColumn
    score: Score
    threshold: float | None
    picture: Picture | None

    @property
    def small(self) -> bool:
        """Whether the samples lie too near each other to name, whatever the score says of chance."""
        given, least = self.score.effect, self.column.minimum_effect
        return given is not None and least is not None and given < least

    def past(self, threshold: float) -> bool:
        """Whether the score would be named at this threshold."""
        value = self.score.held
        larger = METHODS[base_method(self.score.method or "")].larger_is_drift
        assert value is not None, "only columns with a value are judged"
        return not self.small and (value >= threshold if larger else value <= threshold)

    @property
    def status(self) -> str:
        """The verdict: the owner's where it gave one."""
        if self.column.verdict is not None:
            return self.column.verdict.status
        if self.threshold is None:
            return "insufficient_data"
        return "drift" if self.past(self.threshold) else "ok"


def drift_part(job: Job, scores: MutableMapping[str, Score]) -> Page | None:
    """Fills `scores`; returns the page, or None where no column has a score or no page is to be kept."""
    scored = []
    for column in job.columns:
        found, drawn = (column.score, column.picture) if column.score is not None else _computed(job, column)
        scores[column.name] = found
        if found.value is not None and (column.verdict is None or column.verdict.status in SAID):
            scored.append(_Scored(column, found, column.verdict.threshold if column.verdict else column.threshold, drawn))
    if job.snapshots is None or not scored:
        return None
    return _page(_drawn(_at_their_rungs(scored)), job.columns, scores, job.name)


def _at_their_rungs(scored: list[_Scored]) -> list[_Scored]:
    """The columns with the thresholds that count for this window: those of the most columns that are past theirs together.

    That is Benjamini & Hochberg's step-up rule.
    """
    open_ = [one for one in scored if one.column.verdict is None]
    longest = max((len(one.column.ladder) for one in open_), default=0)
    family = [one for one in open_ if len(one.column.ladder) == longest and one.threshold is not None]
    if longest < 2:
        return scored
    reached = max((rung for rung in range(longest) if sum(one.past(one.column.ladder[rung]) for one in family) > rung), default=0)
    return [replace(one, threshold=one.column.ladder[reached]) if one in family else one for one in scored]


def _drawn(scored: list[_Scored]) -> list[_Scored]:
    """The columns, of which at most `_MOST_DRAWN` keep their picture: drifted ones first, then in the order given."""
    chosen = set(sorted(range(len(scored)), key=lambda place: (scored[place].status != "drift", place))[:_MOST_DRAWN])
    return [one if place in chosen else replace(one, picture=None) for place, one in enumerate(scored)]


def _page(scored: list[_Scored], columns: Iterable[DriftColumn], scores: Mapping[str, Score], name: str) -> Page:
    names = Names(one.column.name for one in scored)
    drawn = [_shown(one, names) for one in scored]
    empty = Dataset.from_pandas(pd.DataFrame({names.token(scored[0].column.name): []}), data_definition=DataDefinition())
    snapshot = Report([one.metric() for one in drawn]).run(empty, None, additional_data=data_of(drawn), name=name or None)
    told = {column.name: column.verdict.reason for column in columns if column.verdict is not None}
    shown_ = {one.column.name for one in scored}
    missing = {name: told.get(name) or found.reason or "" for name, found in scores.items() if name not in shown_}
    snapshot._widgets = [_headline(scored), *_missing(missing), *snapshot._widgets]
    return Page(snapshot, names)


def _shown(one: _Scored, names: Names) -> Shown:
    found, verdict = one.score, one.column.verdict
    assert found.value is not None
    assert found.method is not None
    return Shown(column=names.token(one.column.name), method=found.method, value=found.value, status=one.status, threshold=one.threshold,
                 p_value=verdict.p_value if verdict else found.p_value, effect=found.effect, minimum_effect=one.column.minimum_effect,
                 n=found.n, n_reference=found.n_reference, picture=one.picture, reason=verdict.reason if verdict else "")  # fmt: skip


def _headline(scored: list[_Scored]) -> BaseWidgetInfo:
    """Our verdict in one line: Evidently's own headline would need half the columns to drift."""
    judged = [one for one in scored if one.status in ("ok", "warn", "drift")]
    drifted = [one for one in judged if one.status == "drift"]
    names = ", ".join(f"{shown(one.column.name)} ({method_label(one.score.method or '')})" for one in drifted[:20])
    label = "columns drifted, by thresholds calibrated for this reference and window size"
    return counter(counters=[CounterData(f"{label}: {names}" if names else label, f"{len(drifted)} of {len(judged)}")])


def _missing(reasons: Mapping[str, str]) -> Iterable[BaseWidgetInfo]:
    """The columns that could not be compared, with the reason; nothing where all could."""
    rows = [(shown(name), reason) for name, reason in reasons.items()]
    if rows:
        yield table_data(title="Not compared", column_names=["Column", "Why"], data=rows)


def _computed(job: Job, column: DriftColumn) -> tuple[Score, Picture | None]:
    """The score by the function that `ValueDrift` calls, or the reason why there is none; and the picture where one is to be shown."""
    if job.reference is None:
        return Score(reason="The model has no reference to compare with; load one with `reference MODEL FILE`."), None
    for table, owner in ((job.current, "window"), (job.reference, "reference")):
        if column.name not in table.column_names:
            return Score(reason=f"The {owner} has no column of this name."), None
    values = comparable(job.current, column.name, column.kind)
    usual, reference = _reference(job.reference, job.reference_hash, column)
    window = Sample.of(values)
    method = resolve_method(column.method, column.kind, reference, window)
    facts = Score(reason="", method=method, n=window.n, n_reference=reference.n)
    reason = refusal(method, column.kind, reference, window)
    if reason is not None:
        return replace(facts, reason=reason), None
    found = _score(replace(facts, effect=None if is_effect(method) else effect(method, 0.0, reference, window)), column, usual, values)
    if found.value is None:
        return found, None
    found = replace(found, judged=judged(method, found.value, reference, window))
    if job.snapshots is None:
        return found, None
    return found, picture(method, reference, window, nulls=values.null_count, nulls_reference=usual.null_count)


def _score(facts: Score, column: DriftColumn, reference: pa.Array, current: pa.Array) -> Score:
    method = METHODS[base_method(facts.method or "")]
    numbers = "numerical" in method.kinds and not pa.types.is_string(reference.type)
    type_ = ColumnType.Numerical if numbers else ColumnType.Categorical
    threshold = column.threshold if column.threshold is not None else NEVER[method.returns]
    before, after = reference.drop_null().to_pandas(), current.drop_null().to_pandas()
    try:
        test = get_stattest(before, after, type_, method.name)
        value = float(test(before, after, type_, threshold).drift_score)
    except BaseException as error:  # some of Evidently's own derive from BaseException
        return replace(facts, reason=f"Evidently cannot compute {facts.method} here: {' '.join(str(error).split())[:300]}", effect=None)
    if not isfinite(value):
        return replace(facts, reason=f"Evidently's {facts.method} is no number on these values ({value}).", effect=None)
    return replace(facts, reason=None, value=value, p_value=value if method.returns == "p_value" else None)


_held: OrderedDict[tuple[str, str, str], tuple[pa.Array, Sample]] = OrderedDict()
_MOST_HELD = 256  # reference columns whose sorted values stay in the worker's memory


def _reference(table: pa.Table, content: str | None, column: DriftColumn) -> tuple[pa.Array, Sample]:
    """The reference's values per row and as a sample; kept between jobs where `content` names the table."""
    key = (content or "", column.name, column.kind)
    if content is not None and key in _held:
        _held.move_to_end(key)
        return _held[key]
    values = comparable(table, column.name, column.kind)
    found = values, Sample.of(values)
    if content is not None:
        _held[key] = found
        while len(_held) > _MOST_HELD:
            _held.popitem(last=False)
    return found


def _contingency(reference: pd.Series, current: pd.Series, _kind: ColumnType, threshold: float) -> tuple[float, bool]:
    samples = (Sample.of(pa.array(s.astype(str).tolist(), pa.string())) for s in (reference, current))
    p_value = score("chisquare_contingency", *samples)
    return p_value, p_value <= threshold


register_stattest(
    StatTest(name="chisquare_contingency", display_name="chi-square p_value (contingency)",
             allowed_feature_types=[ColumnType.Categorical, ColumnType.Numerical]),
    _contingency,
)
