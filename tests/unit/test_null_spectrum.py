"""The shares that nulls of categories are drawn from are as uneven as the population's."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.drift import Sample, judged_scores
from monitoring.drift_nulls import draw
from monitoring.null_spectrum import seen_shares
from monitoring.null_tail import PairsNull


@given(st.lists(st.integers(1, 5_000), min_size=1, max_size=80))
def test_the_shares_are_whole_and_in_the_order_of_the_counts(counts: list[int]) -> None:
    shares = seen_shares(np.array(counts, np.float64))
    assert shares.sum() == pytest.approx(1)
    assert (shares > 0).all()
    ordered = shares[np.argsort(counts, kind="stable")]
    assert (np.diff(ordered) >= -1e-12).all()


def test_counts_that_chance_made_uneven_are_evened() -> None:
    """A Poisson count of 25 has a standard deviation of a fifth; of 200 that are equally common a third of it is left."""
    counts = np.random.default_rng(4).poisson(25, 200).astype(np.float64)
    assert np.std(counts / counts.mean()) > 0.15
    assert np.std(200 * seen_shares(counts)) < 0.08


def test_counts_that_the_population_made_uneven_stay() -> None:
    counts = np.array([9_000.0, 900, 90, 9])
    assert seen_shares(counts) == pytest.approx(counts / counts.sum(), rel=0.05)


@pytest.mark.parametrize("power", [0.0, 1.0])
def test_windows_of_many_categories_are_named_as_often_as_said(power: float) -> None:
    """Fifty categories, fifty rows against 500, at 5 %: with the sample's own shares 9 % were named of those of Zipf's law."""
    random, shares = np.random.default_rng(8), 1 / np.arange(1, 51.0) ** power
    named = []
    for seed in range(25):
        counts = random.multinomial(500, shares / shares.sum())
        reference = Sample.of(pa.array(np.repeat(np.arange(50), counts).astype(str)))
        null = PairsNull(draw("jensenshannon", reference, 50, seed=seed).scores, larger_is_drift=True)
        windows = random.multinomial(50, shares / shares.sum(), size=100).astype(np.float64)
        scores = judged_scores("jensenshannon", np.repeat(counts[None].astype(np.float64), 100, axis=0), windows)
        named.append(np.mean([null.p_value(float(score)) <= 0.05 for score in scores]))
    assert np.mean(named) == pytest.approx(0.05, abs=0.015)
