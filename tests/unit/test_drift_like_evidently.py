"""Every branch of Evidently's scores, on columns of many shapes and sizes: ours are the same to 1e-9, or neither has one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from monitoring.drift import COVERED, METHODS, Sample, comparable, resolve_method, score
from monitoring.drift.sorted_numbers import area, largest_gap
from tests.unit.conftest import EvidentlyScore

SHAPES = {
    "normal": lambda r, n: r.normal(size=n),
    "skewed": lambda r, n: r.lognormal(0, 2, n),
    "heavy tails": lambda r, n: r.standard_cauchy(n),
    "far from zero": lambda r, n: 1.7e9 + r.normal(0, 1, n),  # closer together, Evidently's own mean is rounded too roughly for 1e-9
    "very large": lambda r, n: r.normal(0, 1e150, n),
    "very small": lambda r, n: r.normal(0, 1e-12, n),
    "constant": lambda _, n: np.full(n, 7.0),
    "zero": lambda r, n: r.choice([0.0, -0.0], n),
    "booleans": lambda r, n: r.integers(0, 2, n).astype(float),
    "three values": lambda r, n: r.choice([1.0, 2.5, 9.0], n, p=[0.8, 0.19, 0.01]),
    "five values": lambda r, n: r.integers(0, 5, n).astype(float),
    "twenty values": lambda r, n: r.integers(0, 20, n) / 3,
    "twenty-one values": lambda r, n: r.integers(0, 21, n) / 3,
    "ties": lambda r, n: np.round(r.normal(0, 3, n)),
    "half ties": lambda r, n: np.maximum(r.normal(size=n), 0.0),
    "whole": lambda r, n: np.floor(r.exponential(50, n)),
}
WORDS = {
    "one word": ["a"],
    "two words": ["a", "b"],
    "other words": ["b", "c", "", "é"],
    "many words": [f"w{i}" for i in range(60)],
    "no and yes": ["False", "True"],
}
SIZES = (1, 2, 3, 20, 150, 999, 1_000, 1_001, 3_000)
NUMERIC = sorted(m for m in COVERED if "numerical" in METHODS[m].kinds)
COUNTED = sorted(m for m in COVERED - {"chisquare_contingency"} if "categorical" in METHODS[m].kinds)  # that one is not Evidently's

shapes, sizes = st.sampled_from(sorted(SHAPES)), st.sampled_from(SIZES)
words = st.sampled_from(sorted(WORDS))
seeds = st.integers(0, 2**32 - 1)
drifts = st.sampled_from([(0.0, 1.0), (0.3, 1.0), (0.0, 1.4), (-5.0, 1.0), (1e4, 1.0)])
relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


def numbers(shape: str, n: int, seed: int, *, drift: tuple[float, float] = (0.0, 1.0), holes: bool = False) -> np.ndarray:
    random = np.random.default_rng(seed)
    values = SHAPES[shape](random, n) * drift[1] + drift[0]
    if holes:
        values[random.random(n) < 0.3] = random.choice([np.nan, np.inf, -np.inf])
    return values


def samples(kind: str, *columns: Any) -> list[Sample]:
    """Samples of columns as a run makes them: by way of a table, nulls and what is no number dropped."""
    type_ = pa.string() if kind == "categorical" else pa.float64()
    return [Sample.of(comparable(pa.table({"x": pa.array(list(c), type_)}), "x", kind)) for c in columns]


def agree(method: str, ours: float | None, theirs: float | None) -> None:
    """Both have no score, or both have the same. Where Evidently's root of a tiny negative number is NaN, ours is the root of zero."""
    if ours is None or theirs is None or not np.isfinite(theirs):
        assert ours is None or (method == "jensenshannon" and ours == 0), (ours, theirs)
        return
    root = method in ("jensenshannon", "hellinger") and theirs < 1e-4  # its square is equal to 1e-15
    assert ours == pytest.approx(theirs, rel=1e-9, abs=4e-8 if root else 1e-9)


def compare(theirs_of: EvidentlyScore, method: str, kind: str, reference: Any, window: Any) -> None:
    a, b = samples(kind, reference, window)
    if kind == "numerical":
        reference, window = reference[np.isfinite(reference)], window[np.isfinite(window)]
    try:
        ours: float | None = score(resolve_method(method, kind, a, b), a, b)
    except ValueError:
        ours = None
    try:
        name, theirs = theirs_of(None if method == "auto" else method, kind, reference, window)
    except Exception:  # Evidently's functions raise whatever the library beneath them does
        name, theirs = method, None
    if method == "auto" and a.n and b.n:
        assert resolve_method(method, kind, a, b) == name
    agree(name, ours, theirs)


@pytest.mark.parametrize("method", ["auto", *NUMERIC])
@given(shape=shapes, other=st.one_of(st.none(), shapes), drift=drifts, n=sizes, m=sizes, seed=seeds, holes=st.booleans())
@example(shape="constant", other=None, drift=(0.0, 1.0), n=20, m=20, seed=1, holes=False)
@example(shape="twenty values", other="normal", drift=(0.0, 1.0), n=3_000, m=999, seed=1, holes=False)
@example(shape="normal", other=None, drift=(0.0, 1.0), n=1, m=1, seed=1, holes=True)
@relaxed
def test_numbers_score_as_with_evidently(evidently_score: EvidentlyScore, method: str, shape: str, other: str | None,
                                         drift: tuple[float, float], n: int, m: int, seed: int, holes: bool) -> None:  # fmt: skip
    reference, window = numbers(shape, n, seed, holes=holes), numbers(other or shape, m, seed + 1, drift=drift, holes=holes)
    compare(evidently_score, method, "numerical", reference, window)


@pytest.mark.parametrize("method", ["auto", *COUNTED])
@given(one=words, other=words, n=sizes, m=sizes, seed=seeds)
@example(one="many words", other="other words", n=3_000, m=20, seed=1)
@relaxed
def test_categories_score_as_with_evidently(evidently_score: EvidentlyScore, method: str, one: str, other: str, n: int, m: int,
                                            seed: int) -> None:  # fmt: skip
    random = np.random.default_rng(seed)
    compare(evidently_score, method, "categorical", random.choice(WORDS[one], n).tolist(), random.choice(WORDS[other], m).tolist())


@pytest.mark.parametrize("method", ["z", "chisquare"])
@pytest.mark.parametrize("shape", ["booleans", "three values", "five values"])
def test_numbers_with_few_values_can_be_counted(evidently_score: EvidentlyScore, method: str, shape: str) -> None:
    """Evidently takes its tests of categories for such numbers by itself, and by name where the column is declared to be categorical."""
    reference, window = numbers(shape, 900, 1), numbers(shape, 300, 2)
    a, b = samples("numerical", reference, window)
    agree(method, score(method, a, b), evidently_score(method, "categorical", reference, window)[1])


def test_a_column_without_a_value_on_either_side_has_a_reason_and_no_score() -> None:
    some, none = samples("numerical", [1.0, 2.0], [np.nan, np.inf])
    for pair in ((some, none), (none, some), (none, none)):
        for method in sorted(COVERED):
            with pytest.raises(ValueError, match="has no value of this column"):
                score(method, *pair)


@given(shape=shapes, other=shapes, n=st.integers(1, 400), m=st.integers(1, 400), seed=seeds)
@settings(max_examples=300, deadline=None)
def test_blocks_decide_as_every_value_would(shape: str, other: str, n: int, m: int, seed: int) -> None:
    """The largest gap is the very number that comparing everywhere gives, and the area the integral over every step."""
    a, b = samples("numerical", numbers(shape, n, seed), numbers(other, m, seed + 1))
    grid = np.sort(np.concatenate([a.values, b.values]))
    gaps = np.searchsorted(a.values, grid, "right") / n - np.searchsorted(b.values, grid, "right") / m
    assert largest_gap(a, b) == np.abs(gaps).max()
    expected = float(np.sum(np.abs(gaps[:-1]) * np.diff(grid)))
    assert area(a, b) == pytest.approx(expected, rel=1e-10, abs=1e-13 * max(a.std, b.std))
    assert area(a, b) == pytest.approx(area(b, a), rel=1e-12, abs=1e-13 * max(a.std, b.std))


@pytest.mark.parametrize(("n", "m"), [(200_000, 200_000), (10_001, 30), (30_000, 100_000)])
def test_large_samples_score_as_with_evidently(evidently_score: EvidentlyScore, n: int, m: int) -> None:
    for shape in ("normal", "heavy tails", "ties"):
        reference, window = numbers(shape, n, 1), numbers(shape, m, 2, drift=(0.001, 1.0))
        for method in NUMERIC:
            compare(evidently_score, method, "numerical", reference, window)


def test_the_same_rows_are_at_no_distance() -> None:
    values = numbers("normal", 50_000, 3)
    one, same = samples("numerical", values, values[::-1])
    assert area(one, same) < 1e-14
    assert largest_gap(one, same) == 0


def test_a_spread_of_few_roundings_is_measured_exactly() -> None:
    """Milliseconds around 1.7e9, whose doubles are 2.4e-7 apart: the same as of the exact differences from 1.7e9."""
    values = 1.7e9 + np.random.default_rng(4).normal(0, 1e-3, 5_000)
    [far], [near] = samples("numerical", values), samples("numerical", values - 1.7e9)
    assert far.std == pytest.approx(near.std, rel=1e-12)
