"""The reference's own performance, which that of windows is compared with: of all its rows, of its segments, of its highest scores.

Worked out once and kept with the reference; see `Baseline`.
"""

from __future__ import annotations

__all__ = ["Columns", "Usual", "calibration_threshold", "keep_segments", "usual", "usual_at_share", "usual_of_segments"]

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from monitoring.analysis.baseline import Baseline
from monitoring.performance import Groups, Key, Measured, measure_groups
from monitoring.performance.budget import Ranked, ranked
from monitoring.reference.calibration import Confidence
from monitoring.reference.kept import RowsGone
from monitoring.reference.telling import measured_of, tell_measured
from monitoring.segments.naming import Where
from monitoring.segments.slices import matching
from monitoring.subject import Subject
from storage.custody.reference_profiles import Fact

Columns = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Usual:
    """What each metric is in the reference. `lost` says why none is known, where they were not worked out while there were rows."""

    metrics: Mapping[Key, Measured] = field(default_factory=dict)
    lost: str = ""

    def of(self, key: Key) -> Measured | None:
        """The metric's value, or why it has none; None where the reference does not have the metric."""
        return Measured(scarce=f"This was not worked out while there were rows. {self.lost}") if self.lost else self.metrics.get(key)


def usual(baseline: Baseline, subject: Subject) -> Usual:
    """Of all rows. Without any metric where there are no labels."""
    of = _options_of(subject)
    try:
        return baseline.once(("measured", of), lambda: Usual(measured_of(baseline.kept.say(
            f"measured/{of}", lambda: tell_measured(_measured(baseline, subject, [None])[0])))))  # fmt: skip
    except RowsGone as error:
        return Usual(lost=str(error))


def usual_of_segments(baseline: Baseline, subject: Subject, wheres: Sequence[Where]) -> dict[Where, Usual]:
    """Of each segment's rows; those that are not known yet are measured in one pass."""
    known = _known_segments(baseline, subject, wheres)
    of = _options_of(subject)
    return {where: Usual(known[where]) if where in known else _unmeasured(baseline, where, of, known) for where in wheres}


def keep_segments(baseline: Baseline, subject: Subject, wheres: Sequence[Where], whole: Set[Columns]) -> None:
    """Keep the performance of these segments. Of the `whole` columns and pairs of columns (in alphabetical order) they are all that the
    reference has: what is not among them has no rows there, and is not merely unknown."""
    with baseline.kept.lock:
        _known_segments(baseline, subject, wheres)
        name = f"whole segments/{_options_of(subject)}"
        known = baseline.kept.find(name)
        told = {tuple(columns) for columns in known.said} if known is not None else set()
        baseline.kept.put(name, Fact(pa.table({}), sorted(list(columns) for columns in told | whole)))


def usual_at_share(baseline: Baseline, subject: Subject, share: float) -> Measured | None:
    """The precision among this share of the reference's rows, those with the highest scores; None without labels."""
    if not baseline.has_labels:
        return None
    positive = subject.positive_label
    try:
        found = baseline.once(("ranked", positive), lambda: Ranked(baseline.kept.get(
            f"ranked/{positive}", lambda: Fact(ranked(baseline.table, positive_label=positive).rows, None)).table))  # fmt: skip
    except RowsGone as error:
        return Usual(lost=str(error)).of(("precision_at_alert_budget", ""))
    return found.at_share(round(share, 4))


def calibration_threshold(baseline: Baseline, subject: Subject, n: int) -> float | None:
    """The calibration error that n rows drawn from the reference exceed in one of a thousand samples; see `Confidence`."""
    name = f"confidence/{subject.task}/{subject.positive_label}"
    try:
        made = baseline.once(name, lambda: Confidence.from_fact(baseline.kept.get(
            name, lambda: Confidence.of(baseline.table, task=subject.task, positive_label=subject.positive_label).to_fact())))  # fmt: skip
    except RowsGone:
        return None
    size = int(2 ** (int(2 * np.log2(n)) / 2)) if n else 0
    return baseline.once((name, size), lambda: made.threshold(size))


def _known_segments(baseline: Baseline, subject: Subject, wheres: Sequence[Where]) -> dict[Where, dict[Key, Measured]]:
    """All segments that were measured, these among them as long as there are rows."""
    with baseline.kept.lock:
        of = _options_of(subject)
        known: dict[Where, dict[Key, Measured]] = baseline.once(("measured segments", of), lambda: _told_segments(baseline, of))
        new = [where for where in wheres if where not in known]
        if new and not baseline.gone:
            known |= zip(new, _measured(baseline, subject, new), strict=True)
            columns = tuple(sorted({column for where in known for column, _ in where}))
            told = [[where, tell_measured(found)] for where, found in known.items()]
            baseline.kept.put(f"segments/{of}", Fact(pa.table({}), told, of=columns))
        return known


def _told_segments(baseline: Baseline, of: str) -> dict[Where, dict[Key, Measured]]:
    fact = baseline.kept.find(f"segments/{of}")
    told = fact.said if fact is not None else []
    return {tuple((column, value) for column, value in where): measured_of(found) for where, found in told}


def _unmeasured(baseline: Baseline, where: Where, of: str, known: Mapping[Where, dict[Key, Measured]]) -> Usual:
    """A segment that was not measured while there were rows: without metrics where the reference has none of it, else lost."""
    turned = where[::-1]
    if turned in known:
        return Usual(known[turned])
    fact = baseline.kept.find(f"whole segments/{of}")
    whole = {tuple(columns) for columns in fact.said} if fact is not None else set()
    none = (any(baseline.missing(column) is None for column, _ in where)
            or any((column,) in whole and ((column, value),) not in known for column, value in where)
            or tuple(sorted(column for column, _ in where)) in whole)  # fmt: skip
    return Usual(lost="" if none else baseline.gone)


def _measured(baseline: Baseline, subject: Subject, wheres: Sequence[Where | None]) -> list[dict[Key, Measured]]:
    """Of the rows of each segment, or of all where None stands for it; empty for those without a label."""
    if not baseline.has_labels:
        return [{} for _ in wheres]
    table, count = baseline.table, len(baseline)
    masks = [np.ones(count, bool) if where is None else matching(table, where) for where in wheres]
    groups = Groups.of_masks([np.zeros(count, bool) if mask is None else mask for mask in masks])
    options = subject.measuring(baseline.popularity(subject.item)) | {"known_users": baseline.users(subject.user)}
    labelled = groups.where(table["@label"].is_valid().to_numpy()).sizes
    found = measure_groups(table, groups, **options)
    return [one if known else {} for one, known in zip(found, labelled, strict=True)]


def _options_of(subject: Subject) -> str:
    return repr(sorted((name, str(value)) for name, value in subject.measuring(None).items()))
