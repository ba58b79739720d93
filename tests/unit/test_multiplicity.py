"""Many comparisons, one promise: statsmodels is the oracle, and simulated windows without drift keep the budget."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from monitoring.multiplicity import budget, decide, rungs

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@given(P_VALUES, st.sampled_from([0.01, 0.05, 0.2]))
def test_the_names_and_adjusted_p_values_are_those_of_statsmodels(p_values: list[float], share: float) -> None:
    named, adjusted, *_ = multipletests(p_values, alpha=share, method="fdr_bh")
    decision = decide(p_values, share=share)
    assert decision.adjusted == pytest.approx(adjusted.tolist())
    assert list(decision.named) == named.tolist()


@given(P_VALUES)
def test_exactly_the_p_values_that_reach_the_level_are_named_and_the_level_is_a_rung(p_values: list[float]) -> None:
    decision = decide(p_values, share=0.1)
    assert decision.named == tuple(p <= decision.level for p in p_values)
    assert decision.level in rungs(0.1, len(p_values))
    assert decision.level == rungs(0.1, len(p_values))[max(sum(decision.named), 1) - 1]


@given(P_VALUES, st.data())
def test_a_small_effect_or_a_failure_is_never_named_and_never_helps_others(p_values: list[float], data: st.DataObject) -> None:
    out = data.draw(st.integers(0, len(p_values) - 1))
    whole = decide(p_values, share=0.1)
    effects = [0.05 if i == out else 0.5 for i in range(len(p_values))]
    small = decide(p_values, effects, [0.1] * len(p_values), share=0.1)
    failed = decide([None if i == out else p for i, p in enumerate(p_values)], share=0.1)
    assert small == failed
    assert not small.named[out]
    assert all(before for before, after in zip(whole.named, small.named, strict=True) if after)


def test_without_drift_the_share_of_windows_that_name_anything_is_the_budget() -> None:
    """10,000 windows of 12 independent features at 5 %: 500 are expected (standard error 22). Dependent features: at most as many."""
    random = np.random.default_rng(4)
    independent = random.random((10_000, 12))
    assert 0.043 <= np.mean([any(decide(row, share=0.05).named) for row in independent]) <= 0.057
    from scipy import stats

    normal = np.sqrt(0.7) * random.normal(size=(10_000, 1)) + np.sqrt(0.3) * random.normal(size=(10_000, 12))
    dependent = stats.norm.sf(normal)
    assert np.mean([any(decide(row, share=0.05).named) for row in dependent]) <= 0.057


def test_no_comparison_names_nothing_and_nonsense_is_refused() -> None:
    assert decide([], share=0.05).named == ()
    for wrong in (1.5, -0.1, float("nan")):
        with pytest.raises(ValueError, match="between 0 and 1"):
            decide([wrong], share=0.05)


def test_the_budget_is_the_models_own_or_one_in_a_thousand_for_each_comparison() -> None:
    assert budget(0.05, 30) == 0.05
    assert budget(None, 1) == pytest.approx(0.001)
    assert budget(None, 10) == pytest.approx(1 - 0.999**10)
