"""Are the labelled rows like the others? Where they are not, a metric of them says little of all rows. Pure."""

from __future__ import annotations

__all__ = ["MINIMUM_ROWS", "Selection", "compare"]

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy.stats import chi2_contingency, ks_2samp

from monitoring.plain import counted

from .found import MINIMUM_LABELLED

MINIMUM_ROWS = MINIMUM_LABELLED  # on either side
_RARE = 5  # expected rows of a category on either side, below which it is pooled with the other rare ones; Cochran 1954

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """How far labelled and unlabelled rows differ in one column, as the largest difference of shares (0 to 1), and how surely.

    `method` is `ks_distance` (of cumulative shares) or `total_variation` (of categories: the share of rows that would have to change).
    Without a value, `reason` says why. `n` and `n_other` are the labelled and the unlabelled rows that have a value.
    """

    value: float | None = None
    p_value: float | None = None
    method: str = ""
    n: int = 0
    n_other: int = 0
    reason: str = ""


def compare(values: pa.Array, labelled: Mask) -> Selection:
    """One column's usable values (`drift.comparable`: null where there is none) of labelled rows against those of unlabelled ones.

    Kolmogorov and Smirnov's two-sample test, with its large-sample p-value, which is cautious where values repeat; for categories
    Pearson's test of the 2 × k table, rare categories pooled. Both count the sampling error of both sides.
    """
    there = np.asarray(pc.is_valid(values).to_numpy(zero_copy_only=False), bool)
    n, n_other = int((there & labelled).sum()), int((there & ~labelled).sum())
    if min(n, n_other) < MINIMUM_ROWS:
        side = "labelled" if n < n_other else "unlabelled"
        few = f"Only {counted(min(n, n_other), f'{side} row')} with a value; {MINIMUM_ROWS} are needed to compare."
        return Selection(n=n, n_other=n_other, reason=few)
    given, inside = values.filter(pa.array(there)), labelled[there]
    if pa.types.is_floating(values.type):
        numbers = given.to_numpy(zero_copy_only=False)
        found = ks_2samp(numbers[inside], numbers[~inside], method="asymp")
        return Selection(value=float(found.statistic), p_value=float(found.pvalue), method="ks_distance", n=n, n_other=n_other)
    value, p_value = _categories(pd.factorize(given.to_pandas())[0], inside)
    return Selection(value=value, p_value=p_value, method="total_variation", n=n, n_other=n_other)


def _categories(codes: npt.NDArray[np.intp], inside: Mask) -> tuple[float, float]:
    table = np.array([np.bincount(codes[side], minlength=codes.max() + 1) for side in (inside, ~inside)])
    distance = float(np.abs(table[0] / table[0].sum() - table[1] / table[1].sum()).sum() / 2)
    expected = table.sum(axis=0) * table.sum(axis=1).min() / table.sum()
    pooled = np.column_stack([table[:, expected >= _RARE], table[:, expected < _RARE].sum(axis=1)])
    pooled = pooled[:, pooled.sum(axis=0) > 0]
    return distance, float(chi2_contingency(pooled, correction=False).pvalue) if pooled.shape[1] > 1 else 1.0
