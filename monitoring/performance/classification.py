"""Classification: decisions against labels (the logged decision is the truth), and scores against labels."""

from __future__ import annotations

__all__ = ["measure_classification"]

from collections.abc import Mapping

from .decisions import measure_decisions
from .found import Key, Measured
from .outcomes import ClassOutcomes
from .scores import SCORE_METRICS, measure_scores


def measure_classification(
    outcomes: ClassOutcomes, *, only: frozenset[str] | None = None, costs: Mapping[str, float] | None = None
) -> list[dict[Key, Measured]]:
    """Of each group metrics of decisions by (metric, class or ""), and of scores by (metric, ""); scores only where any is asked for."""
    found = measure_decisions(outcomes, costs=costs)
    if only is not None and not only & set(SCORE_METRICS):
        return found
    scores = measure_scores(outcomes, only=only)
    return [{**decided, **{(metric, ""): measured for metric, measured in scored.items()}}
            for decided, scored in zip(found, scores, strict=True)]  # fmt: skip
