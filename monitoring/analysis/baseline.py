"""The reference of a model, prepared once and asked many times: samples, bins, its own performance."""

from __future__ import annotations

__all__ = ["Baseline", "bounded"]

from collections.abc import Callable, Hashable, Sequence
from threading import RLock
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.drift import Sample, comparable
from monitoring.own_windows import OwnWindows, Span, own_windows
from monitoring.performance import Groups, Key, Measured, measure_groups
from monitoring.performance.budget import at_share
from monitoring.performance.outcomes import binary_outcomes, multiclass_outcomes
from monitoring.performance.scores import calibration_error, confidence
from monitoring.performance.timings import QUANTILES, Timed, latency_intervals
from monitoring.profiles import Binning, binning
from monitoring.segments.columns import Columns
from monitoring.segments.naming import Where
from monitoring.segments.slices import matching
from monitoring.subject import Subject

Floats = npt.NDArray[np.float64]
T = TypeVar("T")

_SEED = 20_260_102
MOST_COMPARED = 200_000  # rows given to Evidently at once: about 20 s for 30 columns; more are sampled, and the points say so
_DRAWS = 200
_MOST_ROWS = 10_000
_Z_999 = 3.2905  # the normal quantile of 99.95 %: 99.9 % between both tails


def bounded(table: pa.Table, most: int | None = None) -> pa.Table:
    """The rows that Evidently sees: all of them, or a seeded sample, in order, where there are more than it can take."""
    most = most or MOST_COMPARED
    if table.num_rows <= most:
        return table
    rows = np.random.default_rng([_SEED, table.num_rows]).choice(table.num_rows, most, replace=False)
    return table.take(pa.array(np.sort(rows)))


class Baseline:
    """A reference table in the shape of `Store.frame`, its hash, and what is derived from it, each once. Safe for threads."""

    def __init__(self, table: pa.Table, digest: str) -> None:
        self.table = table
        self.digest = digest
        self._known: dict[Hashable, Any] = {}
        self._lock = RLock()

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def compared(self) -> pa.Table:
        """The rows that windows are compared with."""
        return self.once("compared", lambda: bounded(self.table))

    def sample(self, name: str, kind: str) -> Sample:
        """The usable values of a column among the compared rows: scores and thresholds rest on the same ones."""
        return self.once(("sample", name, kind), lambda: Sample.of_column(self.compared, name, kind))

    def take_sample(self, name: str, kind: str, sample: Sample) -> None:
        """Keep a column's sample that was made before, as from sorted values that were stored; it is not made from the rows again."""
        self.once(("sample", name, kind), lambda: sample)

    def own_windows(self, name: str, kind: str, span: Span) -> OwnWindows | str:
        """The compared rows cut into windows like `span`, or why they cannot be."""
        times = self.compared["@t"] if "@t" in self.compared.column_names else None
        return self.once(("windows", name, kind, span.name), lambda: own_windows(comparable(self.compared, name, kind), times, span))

    def binning(self, name: str, column: str, kind: str) -> Binning | None:
        """The bins of a column that all windows share; None where the reference has no value of it."""
        return self.once(("binning", name, kind), lambda: self._binning(name, column, kind))

    def segment_sample(self, where: Where, name: str, kind: str) -> Sample:
        """The usable values of a column in one segment's rows: of at most 10,000 of them, a seeded choice."""
        return self.once(("sample", where, name, kind), lambda: self._columns.sample(name, kind, self._segment(where)))

    def measured(self, subject: Subject) -> dict[Key, Measured]:
        """The reference's own performance. Empty without labels."""
        return self.once(("measured", _options_of(subject)), lambda: self._measured(subject, [None])[0])

    def measured_segments(self, subject: Subject, wheres: Sequence[Where]) -> dict[Where, dict[Key, Measured]]:
        """The same of each segment's rows; those that are not known yet are measured in one pass."""
        with self._lock:
            known: dict[Where, dict[Key, Measured]] = self.once(("measured segments", _options_of(subject)), dict)
            new = [where for where in wheres if where not in known]
            if new:
                known |= zip(new, self._measured(subject, new), strict=True)
            return known

    def popularity(self, item: str | None) -> dict[str, float] | None:
        """Each item's share of the reference's rows."""
        return self.once(("popularity", item), lambda: self._popularity(item))

    def users(self, user: str | None) -> frozenset[str] | None:
        """The users of the reference's rows."""
        return self.once(("users", user), lambda: self._users(user))

    def at_share(self, subject: Subject, share: float) -> Measured | None:
        """The precision among this share of the reference's rows, those with the highest scores; None without labels."""
        if "@label" not in self.table.column_names or self.table["@label"].null_count == len(self):
            return None
        rounded = round(share, 4)
        return self.once(("at share", subject.positive_label, rounded),
                          lambda: at_share(self.table, positive_label=subject.positive_label, share=rounded))  # fmt: skip

    def calibration_threshold(self, subject: Subject, n: int) -> float | None:
        """The calibration error that n rows drawn from the reference exceed in one of a thousand samples.

        The error of few rows is larger than that of many though nothing changed (Roelofs et al. 2022, §3), so the reference's own
        value is no fair bar. 200 seeded draws of n rows, rounded down to a power of √2; mean and 3.29 standard deviations.
        """
        size = int(2 ** (int(2 * np.log2(n)) / 2)) if n else 0
        return self.once(("calibration", subject.task, subject.positive_label, size), lambda: self._calibration(subject, size))

    @property
    def latencies(self) -> dict[str, Timed]:
        """The reference's own latency metrics; empty without any."""
        return self.once("latencies", self._latencies)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` returns, made once per key and kept with the reference."""
        with self._lock:
            if key not in self._known:
                self._known[key] = make()
            found: T = self._known[key]
            return found

    def _binning(self, name: str, column: str, kind: str) -> Binning | None:
        values = comparable(self.table, name, kind)
        return binning(column, values) if len(values.drop_null()) else None

    @property
    def _columns(self) -> Columns:
        return self.once("columns", lambda: Columns(self.compared))

    def _segment(self, where: Where) -> npt.NDArray[np.bool_]:
        """The compared rows of a segment, as far as they are used; none where the reference lacks a column."""
        return self.once(("segment", where), lambda: self._drawn(where))

    def _drawn(self, where: Where) -> npt.NDArray[np.bool_]:
        mask = matching(self.compared, where)
        if mask is None:
            return np.zeros(self.compared.num_rows, bool)
        rows = np.flatnonzero(mask)
        if len(rows) > _MOST_ROWS:
            mask[rows] = False
            mask[np.random.default_rng([_SEED, len(rows)]).choice(rows, _MOST_ROWS, replace=False)] = True
        return mask

    def _measured(self, subject: Subject, wheres: Sequence[Where | None]) -> list[dict[Key, Measured]]:
        """Of the rows of each segment, or of all where None stands for it; empty for those without a label."""
        table = self.table
        if "@label" not in table.column_names or table["@label"].null_count == len(self):
            return [{} for _ in wheres]
        masks = [np.ones(len(self), bool) if where is None else matching(table, where) for where in wheres]
        groups = Groups.of_masks([np.zeros(len(self), bool) if mask is None else mask for mask in masks])
        options = subject.measuring(self.popularity(subject.item)) | {"known_users": self.users(subject.user)}
        labelled = groups.where(table["@label"].is_valid().to_numpy()).sizes
        found = measure_groups(table, groups, **options)
        return [one if known else {} for one, known in zip(found, labelled, strict=True)]

    def _popularity(self, item: str | None) -> dict[str, float] | None:
        if item is None or item not in self.table.column_names:
            return None
        counts = self.table[item].drop_null().value_counts().to_pylist()
        total = sum(pair["counts"] for pair in counts)
        return {str(pair["values"]): pair["counts"] / total for pair in counts} or None

    def _users(self, user: str | None) -> frozenset[str] | None:
        if user is None or user not in self.table.column_names:
            return None
        return frozenset(str(name) for name in self.table[user].drop_null().unique().to_pylist()) or None

    def _latencies(self) -> dict[str, Timed]:
        if "@latency_ms" not in self.table.column_names:
            return {}
        values = np.asarray(self.table["@latency_ms"].drop_null().to_numpy(), float)
        values = values[np.isfinite(values)]
        if not len(values):
            return {}
        found = {metric: float(np.quantile(values, share)) for metric, share in QUANTILES.items()} | {"latency_mean": float(values.mean())}
        intervals = latency_intervals(values, Groups.whole(len(values)))[0]
        return {metric: (value, intervals[metric], len(values)) for metric, value in found.items()}

    def _calibration(self, subject: Subject, size: int) -> float | None:
        binary = subject.task == "binary"
        found = binary_outcomes(self.table, positive_label=subject.positive_label) if binary else multiclass_outcomes(self.table)
        if not len(found.scored_label) or not size or ((found.scores < 0) | (found.scores > 1)).any():
            return None
        random = np.random.default_rng([_SEED, size])
        score, outcome = confidence(found)
        kept = np.sort(random.permutation(len(score))[:_MOST_ROWS])
        score, outcome = score[kept], outcome[kept]
        counts = random.multinomial(size, np.full(len(score), 1 / len(score)), size=_DRAWS).astype(float)
        errors = calibration_error(score, outcome, counts)
        return float(errors.mean() + _Z_999 * errors.std(ddof=1))


def _options_of(subject: Subject) -> Hashable:
    return tuple(sorted((name, str(value)) for name, value in subject.measuring(None).items()))
