"""The predictions that a daily budget pays for are those with the highest scores of each day, and precision is of those with a label."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from monitoring.performance.budget import at_budget, ranked

DAY = timedelta(days=1)
START = datetime(2026, 11, 2, tzinfo=UTC)


def frame(scores: list[float], labels: list[str | None], hours: list[float]) -> pa.Table:
    times = pa.array([START + timedelta(hours=hour) for hour in hours], pa.timestamp("us", "UTC"))
    return pa.table({"@t": times, "@score": scores, "@label": pa.array(labels, pa.string())})


def test_each_day_has_its_own_budget() -> None:
    rows = frame([0.9, 0.8, 0.1, 0.3, 0.2, 0.15], ["1", "0", "1", "1", "1", "0"], [1, 2, 3, 25, 26, 27])
    found = at_budget(rows, positive_label="1", per_day=2, length=2 * DAY)
    assert found.measured.value == 3 / 4  # 0.9 and 0.8 of the first day, 0.3 and 0.2 of the second
    assert found.share == 4 / 6
    assert found.measured.scarce == "Only 4 labelled predictions within the alert budget; 30 are needed to judge."


def test_an_hour_has_its_part_of_the_budget() -> None:
    rows = frame([0.9, 0.8, 0.7, 0.6], ["1", "0", "1", "1"], [0.1, 0.2, 0.3, 0.4])
    assert at_budget(rows, positive_label="1", per_day=48, length=timedelta(hours=1)).measured.n == 2
    assert at_budget(rows, positive_label="1", per_day=5, length=timedelta(hours=1)).measured.n == 1  # at least one


def test_what_is_looked_at_but_not_labelled_yet_takes_its_place_in_the_budget() -> None:
    rows = frame([0.9, 0.8, 0.7], [None, "1", "0"], [1, 2, 3])
    measured = at_budget(rows, positive_label="1", per_day=2, length=DAY).measured
    assert (measured.value, measured.n) == (1.0, 1)
    nobody = at_budget(frame([0.9], [None], [1]), positive_label="1", per_day=2, length=DAY).measured
    assert nobody.value is None
    assert nobody.reason == "no prediction that the budget pays for has a label"


def test_precision_is_that_of_sorting_by_hand() -> None:
    random = np.random.default_rng(1)
    scores, labels = random.random(2_000).round(2), random.choice(["0", "1"], 2_000)
    hours = np.sort(random.uniform(0, 72, 2_000))
    found = at_budget(frame(list(scores), list(labels), list(hours)), positive_label="1", per_day=40, length=3 * DAY).measured
    hits = 0
    for day in range(3):
        inside = np.flatnonzero((hours >= 24 * day) & (hours < 24 * day + 24))
        best = sorted(inside, key=lambda row: (-scores[row], row))[:40]
        hits += sum(labels[row] == "1" for row in best)
    assert found.value == pytest.approx(hits / 120)
    assert found.n == 120
    assert found.scarce is None


def test_a_reference_is_looked_at_in_the_same_share() -> None:
    rows = frame([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0], ["1"] * 3 + ["0"] * 7, list(range(10)))
    assert ranked(rows, positive_label="1").at_share(0.4).value == 3 / 4


def test_a_log_sampled_with_unequal_weights_says_that_its_top_is_not_known() -> None:
    rows = frame([0.9, 0.8], ["1", "0"], [1, 2]).append_column("@weight", pa.array([1.0, 4.0]))
    assert "sampled with unequal weights" in str(at_budget(rows, positive_label="1", per_day=2, length=DAY).measured.reason)
