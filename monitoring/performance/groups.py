"""Rows in groups – the windows of a run, or the segments of a window – whose metrics are computed in one pass. Pure."""

from __future__ import annotations

__all__ = ["Groups"]

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Groups:
    """`rows[edges[g]:edges[g + 1]]` are the row numbers of group g, rising. A row may be in several groups, or in none.

    What is computed per row of a group has one entry for each of `rows`, in their order.
    """

    rows: Codes
    edges: Codes

    @classmethod
    def whole(cls, n: int) -> Groups:
        """One group of all n rows."""
        return cls(np.arange(n), np.array([0, n]))

    @classmethod
    def of_masks(cls, masks: Sequence[Mask]) -> Groups:
        """A group per mask, of the rows where it is true."""
        rows = [np.flatnonzero(mask) for mask in masks]
        return cls(np.concatenate([np.empty(0, np.intp), *rows]), np.cumsum([0, *(len(some) for some in rows)]))

    @classmethod
    def of_codes(cls, code: npt.NDArray[np.int64], many: int) -> Groups:
        """`many` groups from the number of each row's group."""
        rows = np.argsort(code, kind="stable")
        return cls(rows, np.searchsorted(code[rows], np.arange(many + 1)))

    def __len__(self) -> int:
        return len(self.edges) - 1

    @cached_property
    def sizes(self) -> Codes:
        """Rows per group."""
        return np.diff(self.edges)

    @cached_property
    def of(self) -> Codes:
        """The group of each entry."""
        return np.repeat(np.arange(len(self)), self.sizes)

    def where(self, keep: Mask) -> Groups:
        """The same groups, of only those rows of the table where `keep` is true."""
        inside = keep[self.rows]
        return Groups(self.rows[inside], np.r_[0, np.cumsum(inside)][self.edges])

    def within(self, keep: Mask) -> Groups:
        """The entries where `keep` (one per entry) is true, as groups of entries of this one."""
        return Groups(np.flatnonzero(keep), np.r_[0, np.cumsum(keep)][self.edges])

    def sums(self, values: npt.NDArray[np.generic]) -> Floats:
        """The sum per group of one value per entry (axis 0); 0 for a group without rows."""
        found = np.zeros((len(self), *values.shape[1:]))
        filled = self.sizes > 0
        if filled.any():
            found[filled] = np.add.reduceat(values.astype(float, copy=False), self.edges[:-1][filled], axis=0)
        return found

    def means(self, values: npt.NDArray[np.generic], weight: Floats | None = None) -> Floats:
        """The mean per group, weighted where weights are given; NaN for a group without rows."""
        with np.errstate(invalid="ignore", divide="ignore"):
            if weight is None:
                return np.asarray(self.sums(values) / self.sizes)
            return np.asarray(self.sums(values.astype(float, copy=False) * weight) / self.sums(weight))

    def counts(self, codes: Codes, many: int, weight: Floats | None = None) -> Floats:
        """How many entries of each group have each code below `many`, or how much weight: one row per group."""
        return np.bincount(self.of * many + codes, weights=weight, minlength=len(self) * many).reshape(len(self), many).astype(float)

    def running(self, values: Floats) -> Floats:
        """The sum of each group's entries before an entry; one more at the end of each group would be its `sums`.

        Group by group, so that no group's digits depend on those before it. Entry i of group g stands at i + g.
        """
        found = np.zeros(len(values) + len(self))
        for group, (first, last) in enumerate(zip(self.edges[:-1], self.edges[1:], strict=True)):
            np.cumsum(values[first:last], out=found[first + group + 1 : last + group + 1])
        return found

    def order(self, values: Floats) -> Codes:
        """The entries sorted by value within each group, equal ones in their order."""
        found = np.empty(len(values), np.intp)
        for first, last in zip(self.edges[:-1], self.edges[1:], strict=True):
            found[first:last] = first + np.argsort(values[first:last], kind="stable")
        return found
