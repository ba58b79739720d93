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


@dataclass(frozen=True, slots=True)
class Budgeted:
    """Precision among the predictions that the budget pays for, and which share of all scored predictions those are."""

    measured: Measured
    share: float


def at_budget(frame: pa.Table, *, positive_label: str | None, per_day: int, length: timedelta) -> Budgeted:
    """The `per_day` highest scores of each UTC day of the frame, labelled or not; precision is of the labelled ones among them.

    A window shorter than a day (`length`) has its part of the budget, at least one. Equal scores: the earlier prediction first. `n`
    counts the labelled predictions looked at, and Wilson's interval rests on them.
    """
    scored = _scored(frame)
    if scored is None or not scored.num_rows:
        return Budgeted(nothing("no row of the window has a score"), 0.0)
    if weights(scored) is not None:
        return Budgeted(nothing("the log was sampled with unequal weights, so the highest scores of a day are not all in it"), 0.0)
    score = _numbers(scored, "@score")
    if length < _DAY:
        taken = _highest(score, np.zeros(len(score), np.int64), max(1, round(per_day * (length / _DAY))))
    else:
        days = np.asarray(scored["@t"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()) // _DAY_US
        taken = _highest(score, days, per_day)
    labelled, hit = (pc.sum(one.filter(pa.array(taken))).as_py() for one in _labels(scored, positive_label))
    return Budgeted(_precision(int(labelled), int(hit)), float(taken.mean()))


@dataclass(frozen=True, slots=True)
class Ranked:
    """Scored rows, the highest score first: `rows` says of each whether it is `labelled`, and whether it is a `hit`."""

    rows: pa.Table

    def at_share(self, share: float) -> Measured:
        """The precision of the `share` with the highest scores: what a reference, of whatever length and traffic, is compared by."""
        if not self.rows.num_rows:
            return nothing("no row of the reference has a score")
        taken = self.rows.slice(0, max(1, round(share * self.rows.num_rows)))
        return _precision(int(pc.sum(taken["labelled"]).as_py()), int(pc.sum(taken["hit"]).as_py()))


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


def _highest(score: Floats, day: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.bool_]:
    """Whether a row is among the `most` highest scores of its day."""
    order = np.lexsort((-score, day))
    first = np.flatnonzero(np.r_[True, np.diff(day[order]) != 0])
    rank = np.arange(len(order)) - np.repeat(first, np.diff(np.r_[first, len(order)]))
    taken = np.zeros(len(order), bool)
    taken[order[rank < most]] = True
    return taken


def _labels(rows: pa.Table, positive_label: str | None) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Whether each row has a label, and whether that is the positive one."""
    labels = rows["@label"] if "@label" in rows.column_names else pa.chunked_array([pa.nulls(rows.num_rows, pa.string())])
    return labels.is_valid(), pc.fill_null(pc.equal(labels, "1" if positive_label is None else positive_label), False)


def _precision(n: int, hits: int) -> Measured:
    if not n:
        return nothing("no prediction that the budget pays for has a label")
    scarce = too_few(n, "labelled prediction", MINIMUM_LABELLED, of="within the alert budget")
    return Measured(value=hits / n, interval=wilson(hits, n), n=n, rows=n, scarce=scarce)
