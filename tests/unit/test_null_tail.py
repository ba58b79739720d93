"""p-values finer than the draws are many: scipy's exact tails are the oracle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitoring.null_tail import FINEST, ItselfNull, PairsNull, pareto


def null_of(distribution: stats.rv_continuous, n: int, seed: int = 0) -> PairsNull:
    draws: npt.NDArray[np.float64] = np.sort(distribution.rvs(size=n, random_state=seed))
    return PairsNull(draws, larger_is_drift=True)


@pytest.mark.parametrize("distribution", [stats.chi2(5), stats.norm(), stats.expon(), stats.t(8), stats.beta(2, 5)])
@pytest.mark.parametrize("level", [1e-2, 1e-3, 1e-4])
def test_small_p_values_are_those_of_the_true_distribution(distribution: stats.rv_continuous, level: float) -> None:
    """The median over 40 nulls of 5,000 draws: within a quarter down to 1e-3, within a factor of two at 1e-4 (a draw in two nulls)."""
    found = np.median([null_of(distribution, 5_000, seed).p_value(float(distribution.isf(level))) for seed in range(40)])
    assert found == pytest.approx(level, rel=0.25 if level >= 1e-3 else 1.0)
    assert found >= level / 2


@given(st.integers(0, 20), st.lists(st.floats(0, 30), min_size=2, max_size=20))
def test_larger_scores_never_have_larger_p_values(seed: int, scores: list[float]) -> None:
    null = null_of(stats.chi2(3), 2_000, seed)
    found = [null.p_value(score) for score in sorted(scores)]
    assert found == sorted(found, reverse=True)
    assert all(FINEST <= p <= 1 for p in found)


@given(st.floats(2e-6, 0.9), st.booleans())
def test_a_score_is_past_the_threshold_of_a_level_exactly_if_its_p_value_is(level: float, larger: bool) -> None:
    draws = np.sort(stats.chi2(3).rvs(size=2_000, random_state=1) if larger else stats.uniform.rvs(size=2_000, random_state=1))
    null = PairsNull(draws, larger_is_drift=larger)
    at = null.score_at(level)
    assert at is not None
    beyond, before = (at * 1.001, at * 0.999) if larger else (at * 0.999, at * 1.001)
    assert null.p_value(beyond) <= level * (1 + 1e-9)
    assert null.p_value(before) >= level * 0.97
    assert null.p_value(before) >= null.p_value(beyond)


def test_where_chance_alone_reaches_certainty_no_threshold_is_given() -> None:
    null = PairsNull(np.sort(np.r_[np.zeros(50), np.linspace(0.001, 1, 1_950)]), larger_is_drift=False)
    assert null.score_at(0.01) is None
    assert null.score_at(0.05) is not None


def test_draws_that_never_vary_name_whatever_lies_beyond() -> None:
    null = PairsNull(np.zeros(2_000), larger_is_drift=True)
    assert null.p_value(0.0) == 1.0
    assert null.p_value(0.1) == FINEST


def test_a_test_is_its_own_null() -> None:
    assert ItselfNull().p_value(0.02) == 0.02
    assert ItselfNull().score_at(0.001) == 0.001


@pytest.mark.parametrize("shape", [-0.3, 0.0, 0.3])
def test_the_fit_finds_scale_and_shape(shape: float) -> None:
    excesses = np.sort(stats.genpareto(shape, scale=2).rvs(size=20_000, random_state=2))
    assert pareto(excesses) == pytest.approx((2, shape), abs=0.08)
