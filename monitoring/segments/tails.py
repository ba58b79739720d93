"""p-values far out in a null's tail, where no draw has been. Pure.

Segments × features are hundreds of comparisons, so that one of them is named from about p = 0.0001 on, and a null of 2,000 draws knows
none below 0.0005. A generalised Pareto distribution stands in for the upper twentieth of the draws (Knijnenburg et al. 2009,
Bioinformatics 25, i161), fitted by probability-weighted moments (Hosking & Wallis 1987). Tails that seem to end are taken to go on
exponentially, so that no finite score ever has p = 0.
"""

from __future__ import annotations

__all__ = ["Tail"]

from dataclasses import dataclass
from math import exp, log, log1p

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_SHARE = 0.05  # of the draws: at least 100 of 2,000
_MOST_SHAPE = 0.5  # a heavier tail has no variance; moments fitted to a hundred values cannot tell
_FLAT = 1e-8


@dataclass(frozen=True, slots=True)
class Tail:
    """A sorted null, larger is more extreme, and the fitted tail above `edge`: its `scale` in the score's units and its `shape`."""

    null: Floats
    edge: float
    share: float
    scale: float
    shape: float

    @classmethod
    def of(cls, null: Floats) -> Tail:
        """Fit the upper twentieth of a sorted null."""
        count = max(1, int(_SHARE * len(null)))
        edge, above = float(null[-count - 1]), null[-count:] - null[-count - 1]
        mean = float(above.mean())
        rank = np.arange(1, count + 1)
        weighted = float(np.mean(above * (count - rank + 0.35) / count))  # estimates E[x (1 - F(x))]
        shape = 2 - mean / (mean - 2 * weighted) if mean > 2 * weighted else 0.0
        shape = min(max(shape, 0.0), _MOST_SHAPE)
        scale = mean * (1 - shape)
        return cls(null, edge, count / len(null), scale, shape)

    def p_value(self, score: float) -> float:
        """The share of nulls at least as extreme: counted within the body, fitted beyond the edge."""
        beyond = score - self.edge
        if beyond <= 0 or self.scale <= 0:
            extreme = len(self.null) - int(np.searchsorted(self.null, score * (1 - 1e-9), "left"))
            return (1 + extreme) / (1 + len(self.null))
        if self.shape < _FLAT:
            return max(self.share * exp(-min(beyond / self.scale, 700.0)), 5e-324)
        return max(self.share * exp(-log1p(self.shape * beyond / self.scale) / self.shape), 5e-324)

    def score_at(self, p_value: float) -> float:
        """The score that has this p-value: the inverse of `p_value`."""
        if p_value >= self.share or self.scale <= 0:
            rank = max(1, int(p_value * (len(self.null) + 1)))
            return float(self.null[-min(rank, len(self.null))])
        ratio = log(self.share / p_value)
        if self.shape < _FLAT:
            return self.edge + self.scale * ratio
        return self.edge + self.scale * (exp(self.shape * ratio) - 1) / self.shape
