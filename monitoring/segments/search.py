"""A search for slices in which a model has become worse than elsewhere: found on one half of the rows, confirmed on the other. Pure.

Hundreds or thousands of slices are tried, so that some always look bad. What looks bad on one half is therefore tried once more on the
other, which had no part in choosing it; only what is confirmed there, over several ways to halve the rows, is a finding.
"""

from __future__ import annotations

__all__ = ["MINIMUM_ROWS", "MINIMUM_SLICE", "Finding", "Half", "Searched", "Totals", "search", "totals"]

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
Masks = npt.NDArray[np.bool_]

MINIMUM_ROWS = 100  # labelled rows of a window: halves of fifty
MINIMUM_SLICE = 25  # rows of a slice in each half, of the window and of the reference
MOST_TRIED_AGAIN = 5  # slices that go on to the other half
MINIMUM_GROWTH = 0.05  # five percentage points of a rate of errors; of other losses this part of the mean loss
_LOOKS_BAD = 2.5  # standard errors: lenient, because what merely looks bad costs nothing but a place among those tried again
_SIMPLER = 1.4  # a pair must be this much surer than both of its parts, which otherwise say it in fewer words
_SAME = 0.5  # of the rows in either of two slices: beyond, they are one finding


@dataclass(frozen=True, slots=True)
class Totals:
    """Rows, sums and squared sums of a loss: `slices` per pair of atoms (the diagonal: single atoms), `whole` over all rows."""

    n: Floats
    loss: Floats
    squared: Floats
    whole: tuple[float, float, float]

    def __sub__(self, other: Totals) -> Totals:
        """The sums over the rows that `other` is not over."""
        whole = tuple(a - b for a, b in zip(self.whole, other.whole, strict=True))
        return Totals(self.n - other.n, self.loss - other.loss, self.squared - other.squared, (whole[0], whole[1], whole[2]))

    def means(self, *, share: bool) -> tuple[Floats, Floats]:
        """Mean loss in the slice minus that outside it, and the squared standard error of that difference.

        Shares are steadied by a success and a failure (Agresti & Caffo 2000).
        """
        inside = _moments(self.n, self.loss, self.squared, share)
        outside = _moments(self.whole[0] - self.n, self.whole[1] - self.loss, self.whole[2] - self.squared, share)
        return inside[0] - outside[0], inside[1] + outside[1]

    def gaps(self) -> Floats:
        """The differences of the means as they are."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.loss / self.n - (self.whole[1] - self.loss) / (self.whole[0] - self.n))


@dataclass(frozen=True, slots=True)
class Half:
    """One half of the window, and of the reference where there is one with labels."""

    window: Totals
    reference: Totals | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A confirmed slice: places of its atoms (one or two), and what the confirming half of the middlemost split says of it.

    `gap` is its mean loss minus that of all other rows, `usual` the same of the reference (None without one); `n` its rows there.
    """

    atoms: tuple[int, ...]
    gap: float
    error: float
    usual: float | None
    n: int
    p_value: float
    loss: float
    rest: float
    n_reference: int | None


@dataclass(frozen=True, slots=True)
class Searched:
    """What was found among `tried` slices, of which `again` were tried once more on some half."""

    findings: tuple[Finding, ...]
    tried: int
    again: int


def totals(masks: Masks, loss: Floats) -> Totals:
    """Sums over all pairs of atoms at once; one row of `masks` and `loss` per row with a label."""
    inside = masks.astype(np.float64)
    weighted = inside.T * loss
    return Totals(inside.T @ inside, weighted @ inside, (weighted * loss) @ inside,
                  (float(len(loss)), float(loss.sum()), float((loss**2).sum())))  # fmt: skip


def search(splits: Sequence[tuple[Half, Half]], columns: npt.NDArray[np.int64], *, share: bool, budget: float) -> Searched:
    """Slices that are worse, compared with all other rows, than the reference shows for them; without one, worse than all other rows.

    `columns` says which column each atom is of, `share` whether the loss is 0 or 1. Each half of each split is once the one that finds and
    once the one that confirms, where a slice's p-value counts those tried before it, and is 1 if it was not tried at all. Twice the
    median of those p-values is the slice's own (Meinshausen, Meier & Bühlmann 2009, J. Am. Stat. Assoc. 104), so that no luck with one
    split decides. Without a bad slice at most `budget` of windows have a finding.
    """
    tried: dict[tuple[int, int], list[Finding]] = {}
    turns = [turn for halves in splits for turn in (halves, halves[::-1])]
    may = np.triu(np.all([_large(half) for halves in splits for half in halves], axis=0) & _different(columns))
    least = _minimum(splits[0], share)
    for first, second in turns:
        sure, growth = _evidence(first, share)
        bad = [(int(i), int(j)) for i, j in np.argwhere(may & (sure > _LOOKS_BAD) & (growth >= least))]
        for one in _tested(second, _chosen(bad, sure, first.window.n), least, share):
            tried.setdefault(_place(one), []).append(one)
    middle = (len(turns) + 1) // 2
    found = [sorted(some, key=lambda one: one.p_value)[middle - 1] for some in tried.values() if len(some) >= middle]
    found = [replace(one, p_value=min(1.0, 2 * one.p_value)) for one in found]
    whole = splits[0][0].window.n + splits[0][1].window.n
    kept: list[Finding] = []
    for one in sorted((one for one in found if one.p_value <= budget), key=lambda one: (one.p_value, one.atoms)):
        if not any(_overlaps(_place(one), _place(other), whole) for other in kept):
            kept.append(one)
    return Searched(tuple(kept), int(may.sum()), len(tried))


def _tested(half: Half, chosen: list[tuple[int, int]], least: float, share: bool) -> list[Finding]:
    """The chosen slices on the other half, in their order: a p-value is never below those before it, which is what testing several costs
    when their order was fixed beforehand (Maurer, Hothorn & Lehmacher 1995)."""
    sure, growth = _evidence(half, share)
    p_values = [float(special.ndtr(-sure[place])) if growth[place] >= least else 1.0 for place in chosen]
    return [_finding(half, place, p) for place, p in zip(chosen, accumulate(p_values, max), strict=True)]


def _place(one: Finding) -> tuple[int, int]:
    return one.atoms[0], one.atoms[-1]


def _moments(n: Floats, loss: Floats, squared: Floats, share: bool) -> tuple[Floats, Floats]:
    """Mean and squared standard error."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if share:
            mean = (loss + 1) / (n + 2)
            return mean, mean * (1 - mean) / (n + 2)
        mean = loss / n
        return mean, np.maximum(squared / n - mean**2, 0) / (n - 1)


def _evidence(half: Half, share: bool) -> tuple[Floats, Floats]:
    """How many standard errors the slices are worse, and by how much."""
    gap, error = half.window.means(share=share)
    if half.reference is not None:
        usual, its_error = half.reference.means(share=share)
        gap, error = gap - usual, error + its_error
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(error > 0, gap / np.sqrt(error), 0.0)), gap


def _large(half: Half) -> Masks:
    """Slices with enough rows on both sides of them."""
    parts = [half.window] if half.reference is None else [half.window, half.reference]
    return np.asarray(np.all([(part.n >= MINIMUM_SLICE) & (part.whole[0] - part.n >= MINIMUM_SLICE) for part in parts], axis=0))


def _different(columns: npt.NDArray[np.int64]) -> Masks:
    return np.asarray((columns[:, None] != columns[None]) | np.eye(len(columns), dtype=bool))


def _minimum(halves: tuple[Half, Half], share: bool) -> float:
    usual = [half.reference or half.window for half in halves]
    rows, loss = sum(part.whole[0] for part in usual), sum(part.whole[1] for part in usual)
    return MINIMUM_GROWTH if share else MINIMUM_GROWTH * loss / max(rows, 1.0)


def _chosen(bad: list[tuple[int, int]], sure: Floats, n: Floats) -> list[tuple[int, int]]:
    """The surest few, no two of them the same rows by and large, and a pair only where it says more than its parts.

    There are many more pairs than single conditions, so that the surest of them is surer by chance: p-values count how many there are.
    """
    worth = [(i, j) for i, j in bad if i == j or sure[i, j] > _SIMPLER * max(sure[i, i], sure[j, j])]
    kept: list[tuple[int, int]] = []
    for place in sorted(worth, key=lambda place: (_rank(place, sure), place)):
        if len(kept) < MOST_TRIED_AGAIN and not any(_overlaps(place, other, n) for other in kept):
            kept.append(place)
    return kept


def _rank(place: tuple[int, int], sure: Floats) -> float:
    """The logarithm of the p-value times the number of slices of as many conditions."""
    many = len(sure) if place[0] == place[1] else len(sure) * (len(sure) - 1) / 2
    return float(special.log_ndtr(-sure[place]) + np.log(many))


def _overlaps(a: tuple[int, int], b: tuple[int, int], n: Floats) -> bool:
    """Whether one slice contains the other by its conditions, or both of one condition share most of their rows."""
    if set(a) <= set(b) or set(b) <= set(a):
        return True
    if a[0] == a[1] and b[0] == b[1]:
        return bool(n[a[0], b[0]] > _SAME * (n[a] + n[b] - n[a[0], b[0]]))
    return False


def _finding(half: Half, place: tuple[int, int], p_value: float) -> Finding:
    window, reference = half.window, half.reference
    n, loss = window.n[place], window.loss[place]
    raw = _moments(np.array([n, window.whole[0] - n]), np.array([loss, window.whole[1] - loss]),
                   np.array([window.squared[place], window.whole[2] - window.squared[place]]), False)  # fmt: skip
    return Finding(
        atoms=(place[0],) if place[0] == place[1] else place, gap=float(window.gaps()[place]), error=float(np.sqrt(raw[1].sum())),
        usual=None if reference is None else float(reference.gaps()[place]), n=int(n), p_value=p_value,
        loss=float(raw[0][0]), rest=float(raw[0][1]), n_reference=None if reference is None else int(reference.n[place]),
    )  # fmt: skip
