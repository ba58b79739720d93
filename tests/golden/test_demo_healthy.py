"""A case study of the demo without its planted changes, on the real way: a model that is healthy for all of its days stays quiet."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import binom

from monitoring import runner
from monitoring.demo import diagnosis, load
from monitoring.metrics import METRICS
from monitoring.multiplicity import budget
from monitoring.service import House
from tests.no_pages import NoPages

pytestmark = pytest.mark.slow

END = datetime(2026, 6, 10, tzinfo=UTC)
_PERFORMANCE = {name for name, metric in METRICS.items() if metric.group == "classification" and metric.direction != "none"}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """All verdicts on all rows of `diagnosis`, whose changes come after its last day."""
    home: Path = tmp_path_factory.mktemp("healthy") / "home"
    with pytest.MonkeyPatch.context() as patch:
        for day in ("calibration_day", "scanner_day"):
            patch.setattr(diagnosis, day, lambda end: end)
        load(home, models=["diagnosis"], end=END, compute=False)
    with House.open(home) as house:
        assert runner.run(house.store, workers=[NoPages()], jobs=1).failed == 0
        return [point for point in house.points(model="diagnosis-triage").to_pylist()
                if not point["segment"] and point["status"] in {"ok", "warn", "drift"}]


def named(points: list[dict[str, Any]]) -> list[tuple[str, str, datetime]]:
    return [(point["metric"], point["column"], point["window_start"]) for point in points if point["status"] != "ok"]


def test_drift_is_named_in_no_more_windows_than_the_budget_allows(judged: list[dict[str, Any]]) -> None:
    drift = [point for point in judged if point["metric"] == "drift"]
    windows, columns = ({point[key] for point in drift} for key in ("window_start", "column"))
    assert len(windows) >= 8
    assert len({start for _, _, start in named(drift)}) <= binom.ppf(0.99, len(windows), budget(None, len(columns))), named(drift)


def test_performance_is_called_worse_no_oftener_than_its_intervals_allow(judged: list[dict[str, Any]]) -> None:
    """One side of 99.9 % is crossed by 0.05 % of verdicts without a change."""
    performance = [point for point in judged if point["metric"] in _PERFORMANCE and point["threshold"] is not None]
    assert {point["metric"] for point in performance} >= {"accuracy", "log_loss", "expected_calibration_error"}
    assert len(performance) >= 100
    assert len(named(performance)) <= binom.ppf(0.99, len(performance), 0.0005), named(performance)
