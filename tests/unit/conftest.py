"""What several unit tests compare with."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

EvidentlyScore = Callable[[str | None, str, Any, Any], tuple[str, float]]


@pytest.fixture(scope="session")
def evidently_score() -> EvidentlyScore:
    """Evidently's own function of a method (None: its own choice) on values that are there: the method's name, and the score."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas as pd
        from evidently.legacy.calculations.stattests.registry import get_stattest
        from evidently.legacy.core import ColumnType

    def of(method: str | None, kind: str, reference: Any, window: Any) -> tuple[str, float]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            a, b, type_ = pd.Series(reference), pd.Series(window), ColumnType("num" if kind == "numerical" else "cat")
            test = get_stattest(a, b, type_, method)
            return test.name, float(test(a, b, type_, 0.1).drift_score)

    return of
