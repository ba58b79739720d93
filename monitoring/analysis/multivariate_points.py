"""Drift of all features together: a `multivariate_drift` point per method, with what drives it in its detail."""

from __future__ import annotations

__all__ = ["add_multivariate", "keep_multivariate", "known_kinds"]

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.analysis.baseline import Baseline
from monitoring.drift_nulls import NullCache
from monitoring.findings import Findings
from monitoring.multiplicity import column_level
from monitoring.multivariate import METHODS, Multivariate, Reference, compare, sampled
from monitoring.own_windows import Span
from monitoring.reference.kept import RowsGone
from monitoring.subject import Subject
from monitoring.windows import Window

Floats = npt.NDArray[np.float64]


def add_multivariate(found: Findings, subject: Subject, frame: pa.Table, baseline: Baseline | None, nulls: NullCache,
                     no_reference: str, window: Window) -> None:  # fmt: skip
    """The points of one window's frame. Each method may name as many windows without drift as the drift of one column may."""
    if baseline is None:
        for method in METHODS:
            found.add("multivariate_drift", method=method, reason=no_reference)
        return
    level = column_level(subject.schema.drift.false_alarms, len(subject.schema.features))
    for result in compare(_reference(subject, baseline, nulls), frame, level=level, span=Span.of(window)):
        found.add("multivariate_drift", result.value, method=result.method, status=result.status, reason=result.reason,
                  threshold=result.threshold, p_value=result.p_value, n=result.n, n_reference=result.n_reference,
                  detail=_detail(result, frame.num_rows))  # fmt: skip


def known_kinds(subject: Subject, baseline: Baseline) -> dict[str, str]:
    """The features that the reference knows, and their kinds: one that it lacks is a matter of quality, and would drown the others."""
    return {feature.name: str(feature.kind) for feature in subject.schema.features.values()
            if (missing := baseline.missing(feature.name)) is not None and missing < len(baseline)}  # fmt: skip


def keep_multivariate(subject: Subject, baseline: Baseline, nulls: NullCache, span: Span | None) -> None:
    """Keep the rows of the reference that windows are compared with, and how far apart its own windows like `span` are."""
    kinds = known_kinds(subject, baseline)
    reference = _reference(subject, baseline, nulls)
    if len(kinds) > 1:
        reference.own(span)


def _reference(subject: Subject, baseline: Baseline, nulls: NullCache) -> Reference:
    kinds = known_kinds(subject, baseline)
    return baseline.once(("multivariate", *kinds.items()), lambda: Reference(_Rows(baseline), kinds, key=baseline.digest, cache=nulls))


class _Rows:
    """The baseline's rows as `Reference` asks for them."""

    def __init__(self, baseline: Baseline) -> None:
        self._baseline = baseline

    def sampled(self, most: int) -> pa.Table:
        """So many rows at most."""
        return self._baseline.rows(f"sampled {most}", lambda table: sampled(table, most))

    def own_scores(self, name: str, score: Callable[[pa.Table], Floats]) -> Floats | str:
        """What `score` says of all rows, or that they are gone and it was not asked of them."""
        try:
            return np.array(self._baseline.kept.say(f"own scores/{name}", lambda: score(self._baseline.table).tolist()), np.float64)
        except RowsGone as error:
            return f"Rows count as independent: how far apart the reference's own windows of this length are was not kept. {error}"


def _detail(result: Multivariate, rows: int) -> dict[str, Any]:
    """`drivers` are shares of features, largest first; `of` the rows of the window where only a sample of them was compared."""
    drivers = dict(sorted(result.drivers.items(), key=lambda pair: -pair[1]))
    return {"drivers": {name: round(share, 4) for name, share in drivers.items()} or None,
            "change": result.change, "of": rows if rows > result.n else None,
            "own_windows": result.own_windows or None, "independent_rows": result.independent,
            "minimum_effect": METHODS[result.method].minimum_effect}  # fmt: skip
