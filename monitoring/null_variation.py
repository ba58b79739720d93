"""How the reference's own windows differ from each other beyond chance, as something that samples can be drawn with. Pure."""

from __future__ import annotations

__all__ = ["SQUARED", "Varying", "vary"]

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitoring.drift import METHODS
from monitoring.null_cells import Cells, scores_of
from monitoring.own_windows import OwnWindows

Floats = npt.NDArray[np.float64]

_REPEATS = 8  # pairs without differences between windows, per own window
_IN_GROUP = 10  # rows of an average own window in a group of cells, and …
_MOST_GROUPS = 20  # … at most this many groups of numbers
_FARTHEST = 6.0  # a group's share changes by a factor of at most e^6
SQUARED = frozenset({"psi", "kl_div"})  # distances that grow like a variance; p-values' logarithms do so too, all others like its root
_BEYOND = 1.645  # standard errors: windows of independent rows reach that in 5 % of references
_STRETCHES = 5  # consecutive parts of the reference, whose averages tell how far its windows hang together
_LEAST_FREEDOM = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Varying:
    """How much the shares differ between the reference's own windows beyond chance: logs of ratios to their average, one row per window,
    one column per group of cells; `group` is each cell's.

    `effective` is how many independent windows would know the average as well, `own` the windows' scores against the others. `beyond`
    says whether these are further away than independent rows would be by chance.
    """

    deviations: Floats
    group: npt.NDArray[np.int64]
    dispersion: float
    effective: float
    larger_is_drift: bool
    own: Floats
    beyond: bool

    def around(self, shares: Floats, size: int, rng: np.random.Generator, *, over: float = 1.0) -> Floats:
        """Shares of `size` imagined windows, or of averages `over` several of them.

        Normal multipliers give the deviations the covariance that was observed (a multiplier bootstrap, Mammen 1993); their common factor
        makes them Student's t with as many degrees of freedom as the windows leave, because that covariance is itself an estimate. They
        act as factors (exp), so that no share turns negative and a shifted normal column stays normal.
        """
        freedom = max(self.effective - 1, _LEAST_FREEDOM)
        wide = np.sqrt(freedom / rng.chisquare(freedom, size=(size, 1)) / ((len(self.deviations) - 1) * over))
        moved = (rng.normal(size=(size, len(self.deviations))) * wide) @ self.deviations
        weight = shares * np.exp(np.clip(moved, -_FARTHEST, _FARTHEST))[:, self.group]
        return np.asarray(weight / weight.sum(axis=1, keepdims=True))

    def stretched(self, scores: Floats) -> Floats:
        """Scores of pairs without drift, made larger in proportion until they are on average what the own windows score."""
        grown = _growing(scores, self.larger_is_drift)
        observed = float(_growing(self.own, self.larger_is_drift).mean())
        ratio = observed / max(float(grown.mean()), 1e-300)
        if not ratio > 1:
            return scores
        return np.asarray(scores * ratio if self.larger_is_drift else scores**ratio)


def vary(name: str, cells: Cells, own: OwnWindows, rng: np.random.Generator, *, in_order: bool) -> Varying | None:
    """What the reference's own windows say: each one's score against the others, beside what independent rows would score.

    The ratio of both means is the dispersion (a design effect, Kish 1965, in the score's own geometry). The part of the windows'
    deviations that is more than chance is 1 - 1/dispersion of their variance; None where there is none. Deviations are logs, as they act:
    windows with a long memory have some shares of five times the average.
    """
    counts = own.counts(cells.starts)
    rows, total = counts.sum(axis=1), counts.sum(axis=0)
    observed = scores_of(name, cells, total - counts, counts, _sizes(rows))
    shares = total / total.sum()
    sizes = np.tile(rows.astype(np.int64), _REPEATS)
    others = rng.multinomial(int(total.sum()) - sizes, shares).astype(np.float64)
    expected = scores_of(name, cells, others, rng.multinomial(sizes, shares).astype(np.float64), _sizes(rows))
    dispersion = _ratio(name, observed, expected)
    if dispersion <= 1:
        return None
    known = _groups(shares, _IN_GROUP / rows.mean(), in_order=in_order)
    sums = np.zeros((len(shares), int(known.max()) + 1))
    sums[np.arange(len(shares)), known] = 1
    usual = shares @ sums
    relative = np.log((counts @ sums + 0.5) / (rows[:, None] * usual + 0.5))
    relative -= relative.mean(axis=0)
    effective = _effective(counts @ sums, usual)
    deviations = relative * np.sqrt((1 - 1 / dispersion) * rows / rows.mean())[:, None]
    missed = np.full(len(cells.shares) - len(known), known[-1])  # categories that the reference missed are rare like the last group's
    larger = METHODS[name].larger_is_drift
    return Varying(deviations, np.concatenate([known, missed]), dispersion, effective, larger, observed,
                   _beyond(_growing(observed, larger), _growing(expected, larger)))


def _beyond(observed: Floats, expected: Floats) -> bool:
    """Whether the mean of the observed scores is more than chance (a z-test, with the spread that independent rows have)."""
    return bool(observed.mean() - expected.mean() > _BEYOND * expected.std(ddof=1) / np.sqrt(len(observed)))


def _effective(counts: Floats, usual: Floats) -> float:
    """How many independent windows would tell the average as well, at most as many as there are (batch means, Conway 1963)."""
    whole, parts = len(counts), min(_STRETCHES, len(counts) // 2)
    known = usual > 0
    relative = counts[:, known] / counts.sum(axis=1, keepdims=True) - usual[known]
    batches = np.array([part.mean(axis=0) for part in np.array_split(relative, parts)])
    single = np.sum(relative.var(axis=0, ddof=1))
    inflation = whole / parts * np.sum(batches.var(axis=0, ddof=1)) / single if single > 0 else 1.0
    return float(whole / max(inflation, 1.0))


def _growing(scores: Floats, larger_is_drift: bool) -> Floats:
    return scores if larger_is_drift else np.asarray(-np.log(np.maximum(scores, 1e-300)))


def _groups(shares: Floats, least: float, *, in_order: bool) -> npt.NDArray[np.int64]:
    """A group for each cell, none with much less than the share `least`, so that its deviations are more than noise.

    Neighbours are joined where cells are in order of numbers; of categories the rare ones are joined, and come last.
    """
    if in_order:
        return np.asarray(np.minimum((np.cumsum(shares) - shares / 2) / max(least, 1 / _MOST_GROUPS), _MOST_GROUPS - 1), np.int64)
    common = shares >= least
    return np.where(common, np.cumsum(common) - 1, np.count_nonzero(common)).astype(np.int64)


def _sizes(rows: Floats) -> tuple[int, int]:
    return int(rows.sum() - rows.mean()), int(rows.mean())


def _ratio(name: str, observed: Floats, expected: Floats) -> float:
    observed, expected = (_growing(scores, METHODS[name].larger_is_drift) for scores in (observed, expected))
    if not expected.mean() > 0:
        return 1.0
    ratio = float(observed.mean() / expected.mean())
    return ratio if name in SQUARED or not METHODS[name].larger_is_drift else ratio**2


