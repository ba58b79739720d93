"""A window is called worse than its reference when it is, and hardly ever when it is not – small references included."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from scipy.stats import binom

from monitoring.analysis.performance_points import verdict_of
from monitoring.metrics import METRICS, Direction
from monitoring.performance import Measured
from monitoring.performance.comparing import judged, within
from monitoring.performance.intervals import Interval, beyond, wilson
from monitoring.verdicts import Verdict


def alarms(*, n: int, n_reference: int, share: float, usual: float, direction: Direction = "higher", trials: int = 2_000) -> float:
    """Share of windows that are named, where the window's true proportion is `share` and the reference's `usual`."""
    random = np.random.default_rng([n, n_reference])
    named = 0
    for hits, hits_reference in zip(random.binomial(n, share, trials), random.binomial(n_reference, usual, trials), strict=True):
        verdict = judged(hits / n, wilson(hits, n), hits_reference / n_reference, wilson(hits_reference, n_reference), direction,
                         n=100, n_reference=n_reference)  # fmt: skip
        named += verdict.status in {"warn", "drift"}
    return named / trials


@pytest.mark.parametrize("n_reference", [8, 40, 2_000])
@pytest.mark.parametrize("n", [8, 60, 2_000])
@pytest.mark.parametrize("share", [0.3, 0.85])
def test_without_a_change_hardly_a_window_is_named(n: int, n_reference: int, share: float) -> None:
    assert alarms(n=n, n_reference=n_reference, share=share, usual=share) <= 0.002  # one side of 99.9 % is 0.0005: 1 of 2,000; 4 are rare


@pytest.mark.parametrize("n_reference", [30, 300, 3_000])
@pytest.mark.parametrize("n", [10, 30, 100])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_near_certainty_too_no_more_windows_are_named_than_promised(n: int, n_reference: int, share: float) -> None:
    """Exactly: the chance of each pair of counts, summed over those that are named. Wilson's edges would name up to 24 times as many."""
    chances = binom.pmf(np.arange(n_reference + 1), n_reference, share)
    worse = 0.0
    for hits_reference in np.flatnonzero(chances > 1e-9):
        usual, around = hits_reference / n_reference, wilson(int(hits_reference), n_reference)
        named = [hits for hits in range(n + 1) if beyond(hits / n, wilson(hits, n), usual, around)[1] < usual]
        worse += chances[hits_reference] * float(binom.pmf(named, n, share).sum())
    assert worse <= 0.0005


def test_taking_a_small_reference_as_exact_would_name_many() -> None:
    random = np.random.default_rng(1)
    named = 0
    for hits, hits_reference in zip(random.binomial(2_000, 0.85, 500), random.binomial(20, 0.85, 500), strict=True):
        named += judged(hits / 2_000, wilson(hits, 2_000), hits_reference / 20, None, "higher", n=100, n_reference=20).status != "ok"
    assert named / 500 > 0.2


def test_a_real_loss_is_found() -> None:
    assert alarms(n=60, n_reference=500, share=0.45, usual=0.85) > 0.95
    assert alarms(n=2_000, n_reference=2_000, share=0.80, usual=0.85) > 0.7
    assert alarms(n=60, n_reference=500, share=0.85, usual=0.45, direction="lower") > 0.95


def test_better_is_never_named() -> None:
    assert alarms(n=2_000, n_reference=2_000, share=0.9, usual=0.5) == 0
    assert alarms(n=2_000, n_reference=2_000, share=0.5, usual=0.9, direction="none") == 0


def test_distances_are_squared_and_added() -> None:
    window, reference = Interval(0, 0, 0.1, 0.5, ""), Interval(0, 0, 0.6, 0.9, "")
    lower, upper = beyond(0.2, window, 0.8, reference)
    assert upper == pytest.approx(0.2 + np.hypot(0.3, 0.2))
    assert lower == pytest.approx(0.2 - np.hypot(0.1, 0.1))


def test_the_sentence_says_how_much_chance_explains() -> None:
    verdict = judged(0.2, wilson(20, 100), 0.8, wilson(80, 100), "higher", n=100, n_reference=100)
    assert verdict.status == "drift"
    assert verdict.reason.startswith("0.2 is worse than the reference's 0.8 by more than 0.2")
    assert "(100 rows and 100 of the reference)" in verdict.reason


@pytest.mark.parametrize(("value", "direction", "status"), [
    (0.80, "higher", "ok"), (0.60, "higher", "drift"), (0.785, "higher", "warn"), (0.95, "higher", "ok"), (0.60, "none", "ok"),
    (1.00, "lower", "drift"), (0.60, "lower", "ok"),
])  # fmt: skip
def test_a_value_is_named_only_where_it_is_worse_and_a_small_loss_is_a_warning(value: float, direction: Direction, status: str) -> None:
    around = Interval(value - 0.02, value + 0.02, value - 0.03, value + 0.03, "")
    assert judged(value, around, 0.82, None, direction, n=900, n_reference=9_000).status == status


@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_threshold_and_p_value_say_the_same_as_the_status(direction: Direction) -> None:
    """A window is named exactly where its value is past the threshold, and where its p-value is below 0.0005."""
    for hits in range(0, 301, 3):
        found = judged(hits / 300, wilson(hits, 300), 0.5, wilson(1_000, 2_000), direction, n=300, n_reference=2_000)
        assert found.threshold is not None
        assert found.p_value is not None
        past = hits / 300 < found.threshold if direction == "higher" else hits / 300 > found.threshold
        assert past == (found.status != "ok") == (found.p_value < 0.0005)


def test_a_threshold_lies_within_what_the_metric_can_be() -> None:
    """A recall of 0.1 on few rows could fall by more than there is of it: no value is past the threshold then, and none is named."""
    usual, few = (Measured(value=0.1, interval=wilson(n / 10, n), n=n, rows=n) for n in (2_000, 20))
    alone = judged(0.1, wilson(2, 20), 0.1, usual.interval, "higher", n=20, n_reference=2_000)
    assert alone.threshold is not None
    assert alone.threshold < 0
    assert verdict_of("recall", 0.1, few, usual).threshold == 0.0
    assert within(Verdict(status="ok", threshold=1.2), METRICS["expected_calibration_error"].bounds).threshold == 1.0
    assert within(Verdict(status="ok", threshold=-1.2), METRICS["r2"].bounds).threshold == -1.2
    assert within(Verdict(status="ok"), (0.0, 1.0)).threshold is None
    assert METRICS["mae"].bounds == (0.0, inf)
