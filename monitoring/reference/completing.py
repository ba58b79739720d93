"""Everything that windows may ask of a reference, asked once: afterwards its rows are needed no more."""

from __future__ import annotations

__all__ = ["complete"]

from collections.abc import Callable, Sequence
from itertools import combinations, product

from monitoring.analysis.baseline import Baseline
from monitoring.analysis.cause_points import keep_causes
from monitoring.analysis.gap_points import keep_gaps
from monitoring.analysis.multivariate_points import keep_multivariate
from monitoring.analysis.search_points import keep_slices
from monitoring.analysis.usual import Columns, calibration_threshold, keep_segments, usual, usual_at_share
from monitoring.drift_nulls import NullCache
from monitoring.own_windows import Span
from monitoring.segments.naming import Where
from monitoring.segments.slices import matching, most_frequent
from monitoring.subject import Subject
from monitoring.windows import WindowSpec

_MOST_VALUES, _MOST_PAIRS = 200, 1_000  # of segments whose performance is kept


def complete(baseline: Baseline, subjects: Sequence[Subject], nulls: NullCache, tell: Callable[[str], None] = lambda _: None) -> None:
    """Work out all facts for these versions of the model, by their own windows. Raises whatever keeps one from being worked out."""
    for subject in subjects:
        names = baseline.table.column_names
        for column in subject.candidates(names):
            tell(f"{subject.model}: the column {column.column}")
            baseline.binning(column.name, column.column, column.kind)
        tell(f"{subject.model}: performance")
        usual(baseline, subject)
        keep_segments(baseline, subject, *_segments(baseline, subject.schema.segments))
        baseline.popularity(subject.item)
        baseline.users(subject.user)
        if subject.task == "binary":
            usual_at_share(baseline, subject, 1.0)
        if subject.classifies:
            calibration_threshold(baseline, subject, 1)
        keep_gaps(subject, baseline)
        keep_slices(subject, baseline)
        keep_causes(baseline)
        tell(f"{subject.model}: all features together")
        keep_multivariate(subject, baseline, nulls, Span.like(WindowSpec.parse(subject.schema.window)))
    assert baseline.latencies is not None


def _segments(baseline: Baseline, columns: Sequence[str]) -> tuple[list[Where], set[Columns]]:
    """The largest values of each column and pairs of them that the reference has rows of, and of which columns and pairs that is all."""
    table = baseline.table
    every = {column: most_frequent(table, column) for column in columns if column in table.column_names}
    values = {column: some[:_MOST_VALUES] for column, some in every.items()}
    whole: set[Columns] = {(column,) for column, some in every.items() if len(some) <= _MOST_VALUES}
    found: list[Where] = [((column, value),) for column, some in values.items() for value in some]
    pairs: list[Where] = [((a, x), (b, y)) for a, b in combinations(values, 2) for x, y in product(values[a], values[b])]
    rows = {pair: int(mask.sum()) for pair in pairs[: 40 * _MOST_PAIRS] if (mask := matching(table, pair)) is not None}
    large = sorted((pair for pair, n in rows.items() if n), key=lambda pair: (-rows[pair], pair))
    if len(pairs) <= 40 * _MOST_PAIRS and len(large) <= _MOST_PAIRS:
        return found + large, whole | {(a, b) for a, b in combinations(sorted(values), 2) if {(a,), (b,)} <= whole}
    return found + large[:_MOST_PAIRS], whole
