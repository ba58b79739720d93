"""Many verdicts at once: which of a window's comparisons are named so that chance alone seldom names any. Pure.

Whoever judges many comparisons together (the features of a window, or features × segments) passes them all to one `decide`.
"""

from __future__ import annotations

__all__ = ["Decision", "budget", "column_level", "decide", "rungs"]

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]

EACH = 0.001  # of one comparison without drift, where the model's file sets no budget


@dataclass(frozen=True, slots=True)
class Decision:
    """What came out for each comparison, in the order given.

    `named` says which are drift. `adjusted` is each p-value corrected for the number of comparisons (the smallest share at which it would
    be named). `level` is the p-value that a comparison had to reach. `share` is the share of families without any drift – windows, say –
    in which at least one comparison is named.
    """

    named: tuple[bool, ...]
    adjusted: tuple[float, ...]
    level: float
    share: float


def budget(share: float | None, comparisons: int) -> float:
    """The share of windows without drift that may name anything: as given, or 1 - 0.999^comparisons where nothing is said.

    The default is what as many independent comparisons at one in a thousand each would come to.
    """
    return -float(np.expm1(max(comparisons, 1) * np.log1p(-EACH))) if share is None else share


def rungs(share: float, comparisons: int) -> Floats:
    """The p-values to reach: the i-th says that i comparisons must reach it to be named together (Benjamini & Hochberg 1995)."""
    return share * np.arange(1, comparisons + 1) / max(comparisons, 1)


def column_level(share: float | None, comparisons: int) -> float:
    """The p-value that one comparison must reach were it the only one of its family: the first rung of the budget."""
    return budget(share, comparisons) / max(comparisons, 1)


def decide(p_values: Sequence[float | None], effects: Sequence[float | None] | None = None,
           minimum_effects: Sequence[float] | None = None, *, share: float) -> Decision:
    """Name comparisons by Benjamini & Hochberg's (1995) step-up rule, so that without drift at most `share` of windows name any.

    One entry per comparison. A p-value of None could not be computed; it counts as 1, so that failures never make others look surer. A
    comparison whose effect is known and below its minimum counts as 1 as well: it cannot be named, and p-values that only ever grow
    keep the promise. Among several truly drifted ones the expected share of wrongly named ones is at most `share`. Exact for
    independent comparisons and cautious for positively dependent ones (Benjamini & Yekutieli 2001). ValueError for a p-value outside
    [0, 1] or NaN.
    """
    p = np.array([1.0 if value is None else value for value in p_values], np.float64)
    if np.isnan(p).any() or ((p < 0) | (p > 1)).any():
        raise ValueError("p-values must lie between 0 and 1.")
    if effects is not None and minimum_effects is not None:
        small = [e is not None and e < least for e, least in zip(effects, minimum_effects, strict=True)]
        p = np.where(small, 1.0, p)
    if not len(p):
        return Decision((), (), share, share)
    ladder, ordered = rungs(share, len(p)), np.sort(p)
    reached = np.flatnonzero(ordered <= ladder)
    level = float(ladder[reached[-1] if len(reached) else 0])
    adjusted = stats.false_discovery_control(p, method="bh")
    return Decision(tuple((p <= level).tolist()), tuple(adjusted.tolist()), level, share)
