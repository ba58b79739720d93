"""Rows into numbers that a linear method can compare: each feature on one scale, missing values as a fact of their own.

The scale is that of both samples together. Fitted on the reference alone it would be a little better for the reference's rows than for
others – the categories that happen to be frequent there, say – and name windows without drift: 40 % instead of 10 %, measured.
"""

from __future__ import annotations

__all__ = ["MOST_ROWS", "Columns", "Encoder", "columns_of", "joined", "sampled", "taken"]

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.special import ndtri

from monitoring.drift import comparable

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Columns = Mapping[str, pa.Array]
"""Features by name in the shape of `drift.comparable`: doubles or strings, null where there is nothing to compare."""

MOST_ROWS = 3_000  # of a side: chance then reaches an AUC of 0.523 in 0.1 % of draws, below the minimum effect of 0.55
_SEED = 20_261_126
_MOST_CATEGORIES = 12  # of a feature; rarer ones and unseen ones are one more together
_RARE = 0.005  # share of the rows below which a category is rare
_MOST_PAIRS = 300  # products of two columns
_FINE = 0.5  # weight of powers and products beside plain columns: many fine facts must not drown a plain one
_NARROWEST = 0.05  # the least standard deviation that a column is divided by, so that a rare fact does not outweigh all others


def sampled(table: pa.Table, most: int = MOST_ROWS) -> pa.Table:
    """At most `most` rows, in order; which ones depends on the number of rows alone."""
    if table.num_rows <= most:
        return table
    rows = np.random.default_rng([_SEED, table.num_rows]).choice(table.num_rows, most, replace=False)
    return table.take(pa.array(np.sort(rows)))


def columns_of(table: pa.Table, kinds: Mapping[str, str]) -> dict[str, pa.Array]:
    """The features of a table in the shape of `Store.frame`."""
    types = {name: pa.string() if kind == "categorical" else pa.float64() for name, kind in kinds.items()}
    return {name: comparable(table, name, kind).cast(types[name]) for name, kind in kinds.items()}


def joined(first: Columns, second: Columns) -> dict[str, pa.Array]:
    """The rows of both, those of the first one first."""
    return {name: pa.concat_arrays([values, second[name]]) for name, values in first.items()}


def taken(columns: Columns, rows: Ints) -> dict[str, pa.Array]:
    """Those rows."""
    return {name: values.take(pa.array(rows)) for name, values in columns.items()}


@dataclass(frozen=True, slots=True)
class Numbers:
    """How a numerical feature is encoded: the normal score of its mid-rank (van der Waerden 1952)."""

    values: Floats  # distinct values, sorted
    scores: Floats  # the normal score of each

    @classmethod
    def of(cls, present: Floats) -> Numbers:
        values, counts = np.unique(present, return_counts=True)
        ranks = np.cumsum(counts) - counts / 2
        return cls(values, ndtri(ranks / max(len(present), 1)))

    def columns(self, values: pa.Array) -> Floats:
        found = values.to_numpy(zero_copy_only=False).astype(np.float64)
        there = np.isfinite(found)
        if not len(self.values):
            return np.zeros((len(found), 1))
        return np.where(there, np.interp(np.where(there, found, 0.0), self.values, self.scores), 0.0)[:, None]


@dataclass(frozen=True, slots=True)
class Categories:
    """How a categorical feature is encoded: a column for each frequent category and one for all others."""

    frequent: tuple[str, ...]

    @classmethod
    def of(cls, present: pa.Array) -> Categories:
        counts = sorted(((pair["counts"], str(pair["values"])) for pair in present.value_counts().to_pylist()), key=lambda p: (-p[0], p[1]))
        return cls(tuple(name for count, name in counts[:_MOST_CATEGORIES] if count >= _RARE * len(present)))

    def columns(self, values: pa.Array) -> Floats:
        place = {name: number for number, name in enumerate(self.frequent)}
        codes = values.dictionary_encode()
        of_code = np.array([place.get(name, len(place)) for name in codes.dictionary.to_pylist()] + [-1], dtype=np.int64)
        found = of_code[codes.indices.fill_null(len(codes.dictionary)).to_numpy(zero_copy_only=False)]
        return np.asarray(found[:, None] == np.arange(len(place) + 1), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Encoder:
    """Fitted on the rows that are compared: features → matrices of doubles, none of them NaN.

    `names` are the features; `owner` says which of them each column of `plain` belongs to; `pairs` are the columns multiplied.
    """

    names: tuple[str, ...]
    rules: tuple[Numbers | Categories, ...]
    owner: Ints
    missing: npt.NDArray[np.bool_]  # which columns of `plain` say that a value is missing
    centre: Floats
    scale: Floats
    pairs: Ints  # (pairs, 2)
    products: tuple[Floats, Floats]  # means and deviations of the products

    @classmethod
    def fit(cls, columns: Columns) -> Encoder:
        """From all rows that are compared, of both samples."""
        rules, owner, missing, blocks = [_rule(values) for values in columns.values()], list[int](), list[bool](), []
        numerical = np.array([isinstance(rule, Numbers) for rule in rules])
        for place, (rule, values) in enumerate(zip(rules, columns.values(), strict=True)):
            block = _block(rule, values)
            blocks.append(block)
            owner += [place] * block.shape[1]
            missing += [False] * (block.shape[1] - 1) + [True]
        raw = np.hstack(blocks)
        centre, scale = raw.mean(axis=0), np.maximum(raw.std(axis=0), _NARROWEST)
        plain = (raw - centre) / scale
        found = np.array(owner)
        pairs = _pairs(plain, found, np.array(missing), numerical[owner])
        product = plain[:, pairs[:, 0]] * plain[:, pairs[:, 1]]
        moments = product.mean(axis=0), np.maximum(product.std(axis=0), _NARROWEST)
        return cls(tuple(columns), tuple(rules), found, np.array(missing), centre, scale, pairs, moments)

    def plain(self, columns: Columns) -> Floats:
        """One row per row, one column per number, category and fact of being missing; centred and scaled."""
        raw = np.hstack([_block(rule, columns[name]) for name, rule in zip(self.names, self.rules, strict=True)])
        return np.asarray((raw - self.centre) / self.scale)

    def balanced(self, plain: Floats) -> Floats:
        """The columns of `plain` without the facts of being missing, those of one feature shrunken so that each feature has weight 1."""
        kept = ~self.missing
        columns = np.bincount(self.owner[kept], minlength=len(self.names))[self.owner]
        return np.asarray((plain / np.sqrt(columns))[:, kept])

    def rich(self, plain: Floats) -> Floats:
        """The columns of `plain`, powers of the numbers up to the fourth (Hermite polynomials) and the products of pairs."""
        z = plain[:, self._numbers()]
        square = z * z  # multiplied out: a power costs fifty times as much
        curves = [(square - 1) / np.sqrt(2), (square - 3) * z / np.sqrt(6), ((square - 6) * square + 3) / np.sqrt(24)]
        mean, deviation = self.products
        product = (plain[:, self.pairs[:, 0]] * plain[:, self.pairs[:, 1]] - mean) / deviation
        return np.hstack([plain, _FINE * np.hstack([*curves, product])])

    def owners(self) -> tuple[Ints, Ints]:
        """For each column of `rich` the features it is made of: the same one twice, or two."""
        alone = np.concatenate([self.owner, np.tile(self.owner[self._numbers()], 3)])
        return np.concatenate([alone, self.owner[self.pairs[:, 0]]]), np.concatenate([alone, self.owner[self.pairs[:, 1]]])

    def _numbers(self) -> npt.NDArray[np.bool_]:
        numerical = np.array([isinstance(rule, Numbers) for rule in self.rules])
        return np.asarray(numerical[self.owner] & ~self.missing)


def _rule(values: pa.Array) -> Numbers | Categories:
    present = values.drop_null()
    return Categories.of(present) if pa.types.is_string(present.type) else Numbers.of(present.to_numpy(zero_copy_only=False))


def _block(rule: Numbers | Categories, values: pa.Array) -> Floats:
    """A feature's own columns, and last whether it is missing."""
    return np.hstack([rule.columns(values), np.asarray(values.is_null().to_numpy(zero_copy_only=False), dtype=np.float64)[:, None]])


def _pairs(plain: Floats, owner: Ints, missing: npt.NDArray[np.bool_], numerical: npt.NDArray[np.bool_]) -> Ints:
    """Pairs of columns of different features: of two numbers first, then those that depend on each other most."""
    columns = np.flatnonzero(~missing)
    with np.errstate(invalid="ignore", divide="ignore"):
        related = np.nan_to_num(np.atleast_2d(np.corrcoef(plain, rowvar=False)))
    ranked: list[tuple[Any, ...]] = [
        (-int(numerical[a]) - int(numerical[b]), -round(abs(float(related[a, b])), 9), int(a), int(b))
        for a, b in combinations(columns, 2) if owner[a] != owner[b]
    ]
    return np.array([pair[2:] for pair in sorted(ranked)[:_MOST_PAIRS]], dtype=np.int64).reshape(-1, 2)
