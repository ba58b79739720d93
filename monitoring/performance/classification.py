"""Classification: decisions against labels (the logged decision is the truth), and scores against labels."""

from __future__ import annotations

__all__ = ["measure_classification"]

from collections.abc import Mapping

from .decisions import measure_decisions
from .found import Measured
from .outcomes import ClassOutcomes
from .scores import SCORE_METRICS, measure_scores


def measure_classification(
    outcomes: ClassOutcomes, *, only: frozenset[str] | None = None, costs: Mapping[str, float] | None = None
) -> dict[tuple[str, str], Measured]:
    """Metrics of decisions by (metric, class or ""), and metrics of scores by (metric, ""); scores only where any is asked for."""
    found = measure_decisions(outcomes, costs=costs)
    if only is None or only & set(SCORE_METRICS):
        found |= {(metric, ""): measured for metric, measured in measure_scores(outcomes, only=only).items()}
    return found
