"""A few windows of the reference cannot say that a score is as rare as one in thousands, however many pairs are drawn like them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitoring.null_limit import LimitedNull
from monitoring.null_tail import FINEST, PairsNull

OWN = np.random.default_rng(1).normal(1.0, 0.1, 12) ** 3  # distances whose cube roots are normal
PAIRS = PairsNull(np.sort(np.random.default_rng(2).uniform(0.5, 1.5, 2_000)), larger_is_drift=True)  # that end abruptly


def test_the_p_value_is_students_for_one_more_window() -> None:
    """scipy's t-test of one value against twelve is the oracle: of two sides, so half of it."""
    rooted = np.cbrt(OWN)
    expected = stats.ttest_ind(rooted, [np.cbrt(2.4)]).pvalue / 2
    assert PAIRS.p_value(2.4) == FINEST
    assert LimitedNull(PAIRS, OWN, effective=12).p_value(2.4) == pytest.approx(expected, rel=1e-9)


def test_windows_that_tell_as_much_as_fewer_are_less_sure() -> None:
    found = [LimitedNull(PAIRS, OWN, effective=count).p_value(2.4) for count in (12, 6, 3)]
    assert found == sorted(found)
    assert found[2] > 10 * found[0]


def test_pairs_that_lie_further_apart_than_the_windows_decide() -> None:
    wide = PairsNull(np.sort(stats.expon(scale=5).rvs(size=2_000, random_state=3)), larger_is_drift=True)
    null = LimitedNull(wide, OWN, effective=12)
    assert null.p_value(6.0) == wide.p_value(6.0)
    assert null.score_at(0.001) == wide.score_at(0.001)


@given(st.floats(1e-5, 0.3), st.sampled_from([(True, False), (True, True), (False, False)]))
def test_a_score_is_past_the_threshold_of_a_level_exactly_if_its_p_value_is(level: float, kind: tuple[bool, bool]) -> None:
    larger, squared = kind
    pairs = PAIRS if larger else PairsNull(np.sort(np.exp(-PAIRS.draws)), larger_is_drift=False)
    null = LimitedNull(pairs, OWN if larger else np.exp(-OWN), 12, squared)
    at = null.score_at(level)
    assert at is not None
    beyond, before = (at * 1.001, at * 0.999) if larger else (at * 0.999, at * 1.001)
    assert null.p_value(beyond) <= level * (1 + 1e-9)
    assert null.p_value(before) >= level * 0.97


def test_certainty_by_chance_stays_no_threshold() -> None:
    pairs = PairsNull(np.sort(np.r_[np.zeros(50), np.linspace(0.001, 1, 1_950)]), larger_is_drift=False)
    assert LimitedNull(pairs, np.linspace(0.1, 1, 12), 12).score_at(0.01) is None
