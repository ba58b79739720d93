"""Since when: exact on a clear step, honest on a noisy one, silent about what came before the first window."""

from __future__ import annotations

import numpy as np
import pytest

from monitoring.causes.change_points import Change, change_point


def step(rng: np.random.Generator, before: int, after: int, *, height: float, noise: float = 1.0) -> list[float]:
    return [*rng.normal(0, noise, before), *rng.normal(height, noise, after)]


def test_a_clear_step_is_dated_to_its_window() -> None:
    values = step(np.random.default_rng(1), 36, 14, height=20)
    assert change_point(values, [False] * 36 + [True] * 14) == Change(36, 36, 36)


def test_one_calm_window_within_the_trouble_does_not_begin_it_anew() -> None:
    values = step(np.random.default_rng(2), 30, 20, height=8)
    bad = [False] * 30 + [True] * 9 + [False] + [True] * 10
    assert change_point(values, bad).at == 30


def test_a_false_alarm_long_before_is_not_the_beginning() -> None:
    values = step(np.random.default_rng(3), 30, 10, height=8)
    bad = [False] * 5 + [True] + [False] * 24 + [True] * 10
    assert change_point(values, bad).at == 30


def test_of_two_rises_the_first_is_the_beginning() -> None:
    rng = np.random.default_rng(4)
    values = [*step(rng, 20, 10, height=8), *rng.normal(20, 1, 10)]
    assert change_point(values, [False] * 20 + [True] * 20).at == 20


def test_what_was_always_so_may_be_older() -> None:
    assert change_point([5.0, 5.1, 4.9, 5.0], [True] * 4) == Change(0, 0, 0, at_least=True)


@pytest.mark.parametrize("before", [0, 1, 2, 9])
def test_a_single_bad_window_at_the_end_is_its_own_beginning(before: int) -> None:
    values = step(np.random.default_rng(5), before, 1, height=30)
    found = change_point(values, [False] * before + [True])
    assert found.at == before
    assert found.at_least == (before == 0)


def test_values_that_do_not_vary_are_no_error() -> None:
    assert change_point([0.0] * 5 + [1.0] * 5, [False] * 5 + [True] * 5) == Change(5, 5, 5)


@pytest.mark.parametrize("height", [1.5, 3.0])
def test_the_interval_holds_the_true_window_as_often_as_it_says(height: float) -> None:
    """95 % nominal; found segments are chosen, so that a little less is held: at least 85 % of 200, among those in which one was found."""
    held = []
    for trial in range(200):
        values = step(np.random.default_rng([6, trial]), 30, 30, height=height)
        found = change_point(values, [False] * 30 + [True] * 30)
        held.append(found.lower <= 30 <= found.upper)
    assert np.mean(held) >= 0.85, np.mean(held)
