"""Points of segments and pairs of segments: rows, label coverage, performance, and drift judged over all of them together."""

from __future__ import annotations

__all__ = ["add_segments"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.analysis.baseline import Baseline, bounded
from monitoring.analysis.drift_points import Question
from monitoring.analysis.labels import Labels
from monitoring.analysis.performance_points import add_measured, measuring, verdict_of
from monitoring.analysis.usual import Usual, usual_of_segments
from monitoring.drift import Sample
from monitoring.drift_nulls import NullCache
from monitoring.findings import Findings
from monitoring.metrics import METRICS
from monitoring.multiplicity import budget
from monitoring.own_windows import OwnWindows, Span
from monitoring.performance import Groups, measure_groups
from monitoring.performance.comparing import within
from monitoring.performance.found import Key, Measured
from monitoring.performance.intervals import wilsons
from monitoring.reference.kept import RowsGone
from monitoring.segments.columns import Columns
from monitoring.segments.drift import Comparison, Judged, compare, judge, yardstick
from monitoring.segments.naming import Where
from monitoring.segments.performance import judge_together
from monitoring.segments.slices import Slice, matching, slices
from monitoring.subject import Subject
from monitoring.verdicts import Calibration, DriftSettings, Verdict, percent
from monitoring.windows import Window

_OF_FEATURES = frozenset({"ok", "drift"})


def add_segments(found: Findings, subject: Subject, frame: pa.Table, labels: Labels, asked: Sequence[Question], baseline: Baseline | None,
                 nulls: NullCache, window: Window) -> None:  # fmt: skip
    """Every metric and drift of each declared segment and pair of segments; which of them there are, `monitoring.segments.slices` says."""
    parts = slices(frame, subject.schema.segments)
    if not parts:
        return
    _add_performance(found, subject, frame, parts, labels, baseline)
    if baseline is not None:
        _add_drift(found, subject, frame, parts, asked, baseline, nulls, Span.of(window))


def _add_performance(found: Findings, subject: Subject, frame: pa.Table, parts: Sequence[Slice], labels: Labels,
                     baseline: Baseline | None) -> None:  # fmt: skip
    """Rows, label coverage and every metric of each part; all parts are measured in one pass."""
    labelled = [_labelled(frame, part) for part in parts]
    covered = wilsons(np.array(labelled, float), np.array([part.n for part in parts], float))
    groups = Groups.of_masks([part.mask for part in parts])
    measured = measure_groups(frame, groups, **measuring(subject, baseline)) if any(labelled) else [{}] * len(parts)
    wheres = [part.where for part, known in zip(parts, labelled, strict=True) if known]
    usual = usual_of_segments(baseline, subject, wheres) if baseline else {}
    verdicts = _judged(parts, measured, usual)
    for place, (part, known) in enumerate(zip(parts, labelled, strict=True)):
        more = found.of_segment(part.n, known) | {"segment": part.name}
        edges = covered.at(place)
        assert edges is not None, "a part has rows"
        found.add("rows", float(part.n), **more)
        found.add("label_coverage", known / part.n, method="wilson", lower=edges.lower, upper=edges.upper, **more)
        for key, one in measured[place].items() if known else ():
            add_measured(found, key, one, usual.get(part.where, Usual()).of(key), labels, verdict=verdicts.get((place, key)), more=more)


def _judged(parts: Sequence[Slice], measured: Sequence[Mapping[Key, Measured]],
            usual: Mapping[Where, Usual]) -> dict[tuple[int, Key], Verdict]:  # fmt: skip
    """The verdicts on every metric of every part (by the part's place) that has a value, all judged together."""
    alone: dict[tuple[int, Key], Verdict] = {}
    bars: list[float | None] = []
    for place, part in enumerate(parts):
        of_part = usual.get(part.where, Usual())
        for key, one in measured[place].items():
            if one.value is not None:
                known = of_part.of(key)
                alone[place, key] = verdict_of(key[0], one.value, one, known)
                bars.append(known.value if known else None)
    metrics = len({key for (_, key), verdict in alone.items() if verdict.p_value is not None})
    together = judge_together(list(alone.values()), bars, metrics=metrics)
    return {key: within(verdict, METRICS[key[1][0]].bounds) for key, verdict in zip(alone, together, strict=True)}


@dataclass(frozen=True, slots=True)
class _Of:
    """Which segment and column a comparison is of."""

    part: Slice
    question: Question


def _add_drift(found: Findings, subject: Subject, frame: pa.Table, parts: Sequence[Slice], asked: Sequence[Question], baseline: Baseline,
               nulls: NullCache, span: Span) -> None:  # fmt: skip
    rows = bounded(frame)
    masks = {part.name: part.mask if rows.num_rows == frame.num_rows else _inside(rows, part) for part in parts}
    share = budget(subject.schema.drift.false_alarms, len(subject.schema.features))
    columns = Columns(rows)
    whose: list[_Of] = []
    compared: list[Comparison] = []
    for question in asked:
        for part in parts:
            if question.compared.name not in dict(part.where) and _is_known(question, rows, masks[part.name]):
                whose.append(_Of(part, question))
                compared.append(_compare(columns.sample(question.compared.name, question.compared.kind, masks[part.name]), part, question,
                                         baseline, nulls, span))
    verdicts = judge(compared, share=share)
    more = {part.name: found.of_segment(part.n, _labelled(frame, part)) | {"segment": part.name} for part in parts}
    for of, verdict in zip(whose, verdicts, strict=True):
        _add(found, of, verdict, more[of.part.name])
    names = set(subject.schema.features)
    for part in parts:
        own = [(of, verdict) for of, verdict in zip(whose, verdicts, strict=True) if of.part is part and of.question.compared.name in names]
        _add_share(found, own, share, more[part.name])


def _is_known(question: Question, rows: pa.Table, mask: npt.NDArray[np.bool_]) -> bool:
    """Whether any label is there yet: without one there is no drift of labels to speak of."""
    if question.compared.name != "@label":
        return True
    return bool(np.any(rows["@label"].is_valid().to_numpy() & mask))


def _inside(rows: pa.Table, part: Slice) -> npt.NDArray[np.bool_]:
    """The segment's rows among sampled ones."""
    mask = matching(rows, part.where)
    assert mask is not None, "the sample has the frame's columns"
    return mask


def _compare(window: Sample, part: Slice, question: Question, baseline: Baseline, nulls: NullCache, span: Span) -> Comparison:
    """One column of one segment. Without windows of its own the segment's nulls are the same for all spans, and are drawn once."""
    column, asked = question.compared, question.calibration
    settings = DriftSettings(minimum_effect=asked.minimum_effect)
    try:
        reference = baseline.segment_sample(part.where, column.name, column.kind)
    except RowsGone as error:
        reason = f"Which of the reference's rows are of this segment was not kept. {error}"
        return Comparison(method=asked.method, n=window.n, n_reference=0, minimum_effect=settings.effect_of(asked.method),
                          status="not_applicable", reason=reason)  # fmt: skip
    key = f"{baseline.digest}/{column.name}/{column.kind}/{part.name}"  # versions that share a reference may read a column otherwise

    def known(n: int) -> Calibration:
        own = baseline.segment_windows(part.where, column.name, column.kind, span)
        name = f"{key}/{span.name}" if isinstance(own, OwnWindows) else key
        return baseline.once(("yardstick", name, asked.method, asked.minimum_effect, n),
                             lambda: yardstick(asked.method, reference, n, key=name, settings=settings, cache=nulls, own=own))  # fmt: skip

    return compare(asked.method, reference, window, settings=settings, known=known)


def _add(found: Findings, of: _Of, verdict: Judged, more: Mapping[str, Any]) -> None:
    one = verdict.comparison
    detail = {"effect": one.effect, "minimum_effect": one.minimum_effect, "own_windows": one.own_windows or None,
              "dispersion": one.dispersion if one.own_windows else None}  # fmt: skip
    found.add("drift", one.value, status=verdict.status, reason=verdict.reason, threshold=verdict.threshold, p_value=one.p_value,
              column=of.question.compared.column, method=one.method, detail=detail,
              **{**more, "n": one.n, "n_reference": one.n_reference})  # fmt: skip


def _add_share(found: Findings, own: Sequence[tuple[_Of, Judged]], share: float, more: Mapping[str, Any]) -> None:
    judged = [(of, verdict) for of, verdict in own if verdict.status in _OF_FEATURES]
    if not judged:
        reason = next((verdict.reason for _, verdict in own), "It has no feature to compare.")
        found.add("drift_share", status="insufficient_data", reason=reason, **more)
        return
    drifted = [of.question.compared.column for of, verdict in judged if verdict.status == "drift"]
    reason = (f"{len(drifted)} of {len(judged)} judged features of this segment drifted; without drift {percent(share)} of windows "
              "name any feature of any segment.")  # fmt: skip
    surest = min((verdict.comparison.p_value for _, verdict in judged if verdict.comparison.p_value is not None), default=None)
    found.add("drift_share", len(drifted) / len(judged), p_value=surest, status="drift" if drifted else "ok", reason=reason,
              detail={"drifted": drifted, "judged": len(judged), "false_alarms": share}, **more)  # fmt: skip


def _labelled(frame: pa.Table, part: Slice) -> int:
    return int(np.count_nonzero(frame["@label"].is_valid().to_numpy() & part.mask))
