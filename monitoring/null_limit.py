"""What a few windows of the reference can say of one more: a limit that pairs drawn like them must not undercut. Pure."""

from __future__ import annotations

__all__ = ["LimitedNull"]

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import stats

from monitoring.null_tail import FINEST, PairsNull

Floats = npt.NDArray[np.float64]

_LEAST_FREEDOM = 1.0
_ROOT = 3.0  # of a distance: between its logarithm and its square root, as docs/decisions/calibrated-verdicts.md says


@dataclass(frozen=True)
class LimitedNull:
    """Drawn pairs, and Student's prediction (Hahn 1969) of what one more window scores where the reference's own windows scored `own`.

    Thousands of pairs are drawn with what some windows show, and know no more than these: with ten windows, or with many that hang
    together, a score beyond all draws is not as rare as one draw in thousands. So a p-value is the larger one of both. `effective` is
    as how many independent windows the own ones tell. Distances are taken by their cube root, squared distances (`squared`) and
    logarithms of p-values, which grow like them, by their sixth.
    """

    pairs: PairsNull
    own: Floats
    effective: float
    squared: bool = False

    def p_value(self, value: float) -> float:
        """See `Null`."""
        return max(self.pairs.p_value(value), self._predicted(value))

    def score_at(self, level: float) -> float | None:
        """See `Null`."""
        chance = self.pairs.score_at(level)
        if chance is None:
            return None
        limit = self.limit(level)
        return max(chance, limit) if self.pairs.larger_is_drift else min(chance, limit)

    def limit(self, level: float) -> float:
        """The score that one more window reaches in so many of cases."""
        mean, width = self._usual
        rooted = max(mean + width * float(stats.t.isf(max(level, FINEST), self._freedom)), 0.0)
        grown = rooted**self._power
        return grown * (1 + 1e-9) if self.pairs.larger_is_drift else float(np.exp(-grown * (1 + 1e-9)))

    def _predicted(self, value: float) -> float:
        mean, width = self._usual
        rooted = float(self._rooted(np.array([value]))[0])
        return float(max(stats.t.sf((rooted - mean) / width, self._freedom), FINEST))

    def _rooted(self, scores: Floats) -> Floats:
        """The scores as numbers that grow with drift and are spread evenly around their mean."""
        grown = scores if self.pairs.larger_is_drift else -np.log(np.maximum(scores, 1e-300))
        return np.asarray(np.maximum(grown, 0.0) ** (1 / self._power))

    @property
    def _power(self) -> float:
        return 2 * _ROOT if self.squared or not self.pairs.larger_is_drift else _ROOT

    @property
    def _freedom(self) -> float:
        return max(self.effective - 1, _LEAST_FREEDOM)

    @cached_property
    def _usual(self) -> tuple[float, float]:
        rooted = self._rooted(self.own)
        return float(rooted.mean()), max(float(rooted.std(ddof=1) * np.sqrt(1 + 1 / self.effective)), 1e-12)
