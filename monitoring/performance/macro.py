"""Precision, recall and F1 as means over classes, with their variance by the delta method over the cells of the confusion matrix. Pure."""

from __future__ import annotations

__all__ = ["MACRO", "macro"]

import numpy as np
import numpy.typing as npt

from .cells import Cells, Mask
from .intervals import Floats

MACRO = ("precision", "recall", "f1")


def macro(metric: str, cells: Cells, occurring: npt.NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Of each group the mean over the classes among labels or decisions – a class without a decision counts as precision 0, as in
    scikit-learn –, and the mean and its variance with one row right and one wrong more per class, so that a class without an error has a
    spread. `occurring` are how many classes there are in a group.

    Wilson's interval of as many rows as give a share of this size that variance (the idea of Korn & Graubard 1998) holds near 1, where
    adding up the classes' own intervals does not (88 to 93 % for 95 %, docs/intervals.md).
    """
    hits, wrong, missed = (part.weight for part in (cells.hits, cells.wrong, cells.missed))
    there = (hits + wrong + missed) > 0
    value = _mean_of(_per_class(metric, hits, hits + wrong, hits + missed), there)
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = (cells.hits + cells.missed).weight.sum(axis=1) / (cells.hits + cells.missed).squares.sum(axis=1)
    smoothed = _Smoothed(cells, there, np.nan_to_num(scale), 1 / np.maximum(occurring - 1, 1))
    return value, _mean_of(_per_class(metric, smoothed.hits, smoothed.decided, smoothed.actual), there), smoothed.variance(metric)


class _Smoothed:
    """The matrices times `scale`, with 1 more in each diagonal cell of classes that are there, and `more` in the cells between them."""

    def __init__(self, cells: Cells, there: Mask, scale: Floats, more: Floats) -> None:
        self.there, self._scale, self._more, self._errors = there, scale[:, None], more, cells.errors()
        self.many = there.sum(axis=1)
        added = there * (1 + more * (self.many - 1))[:, None]
        self.hits = cells.hits.weight * self._scale + there
        self.decided = (cells.hits + cells.wrong).weight * self._scale + added
        self.actual = (cells.hits + cells.missed).weight * self._scale + added

    def variance(self, metric: str) -> Floats:
        """The variance of the mean over classes by the delta method: an error lowers two classes' F1 at once.

        A row in the cell (i, j) moves the mean by `own` of i where i = j, less `of_decided` of j and `of_actual` of i. Sums over cells are
        of three parts: the diagonal, the errors that there are, and `more` in every cell off the diagonal, which has a closed form.
        """
        under = {"precision": self.decided, "recall": self.actual, "f1": self.decided + self.actual}[metric]
        each = np.divide(1.0, under, out=np.zeros_like(under), where=under > 0) / np.maximum(self.many, 1)[:, None]
        shares = _per_class(metric, self.hits, self.decided, self.actual) * each
        of_decided = shares if metric != "recall" else np.zeros_like(shares)
        of_actual = shares if metric != "precision" else np.zeros_like(shares)
        own = (2 if metric == "f1" else 1) * each - of_decided - of_actual
        group, label, decision, weight = self._errors
        moved, weighed = -of_decided[group, decision] - of_actual[group, label], weight * self._scale[group, 0]
        total = of_decided.sum(axis=1) + of_actual.sum(axis=1)

        def by_group(values: Floats) -> Floats:
            return np.bincount(group, weights=values, minlength=len(self.there)).astype(float)

        with np.errstate(invalid="ignore", divide="ignore"):
            mass = self.decided.sum(axis=1)
            centre = ((self.hits * own).sum(axis=1) + by_group(weighed * moved) - self._more * (self.many - 1) * total) / mass
        at_hits, at_errors = (self.hits * (own - centre[:, None]) ** 2).sum(axis=1), by_group(weighed * (moved - centre[group]) ** 2)
        return np.asarray(at_hits + at_errors + self._off_diagonal(of_decided, of_actual, centre))

    def _off_diagonal(self, of_decided: Floats, of_actual: Floats, centre: Floats) -> Floats:
        """`more` times the sum of (of_decided[j] + of_actual[i] + centre)² over all pairs i ≠ j of classes that are there."""
        first, second, many = of_decided.sum(axis=1), of_actual.sum(axis=1), self.many
        squares = many * ((of_decided**2).sum(axis=1) + (of_actual**2).sum(axis=1)) + 2 * first * second
        pairs = squares + 2 * many * centre * (first + second) + (many * centre) ** 2
        diagonal = (self.there * (of_decided + of_actual + centre[:, None]) ** 2).sum(axis=1)
        return np.asarray(self._more * np.maximum(pairs - diagonal, 0.0))


def _mean_of(values: Floats, there: Mask) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.asarray((values * there).sum(axis=1) / there.sum(axis=1))


def _per_class(metric: str, hits: Floats, decided: Floats, actual: Floats) -> Floats:
    top, under = {"precision": (hits, decided), "recall": (hits, actual), "f1": (2 * hits, decided + actual)}[metric]
    return np.asarray(np.divide(top, under, out=np.zeros_like(top), where=under > 0))
