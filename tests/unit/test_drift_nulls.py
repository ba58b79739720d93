"""Nulls: deterministic, kept, bounded in cost and drawn for both samples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from monitoring.drift import Sample, score
from monitoring.drift_nulls import DRAWS, Drawn, NullCache, draw, size_bucket
from monitoring.null_cells import Cells, cells_of, scores_of


def draw_null(method: str, reference: Sample, n_window: int, *, seed: int) -> np.ndarray:
    return draw(method, reference, n_window, seed=seed).scores


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
        draw_null("t_test", normal(100), 50, seed=1)


def test_the_grid_of_a_large_column_stays_small() -> None:
    """A million rows cost as many draws as ten thousand: the multinomial has a few hundred cells."""
    cells = cells_of("wasserstein", Sample(numbers=np.sort(np.random.default_rng(1).lognormal(0, 2, 1_000_000))), 1_000)
    assert len(cells.shares) < 300
    assert cells.shares.sum() == pytest.approx(1.0)
    assert cells.means is not None
    assert (np.diff(cells.means) > 0).all()


@pytest.mark.parametrize(("n", "bucket"), [(0, 0), (1, 1), (2, 2), (1024, 1024), (1069, 1024), (1070, 1070), (1000, 981)])
def test_window_sizes_are_rounded_down_to_sixteen_steps_per_octave(n: int, bucket: int) -> None:
    assert size_bucket(n) == bucket


def test_rounding_never_goes_up_and_never_far() -> None:
    for n in range(1, 3000):
        assert n / 1.05 - 1 <= size_bucket(n) <= n


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


def test_a_null_survives_the_cache_as_it_was() -> None:
    drawn = draw("wasserstein", normal(400), 100, seed=1)
    again = Drawn.unpacked(drawn.packed())
    assert np.array_equal(again.scores, drawn.scores)
    assert np.array_equal(again.planted, drawn.planted)
    assert (again.dispersion, again.own_windows) == (drawn.dispersion, drawn.own_windows)


@pytest.mark.parametrize("method", ["wasserstein", "psi", "jensenshannon"])
def test_a_planted_shift_is_as_far_away_as_was_asked(method: str) -> None:
    """The scores of large windows with the planted shift lie around the sought effect."""
    drawn = draw(method, normal(100_000), 100_000, seed=1, sought=0.25)
    assert np.median(drawn.planted) == pytest.approx(0.25, rel=0.05)


def test_a_tilted_normal_column_is_a_shifted_one() -> None:
    """The planted Wasserstein distance of 0.25 is found as often as a true shift by 0.25 standard deviations."""
    drawn = draw("wasserstein", normal(5_000), 300, seed=1, sought=0.25)
    windows = [Sample.of(pa.array(np.random.default_rng(seed).normal(0.25, 1, 300))) for seed in range(200)]
    shifted = [score("wasserstein", normal(5_000, 1_000 + place), window) for place, window in enumerate(windows)]
    assert np.quantile(drawn.planted, [0.2, 0.5, 0.8]) == pytest.approx(np.quantile(shifted, [0.2, 0.5, 0.8]), rel=0.12)


@pytest.mark.parametrize("sizes", [(500, 50), (1_000, 100), (1_000, 500), (3_000, 3_000)])
def test_the_nulls_ks_is_scipys_within_a_twelfth(sizes: tuple[int, int]) -> None:
    """Kolmogorov's limit was 1.4 times too high at 50 rows against 500, and named as many windows too many."""
    n, m = sizes
    for gap in (1.5, 1.8, 2.1):  # p of 0.02 to 0.0003
        lower = round(m * gap / np.sqrt(n * m / (n + m)))
        a, b = np.repeat([0.0, 1.0], [0, n]), np.repeat([0.0, 1.0], [lower, m - lower])
        cells = Cells(np.array([0.5, 0.5]), np.array([0, 1]))
        found = scores_of("ks", cells, np.array([[0.0, n], [0.0, n]]), np.array([[lower, m - lower], [0, m]], float), sizes)
        assert found[0] == pytest.approx(stats.ks_2samp(a, b).pvalue, rel=0.08)
        assert found[1] == 1.0


@pytest.mark.parametrize("power", [1.5, 2.0])
def test_references_drawn_anew_miss_as_much_as_the_reference_did(power: float) -> None:
    """Of 200 categories with a long tail: by Good and Turing's estimate. With Chao's bound of the missed ones, three quarters of it."""
    shares = 1 / np.arange(1, 201.0) ** power
    for seed in range(5):
        counts = np.random.default_rng(seed).multinomial(5_000, shares / shares.sum())
        reference = Sample(categories={f"k{i}": int(count) for i, count in enumerate(counts) if count})
        cells = cells_of("jensenshannon", reference, 500)
        once = np.count_nonzero(counts == 1) / 5_000
        assert np.sum(cells.shares * (1 - cells.shares) ** 5_000) == pytest.approx(once, rel=0.1)
