"""What slices are made of: values of categories and segments, and bins of numbers, cut where the reference's quintiles lie. Pure."""

from __future__ import annotations

__all__ = ["MOST_ATOMS", "Atoms", "atoms"]

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from monitoring.drift import comparable

from .slices import coded

Masks = npt.NDArray[np.bool_]
MOST_ATOMS = 150  # their pairs are 11,000; the first columns of the description win, segments before features
_VALUES = 10  # of each category, by rows
_SHARES = (0.2, 0.4, 0.6, 0.8)


@dataclass(frozen=True, slots=True)
class _Column:
    """A category with its values, or a number with the inner edges of its bins."""

    name: str
    values: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()

    def labels(self) -> list[str]:
        if not self.edges:
            return list(self.values)
        inner = [f"{low:.4g} to {high:.4g}" for low, high in pairwise(self.edges)]
        return [f"below {self.edges[0]:.4g}", *inner, f"{self.edges[-1]:.4g} or more"]

    def masks(self, table: pa.Table) -> Masks:
        """One column per label; a missing value is in none."""
        if self.edges:
            numbers = _numbers(table, self.name)
            bins = np.where(np.isfinite(numbers), np.searchsorted(self.edges, numbers, "right"), -1)
            return np.asarray(bins[:, None] == np.arange(len(self.edges) + 1)[None])
        if self.name not in table.column_names:
            return np.zeros((table.num_rows, len(self.values)), bool)
        codes, names = coded(table, self.name)
        places = np.array([names.index(value) if value in names else -2 for value in self.values], np.int64)
        return np.asarray(codes[:, None] == places[None])


@dataclass(frozen=True, slots=True)
class Atoms:
    """Conditions on single columns; two of different columns make a slice too."""

    columns: tuple[_Column, ...]

    @property
    def conditions(self) -> list[tuple[str, str]]:
        """(column, value or range in words) of each atom."""
        return [(column.name, label) for column in self.columns for label in column.labels()]

    def to_list(self) -> list[dict[str, Any]]:
        """JSON-able; `from_list` reads it back."""
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_list(cls, told: Sequence[Mapping[str, Any]]) -> Atoms:
        """What `to_list` told."""
        return cls(tuple(_Column(one["name"], tuple(one["values"]), tuple(one["edges"])) for one in told))

    def masks(self, table: pa.Table) -> Masks:
        """Which row is in which atom: one row per row, one column per atom."""
        return np.concatenate([np.zeros((table.num_rows, 0), bool), *(column.masks(table) for column in self.columns)], axis=1)


def atoms(table: pa.Table, *, segments: Sequence[str], kinds: dict[str, str]) -> Atoms:
    """The atoms of a reference (or of a window without one): of the segments, then of features by `kinds`; at most 150.

    Bins are half-open, `20 to 30` holds 20 and not 30. Text and datetimes have none.
    """
    found: list[_Column] = []
    total = 0
    for name in dict.fromkeys([*segments, *kinds]):
        kind = "numerical" if kinds.get(name) == "numerical" and name not in segments else "categorical"
        if kinds.get(name) in {"text", "datetime"} or name not in table.column_names:
            continue
        made = _bins(table, name) if kind == "numerical" else _categories(table, name)
        size = len(made.labels()) if made.edges or made.values else 0
        if size > 1 and total + size <= MOST_ATOMS:
            found.append(made)
            total += size
    return Atoms(tuple(found))


def _categories(table: pa.Table, name: str) -> _Column:
    counted = [(pair["counts"], str(pair["values"])) for pair in table[name].drop_null().value_counts().to_pylist()]
    return _Column(name, values=tuple(value for _, value in sorted(counted, key=lambda one: (-one[0], one[1]))[:_VALUES]))


def _bins(table: pa.Table, name: str) -> _Column:
    numbers = _numbers(table, name)
    numbers = numbers[np.isfinite(numbers)]
    edges = np.unique(np.quantile(numbers, _SHARES, method="higher")) if len(numbers) else np.empty(0)
    return _Column(name, edges=tuple(float(edge) for edge in edges if edge > numbers.min()))


def _numbers(table: pa.Table, name: str) -> npt.NDArray[np.float64]:
    """NaN where there is none."""
    values = comparable(table, name, "numerical")
    return np.asarray(pc.fill_null(values, float("nan")).to_numpy(zero_copy_only=False), float)
