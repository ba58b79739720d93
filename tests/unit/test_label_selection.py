"""Labelled rows are compared with the others: a selection that matters is named, chance is not."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from monitoring.performance.selection import MINIMUM_ROWS, compare


def test_numbers_are_compared_by_scipys_two_sample_test() -> None:
    random = np.random.default_rng(1)
    values, labelled = random.normal(size=900), np.arange(900) < 300
    values[labelled] += 0.4
    found = compare(pa.array(values), labelled)
    expected = stats.ks_2samp(values[:300], values[300:], method="asymp")
    assert (found.value, found.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    assert (found.method, found.n, found.n_other) == ("ks_distance", 300, 600)


def test_categories_are_compared_by_pearsons_test_and_the_shares_that_differ() -> None:
    values = ["a"] * 60 + ["b"] * 40 + ["a"] * 100 + ["b"] * 100
    found = compare(pa.array(values), np.arange(300) < 100)
    assert found.value == pytest.approx(0.1)  # 60 % against 50 %
    assert found.p_value == pytest.approx(stats.chi2_contingency([[60, 40], [100, 100]], correction=False).pvalue)
    assert found.method == "total_variation"


def test_rare_categories_are_pooled_and_do_not_alarm() -> None:
    random = np.random.default_rng(2)
    alarms = 0
    for _ in range(300):
        values = pa.array([f"c{code}" for code in random.zipf(1.5, 600).clip(max=200)])
        alarms += compare(values, random.random(600) < 0.3).p_value < 0.05
    assert alarms <= 27  # 15 of 300 are expected, 27 or more come by chance once in 500


def test_missing_values_count_on_neither_side_and_few_rows_are_not_compared() -> None:
    values = pa.array([1.0] * 100 + [None] * 100)
    found = compare(values, np.arange(200) < 150)
    assert found.value is None
    assert found.reason == f"Only 0 unlabelled rows with a value; {MINIMUM_ROWS} are needed to compare."
    assert (found.n, found.n_other) == (100, 0)


def test_a_single_category_is_no_difference() -> None:
    found = compare(pa.array(["a"] * 100), np.arange(100) < 50)
    assert (found.value, found.p_value) == (0.0, 1.0)
