"""For each metric that got worse in a window: the part of a changed population, and that of a changed relation."""

from __future__ import annotations

__all__ = ["add_causes", "keep_causes"]

from typing import Any

import pyarrow as pa

from monitoring.analysis.baseline import Baseline
from monitoring.analysis.multivariate_points import known_kinds
from monitoring.causes.population import METHOD, Effects, effects, labelled, weigh
from monitoring.findings import Findings
from monitoring.metrics import METRICS
from monitoring.subject import Subject

_GROUPS = frozenset({"classification", "regression"})  # a ranking is judged by whole lists, and weighted rows make no lists


def add_causes(found: Findings, subject: Subject, frame: pa.Table, baseline: Baseline | None) -> None:
    """`population_effect` and `relation_effect`, `column` the metric, for every overall metric of these findings that got worse."""
    worse = [metric for metric in found.worse() if METRICS[metric].group in _GROUPS]
    if baseline is None or not worse:
        return
    kinds = known_kinds(subject, baseline)
    weights = weigh(_labelled(baseline), frame, kinds) if kinds else "No feature is known to both."
    for metric in worse:
        told = Effects(reason=weights) if isinstance(weights, str) else effects(
            metric, weights, task=subject.task, positive_label=subject.positive_label)  # fmt: skip
        _add(found, metric, told)


def keep_causes(baseline: Baseline) -> None:
    """Keep the rows of the reference that causes are weighed with."""
    if baseline.missing("@label") is not None:
        _labelled(baseline)


def _labelled(baseline: Baseline) -> pa.Table:
    return baseline.rows("labelled", labelled)


def _add(found: Findings, metric: str, told: Effects) -> None:
    more: dict[str, Any] = {"column": metric, "method": METHOD, "n": told.n, "n_reference": told.n_reference}
    for name, part in (("population_effect", told.population), ("relation_effect", told.relation)):
        if part is None:
            found.add(name, status="insufficient_data", reason=f"cannot tell: {told.reason}", **more)
        else:
            found.add(name, part[0], lower=part[1], upper=part[2], detail={"effective": round(told.effective, 1)}, **more)
