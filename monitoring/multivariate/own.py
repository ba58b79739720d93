"""The reference's own windows against the rest of it, all features together: how far apart season and memory alone bring them."""

from __future__ import annotations

__all__ = ["OwnScores", "own_scores"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy import stats

from monitoring.multivariate.encoding import MOST_ROWS, Columns, columns_of, joined
from monitoring.own_windows import Span, numbered

Floats = npt.NDArray[np.float64]
Both = Callable[[Columns, int], tuple[float, float]]
"""(rows of both, where the window's begin) → each method's score."""

_MOST = 20  # windows that are scored: each costs what a judged window costs
_LEAST_ROWS = 30  # on average, as for a window that is judged
_SEED = 20_261_127


@dataclass(frozen=True, slots=True, eq=False)
class OwnScores:
    """One method's scores of so many windows of the reference, each against the others' rows."""

    scores: Floats

    def beyond(self, null: Floats, nothing: float) -> bool:
        """Whether they are further from `nothing` than pairs of independent rows are."""
        return bool(np.mean((self.scores - nothing) ** 2) > np.mean((null - nothing) ** 2))

    def p_value(self, value: float) -> float:
        """How often one more window scores as much: Student's prediction (Hahn 1969)."""
        return float(stats.t.sf((value - self.scores.mean()) / self._width, len(self.scores) - 1))

    def score_at(self, level: float) -> float:
        """The score that one more window reaches in so many of cases."""
        return float(self.scores.mean() + stats.t.isf(level, len(self.scores) - 1) * self._width)

    @property
    def _width(self) -> float:
        return max(float(self.scores.std(ddof=1) * np.sqrt(1 + 1 / len(self.scores))), 1e-12)


def own_scores(table: pa.Table, kinds: Mapping[str, str], span: Span, both: Both) -> Floats:
    """The scores of at most 20 windows, spread evenly: a row per method; without columns where the reference cannot be cut."""
    times = table["@t"] if "@t" in table.column_names else None
    found = numbered(times, span, least_rows=_LEAST_ROWS)
    if isinstance(found, str):
        return np.empty((2, 0))
    number, count = found
    random = np.random.default_rng(_SEED)
    scores = []
    for window in np.unique(np.linspace(0, count - 1, min(count, _MOST)).astype(int)):
        parts = [columns_of(table.take(pa.array(_some(rows, random))), kinds)
                 for rows in (np.flatnonzero(number != window), np.flatnonzero(number == window))]  # fmt: skip
        scores.append(both(joined(*parts), len(next(iter(parts[0].values())))))
    return np.array(scores).T


def _some(rows: npt.NDArray[np.int64], random: np.random.Generator) -> npt.NDArray[np.int64]:
    return rows if len(rows) <= MOST_ROWS else np.sort(random.choice(rows, MOST_ROWS, replace=False))
