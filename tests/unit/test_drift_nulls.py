"""Nulls: deterministic, kept, bounded in cost and drawn for both samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from monitoring.drift import Sample, score
from monitoring.drift_nulls import DRAWS, NullCache, draw_null, size_bucket


def normal(n: int, seed: int = 0) -> Sample:
    return Sample.of(pa.array(np.random.default_rng(seed).normal(size=n)))


def letters(n: int, k: int = 8, seed: int = 0) -> Sample:
    return Sample.of(pa.array(np.random.default_rng(seed).choice([f"k{i}" for i in range(k)], n).tolist()))


@pytest.mark.parametrize("method", ["wasserstein", "ed", "jensenshannon", "psi", "kl_div", "hellinger"])
def test_a_null_of_numbers_is_like_scores_of_fresh_pairs(method: str) -> None:
    null = draw_null(method, normal(2_000), 300, seed=1)
    fresh = [score(method, normal(2_000, 2 * i), normal(300, 2 * i + 1)) for i in range(1, 121)]
    assert np.median(null) == pytest.approx(np.median(fresh), rel=0.25)
    assert np.quantile(null, 0.9) == pytest.approx(np.quantile(fresh, 0.9), rel=0.3)


@pytest.mark.parametrize("method", ["jensenshannon", "psi", "kl_div", "hellinger", "chisquare", "z"])
def test_a_null_of_categories_is_like_scores_of_fresh_pairs(method: str) -> None:
    null = draw_null(method, letters(2_000), 300, seed=1)
    fresh = [score(method, letters(2_000, seed=2 * i), letters(300, seed=2 * i + 1)) for i in range(1, 201)]
    assert np.median(null) == pytest.approx(np.median(fresh), rel=0.25)


def test_the_same_question_gets_the_same_null_and_another_seed_another() -> None:
    assert np.array_equal(draw_null("psi", letters(500), 100, seed=1), draw_null("psi", letters(500), 100, seed=1))
    assert not np.array_equal(draw_null("psi", letters(500), 100, seed=1), draw_null("psi", letters(500), 100, seed=2))


def test_a_null_has_enough_draws_for_its_quantile_and_no_nan() -> None:
    for method, reference in (("wasserstein", normal(10_000)), ("psi", normal(10_000)), ("z", letters(400, 2)), ("psi", letters(900, 800))):
        null = draw_null(method, reference, 250, seed=3)
        assert len(null) >= DRAWS
        assert np.isfinite(null).all()
        assert (np.diff(null) >= 0).all()


def test_a_constant_column_has_a_null_of_zeros() -> None:
    assert draw_null("wasserstein", Sample.of(pa.array([3.0] * 100)), 50, seed=1).max() == 0


def test_a_test_of_two_samples_needs_no_null() -> None:
    with pytest.raises(ValueError, match="needs no null"):
        draw_null("ks", normal(100), 50, seed=1)


def test_the_grid_of_a_large_column_stays_small() -> None:
    """A million rows cost as many draws as ten thousand: the multinomial has a few hundred cells."""
    from monitoring.drift_nulls import _grid

    shares, means, _ = _grid(np.sort(np.random.default_rng(1).lognormal(0, 2, 1_000_000)))
    assert len(shares) < 300
    assert shares.sum() == pytest.approx(1.0)
    assert (np.diff(means) > 0).all()


@pytest.mark.parametrize(("n", "bucket"), [(0, 0), (1, 1), (2, 2), (1024, 1024), (1217, 1024), (1218, 1218), (1000, 862)])
def test_window_sizes_are_rounded_down_to_four_steps_per_octave(n: int, bucket: int) -> None:
    assert size_bucket(n) == bucket


def test_rounding_never_goes_up_and_never_far() -> None:
    for n in range(1, 3000):
        assert n / 1.25 - 1 <= size_bucket(n) <= n


def test_the_cache_draws_once_and_keeps_it_for_the_next_process(tmp_path: Path) -> None:
    drawn = []

    def draw(seed: int) -> np.ndarray:
        drawn.append(seed)
        return draw_null("psi", letters(200), 100, seed=seed)

    first = NullCache(tmp_path).get("hash/amount", "psi", 200, 100, draw=draw)
    again = NullCache(tmp_path)
    assert np.array_equal(again.get("hash/amount", "psi", 200, 100, draw=draw), first)
    assert np.array_equal(again.get("hash/amount", "psi", 200, 100, draw=draw), first)
    assert len(drawn) == 1
    again.get("hash/amount", "psi", 200, 50, draw=draw)
    assert len(drawn) == 2
    assert drawn[0] != drawn[1]


def test_a_broken_or_unwritable_cache_file_is_drawn_anew(tmp_path: Path) -> None:
    def draw(seed: int) -> np.ndarray:
        return draw_null("psi", letters(200), 100, seed=seed)

    first = NullCache(tmp_path).get("k", draw=draw)
    for file in tmp_path.iterdir():
        file.write_bytes(b"not numpy")
    assert np.array_equal(NullCache(tmp_path).get("k", draw=draw), first)
    (tmp_path / "file").write_text("")
    assert np.array_equal(NullCache(tmp_path / "file").get("k", draw=draw), first)


def test_the_cache_holds_no_more_than_it_may() -> None:
    cache = NullCache(most=2)
    drawn = []

    def draw(seed: int) -> np.ndarray:
        drawn.append(seed)
        return np.zeros(DRAWS)

    for key in ("a", "b", "c", "a"):
        cache.get(key, draw=draw)
    assert len(drawn) == 4
