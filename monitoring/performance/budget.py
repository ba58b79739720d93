"""Precision at an alert budget: what the people who can look at so many predictions a day would find."""

from __future__ import annotations

__all__ = ["Budgeted", "Ranked", "at_budget", "ranked"]

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .found import MINIMUM_LABELLED, Measured, nothing, too_few
from .intervals import Floats, wilson
from .outcomes import weights

_DAY = timedelta(days=1)
_DAY_US = 86_400_000_000
_NEAR = 0.25  # of the budget, on both sides of the cut


@dataclass(frozen=True, slots=True)
class Budgeted:
    """Precision among the predictions that the budget pays for, and which share of all scored predictions those are."""

    measured: Measured
    share: float


def at_budget(frame: pa.Table, *, positive_label: str | None, per_day: int, length: timedelta) -> Budgeted:
    """The `per_day` highest scores of each UTC day of the frame, labelled or not; precision is of the labelled ones among them.

    A window shorter than a day (`length`) has its part of the budget, at least one. Equal scores: the earlier prediction first. `n`
    counts the labelled predictions looked at; Wilson's interval rests on as many as they are worth (`_precision`).
    """
    scored = _scored(frame)
    if scored is None or not scored.num_rows:
        return Budgeted(nothing("no row of the window has a score"), 0.0)
    if weights(scored) is not None:
        return Budgeted(nothing("the log was sampled with unequal weights, so the highest scores of a day are not all in it"), 0.0)
    score = _numbers(scored, "@score")
    if length < _DAY:
        per_day, days = max(1, round(per_day * (length / _DAY))), np.zeros(len(score), np.int64)
    else:
        days = np.asarray(scored["@t"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()) // _DAY_US
    rank, (labelled, hit) = _ranks(score, days), _labels(scored, positive_label)
    return Budgeted(_precision(labelled, hit, rank, per_day), float((rank < per_day).mean()))


@dataclass(frozen=True, slots=True)
class Ranked:
    """Scored rows, the highest score first: `rows` says of each whether it is `labelled`, and whether it is a `hit`."""

    rows: pa.Table

    def at_share(self, share: float) -> Measured:
        """The precision of the `share` with the highest scores: what a reference, of whatever length and traffic, is compared by."""
        if not self.rows.num_rows:
            return nothing("no row of the reference has a score")
        rank = np.arange(self.rows.num_rows)
        return _precision(self.rows["labelled"], self.rows["hit"], rank, max(1, round(share * len(rank))))


def ranked(frame: pa.Table, *, positive_label: str | None) -> Ranked:
    """The rows of a frame (`Store.frame`'s shape) that have a score. Equal scores: the earlier prediction first."""
    scored = _scored(frame)
    if scored is None:
        return Ranked(pa.table({"labelled": pa.array([], pa.bool_()), "hit": pa.array([], pa.bool_())}))
    order = pa.array(np.argsort(-_numbers(scored, "@score"), kind="stable"))
    labelled, hit = _labels(scored, positive_label)
    return Ranked(pa.table({"labelled": labelled.take(order), "hit": hit.take(order)}))


def _scored(frame: pa.Table) -> pa.Table | None:
    if "@score" not in frame.column_names:
        return None
    return frame.filter(pc.fill_null(pc.is_finite(frame["@score"]), False))


def _numbers(rows: pa.Table, name: str) -> Floats:
    return np.asarray(rows[name].to_numpy(), float)


def _ranks(score: Floats, day: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The place of each row in its day by falling score, from 0."""
    order = np.lexsort((-score, day))
    first = np.flatnonzero(np.r_[True, np.diff(day[order]) != 0])
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - np.repeat(first, np.diff(np.r_[first, len(order)]))
    return rank


def _labels(rows: pa.Table, positive_label: str | None) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Whether each row has a label, and whether that is the positive one."""
    labels = rows["@label"] if "@label" in rows.column_names else pa.chunked_array([pa.nulls(rows.num_rows, pa.string())])
    return labels.is_valid(), pc.fill_null(pc.equal(labels, "1" if positive_label is None else positive_label), False)


def _precision(labelled: pa.ChunkedArray, hit: pa.ChunkedArray, rank: npt.NDArray[np.int64], most: int) -> Measured:
    """Of the labelled rows whose rank is below `most`.

    The cut is not where another window of the same population would have it, and rows there are less often positive (a share `edge`) than
    those above (θ). By the delta method the variance is θ(1-θ) / labelled + (θ - edge)² (1 - share of rows taken) / taken; Wilson's
    interval is of as many rows as have it. Without the second part intervals of 95 % held 91 to 92 % (docs/intervals.md).
    """
    known, right = (np.asarray(one.to_numpy(), bool) for one in (labelled, hit))
    taken = rank < most
    n, hits = int((taken & known).sum()), int((taken & right).sum())
    if not n:
        return nothing("no prediction that the budget pays for has a label")
    near = known & (np.abs(rank + 0.5 - most) <= max(_NEAR * most, 1.0))
    middle, edge = (hits + 1) / (n + 2), (int((near & right).sum()) + 1) / (int(near.sum()) + 2)
    of_cut = (middle - edge) ** 2 * (1 - float(taken.mean())) * n / int(taken.sum())
    worth = n / (1 + of_cut / (middle * (1 - middle)))
    scarce = too_few(n, "labelled prediction", MINIMUM_LABELLED, of="within the alert budget")
    return Measured(value=hits / n, interval=wilson(hits / n * worth, worth), n=n, rows=n, scarce=scarce)
