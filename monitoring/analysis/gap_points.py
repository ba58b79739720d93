"""Points of gaps between groups: each declared group's rates against those of everybody else in the window."""

from __future__ import annotations

__all__ = ["add_gaps", "keep_gaps"]

from typing import Any

import numpy as np
import pyarrow as pa

from monitoring.analysis.baseline import Baseline
from monitoring.analysis.labels import Labels
from monitoring.findings import Findings
from monitoring.multiplicity import budget
from monitoring.reference.kept import RowsGone
from monitoring.reference.telling import sums_of, tell_sums
from monitoring.segments.gaps import Gap, Judged, Sums, judge, measure_gap, sums
from monitoring.segments.naming import Where
from monitoring.segments.outcomes import Mask, Rate, rates
from monitoring.segments.slices import Slice, matching, most_frequent, slices
from monitoring.subject import Subject

MOST_GROUPS = 200  # of a column, whose rates in the reference are kept
_Usual = dict[tuple[str, str], tuple[Sums, Sums]]


def add_gaps(found: Findings, subject: Subject, frame: pa.Table, labels: Labels, baseline: Baseline | None) -> None:
    """Gaps of every value of the columns that the model's `fairness` names, by default its segments: rest is who has another value."""
    parts = [part for part in slices(frame, subject.schema.fairness.columns or subject.schema.segments) if len(part.where) == 1]
    there = rates(frame, task=subject.task, positive_label=subject.positive_label)
    if not labels.labelled:
        there = [rate for rate in there if rate.metric == "selection_rate_gap"]
    whose: list[Slice] = []
    gaps: list[Gap] = []
    unknown: dict[str, str] = {}
    for part in parts:
        try:
            usual = _usual(subject, baseline, part.where)
        except RowsGone as error:
            usual, unknown[part.name] = {}, f"What it was in the reference was not kept. {error}"
        rest = frame[part.where[0][0]].is_valid().to_numpy() & ~part.mask
        for rate in there:
            whose.append(part)
            gaps.append(measure_gap(rate, part.mask, rest, usual.get((rate.metric, rate.column)), limit=subject.schema.fairness.limit))
    share = budget(subject.schema.drift.false_alarms, len(subject.schema.features))
    known = frame["@label"].is_valid().to_numpy()
    for part, judged in zip(whose, judge(gaps, share=share), strict=True):
        _add(found, part, int(np.count_nonzero(known & part.mask)), judged, labels, unknown.get(part.name, ""))


def _add(found: Findings, part: Slice, labelled: int, judged: Judged, labels: Labels, unknown: str) -> None:
    gap, rate, reason = judged.gap, judged.gap.rate, judged.reason
    if unknown and gap.value is not None:
        reason = f"{reason if gap.beyond is not None else 'Nothing to judge it by: no limit is set.'} {unknown}"
    if labels.provisional and judged.status in {"warn", "drift"} and rate.metric != "selection_rate_gap":
        reason = f"provisional, labels are due by {labels.mature_at:%Y-%m-%d %H:%M} UTC: {reason}"
    counts = found.of_segment(part.n, labelled) | {"n_reference": gap.usual_n}
    detail: dict[str, object] = {"provisional": labels.provisional or None, "reference": gap.usual, "limit": gap.limit}
    if gap.group is not None and gap.rest is not None:
        counts["n"] = gap.group.n
        detail |= {"group": gap.group.mean, "rest": gap.rest.mean, "n_rest": gap.rest.n}
    found.add(rate.metric, gap.value, column=rate.column, segment=part.name, method=gap.method, lower=gap.lower, upper=gap.upper,
              threshold=gap.usual, p_value=gap.growth, status=judged.status, reason=reason, detail=detail, **counts)  # fmt: skip


def _usual(subject: Subject, baseline: Baseline | None, where: Where) -> _Usual:
    """The reference's rates of a group and of its rest; empty where it has no such column. Raises RowsGone."""
    ((column, value),) = where
    if baseline is None or baseline.missing(column) is None:
        return {}
    told = _kept(subject, baseline, column)
    if value in told["values"]:
        return _usual_of(told["values"][value])
    if not told["more"]:
        return _usual_of(told["nobody"])
    return _of_reference(subject, baseline, where)


def keep_gaps(subject: Subject, baseline: Baseline) -> None:
    """Keep the reference's rates of every group that the model's file names."""
    for column in subject.schema.fairness.columns or subject.schema.segments:
        if baseline.missing(column) is not None:
            _kept(subject, baseline, column)


def _kept(subject: Subject, baseline: Baseline, column: str) -> Any:
    key = f"gaps/{subject.task}/{subject.positive_label}/{column}"
    return baseline.once(key, lambda: baseline.kept.say(key, lambda: _every_group(subject, baseline, column), of=(column,)))


def _usual_of(told: list[Any]) -> _Usual:
    return {(metric, of): (sums_of(inside), sums_of(outside)) for metric, of, inside, outside in told}


def _every_group(subject: Subject, baseline: Baseline, column: str) -> dict[str, Any]:
    """The reference's rates of each of its groups (of the 200 largest, if there are `more`), and of a group that it has nobody of."""
    def tell(value: str | None) -> list[Any]:
        found = _of_reference(subject, baseline, ((column, value),))
        return [[*key, tell_sums(inside), tell_sums(outside)] for key, (inside, outside) in found.items()]

    values = most_frequent(baseline.table, column)
    return {"values": {value: tell(value) for value in values[:MOST_GROUPS]}, "nobody": tell(None), "more": len(values) > MOST_GROUPS}


def _of_reference(subject: Subject, baseline: Baseline, where: tuple[tuple[str, str | None], ...]) -> _Usual:
    """Nobody is in the group None."""
    table = baseline.table
    inside = matching(table, where)
    assert inside is not None, "it has the column"
    outside: Mask = table[where[0][0]].is_valid().to_numpy() & ~inside
    there: list[Rate] = baseline.once(("rates", subject.task, subject.positive_label),
                                      lambda: rates(table, task=subject.task, positive_label=subject.positive_label))
    return {(rate.metric, rate.column): (sums(rate, inside), sums(rate, outside)) for rate in there}
