"""Confusion matrices of many groups by their sums: what is right, wrongly decided and missed of each class. Empty cells cost nothing."""

from __future__ import annotations

__all__ = ["Cells", "Part"]

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .intervals import Floats
from .outcomes import ClassOutcomes

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Part:
    """What some cells of each group's matrix hold: rows, their weight, and the sum of its squares. The first axis is the group."""

    rows: Floats
    weight: Floats
    squares: Floats

    def __add__(self, other: Part) -> Part:
        return Part(self.rows + other.rows, self.weight + other.weight, self.squares + other.squares)

    def summed(self) -> Part:
        """Of all classes together."""
        return Part(self.rows.sum(axis=1), self.weight.sum(axis=1), self.squares.sum(axis=1))

    def of(self, code: int) -> Part:
        """Of one class."""
        return Part(self.rows[:, code], self.weight[:, code], self.squares[:, code])

    def flat(self) -> Part:
        """Every class of every group after the other."""
        return Part(self.rows.ravel(), self.weight.ravel(), self.squares.ravel())


class Cells:
    """The matrices of the groups of `outcomes.decided`. `hits`, `wrong` and `missed` have a column per class: rows of the class that were
    decided so, others that were decided so, and rows of the class that were decided otherwise. Nothing is as large as classes × classes.
    """

    def __init__(self, outcomes: ClassOutcomes) -> None:
        self._groups, self._label, self._decision, self._weight = outcomes.decided, outcomes.label, outcomes.decision, outcomes.weight
        self.many = len(outcomes.classes)
        right = outcomes.label == outcomes.decision
        self.hits = self._per_class(outcomes.label, right)
        self.wrong, self.missed = self._per_class(outcomes.decision, ~right), self._per_class(outcomes.label, ~right)
        self.weighted = np.zeros(len(outcomes.decided), bool)
        if outcomes.weight is not None:
            self.weighted = outcomes.decided.sums(outcomes.weight != 1) > 0

    def where(self, entries: Mask) -> Part:
        """The cells of the entries for which this is true."""
        return self._per_class(np.zeros(len(entries), np.intp), entries, 1).summed()

    def label_is(self, code: int) -> Mask:
        """Entries of this actual class."""
        return np.asarray(self._label == code)

    def decision_is(self, code: int) -> Mask:
        """Entries that were decided so."""
        return np.asarray(self._decision == code)

    def errors(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], Floats]:
        """The cells off the diagonal that hold rows: group, actual class, decided class, weight; in this order."""
        wrong = self._label != self._decision
        key = (self._groups.of[wrong].astype(np.int64) * self.many + self._label[wrong]) * self.many + self._decision[wrong]
        cells, place = np.unique(key, return_inverse=True)
        weight = np.bincount(place, weights=None if self._weight is None else self._weight[wrong], minlength=len(cells))
        rest, decision = np.divmod(cells, max(self.many, 1))
        group, label = np.divmod(rest, max(self.many, 1))
        return group, label, decision, weight.astype(float)

    def _per_class(self, codes: npt.NDArray[np.intp], counted: Mask, many: int | None = None) -> Part:
        size = self.many if many is None else many
        rows = self._groups.counts(codes, size, counted.astype(float))
        if self._weight is None:
            return Part(rows, rows, rows)
        return Part(rows, *(self._groups.counts(codes, size, counted * self._weight**power) for power in (1, 2)))
