"""A null as a distribution: p-values of scores and scores of p-values, finer than the draws are many. Pure."""

from __future__ import annotations

__all__ = ["FINEST", "ItselfNull", "Null", "PairsNull", "pareto"]

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FINEST = 1e-6  # no p-value below it is claimed: the tail's fit is no better than that
_FITTED = 250  # largest draws that the tail is fitted to, and …
_EMPIRICAL = 10  # … with fewer draws beyond a score, the fit says how rare it is (Knijnenburg et al. 2009, Bioinformatics 25)
_SLACK = 1e-9  # relative: our nulls and Evidently's scores agree to this, and a tie with the null is no drift
_LEAST = float(np.finfo(float).tiny)


class Null(Protocol):
    """How often chance alone gives a score at least as extreme as one at hand, and the other way round."""

    def p_value(self, value: float) -> float:
        """The share of windows without drift whose score is at least as extreme; never below `FINEST`."""

    def score_at(self, level: float) -> float | None:
        """The least extreme score whose p-value is at most `level`; None where no score is extreme enough."""


@dataclass(frozen=True, slots=True)
class ItselfNull:
    """The score is a p-value that already counts the sampling error of both samples."""

    def p_value(self, value: float) -> float:
        """The score itself."""
        return min(max(value, FINEST), 1.0)

    def score_at(self, level: float) -> float | None:
        """The level itself."""
        return level


@dataclass(frozen=True)
class PairsNull:
    """Scores of pairs of samples without drift, sorted ascending; `larger_is_drift` as in `DriftMethod`.

    Beyond the ten most extreme draws a generalised Pareto distribution continues them, fitted to the 250 most extreme
    (`pareto`). Scores that are p-values are treated as -log p.
    """

    draws: Floats
    larger_is_drift: bool

    @cached_property
    def _strange(self) -> Floats:
        """The draws as numbers that grow with drift, ascending."""
        if self.larger_is_drift:
            return self.draws
        with np.errstate(divide="ignore"):
            return np.asarray(-np.log(self.draws[::-1]))

    @cached_property
    def _tail(self) -> tuple[float, float, float, float] | None:
        """Where the tail begins, its share, scale and shape; None where the draws have no finite tail."""
        strange = self._strange
        if not np.isfinite(strange[-1]):
            return None
        fitted = min(_FITTED, len(strange) // 4)
        start = float(strange[-fitted - 1])
        return start, fitted / len(strange), *pareto(strange[-fitted:] - start)

    def p_value(self, value: float) -> float:
        """See `Null`: the share of draws at least as extreme, counting the score itself; the fitted tail's beyond the most extreme."""
        with np.errstate(divide="ignore"):
            strange = float(value if self.larger_is_drift else -np.log(max(value, 0.0)))
        drawn, n = self._strange, len(self.draws)
        extreme = n - int(np.searchsorted(drawn, strange * (1 - _SLACK) if np.isfinite(strange) else strange, "left"))
        share = (1 + extreme) / (1 + n)
        if extreme >= _EMPIRICAL or self._tail is None:
            return share
        return max(min(self._beyond(strange), (1 + _EMPIRICAL) / (1 + n)), FINEST)

    def _beyond(self, strange: float) -> float:
        assert self._tail is not None
        start, share, scale, shape = self._tail
        if scale == 0:
            return FINEST
        with np.errstate(over="ignore"):
            if abs(shape) < 1e-9:
                return share * float(np.exp(-(strange - start) / scale))
            return share * float(max(1 + shape * (strange - start) / scale, 0.0) ** (-1 / shape))

    def score_at(self, level: float) -> float | None:
        """See `Null`: an order statistic of the draws, or the fitted tail's quantile."""
        strange = self._strange_at(max(level, FINEST))
        if not np.isfinite(strange):
            return None
        return strange if self.larger_is_drift else float(np.exp(-strange))

    def _strange_at(self, level: float) -> float:
        drawn, n = self._strange, len(self.draws)
        rank = int(level * (n + 1) + _SLACK)
        if rank > _EMPIRICAL or self._tail is None:
            return _above(float(drawn[-rank])) if rank else np.inf
        start, share, scale, shape = self._tail
        if scale == 0:
            return _above(float(drawn[-1]))
        more = -np.log(level / share) if abs(shape) < 1e-9 else ((level / share) ** -shape - 1) / shape
        return max(start + scale * float(more), _above(float(drawn[-_EMPIRICAL])))


def pareto(beyond: Floats) -> tuple[float, float]:
    """Scale and shape of a generalised Pareto distribution for sorted excesses, by probability weighted moments (Hosking & Wallis 1987,
    Technometrics 29, 339); (0, 0) where they do not vary."""
    rank = (np.arange(1, len(beyond) + 1) - 0.35) / len(beyond)
    first, second = float(beyond.mean()), float(((1 - rank) * beyond).mean())
    if first <= 2 * second or second <= 0:
        return 0.0, 0.0
    return 2 * first * second / (first - 2 * second), 2 - first / (first - 2 * second)


def _above(score: float) -> float:
    return score * (1 + _SLACK) + _LEAST
