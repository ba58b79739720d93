"""Our drift scores are Evidently's, to 1e-9, on whatever values come."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring.drift import METHODS, Sample, base_method, comparable, effect, is_effect, method_label, resolve_method, score, why_not
from tests.unit.conftest import EvidentlyScore

OURS = {"wasserstein", "jensenshannon", "psi", "kl_div", "hellinger", "ed", "ks", "chisquare", "z"}


@pytest.fixture(scope="session")
def evidently(evidently_score: EvidentlyScore) -> Callable[[str, str, list[Any], list[Any]], float]:
    return lambda method, kind, reference, window: evidently_score(method, kind, reference, window)[1]


def sample(values: list[Any]) -> Sample:
    return Sample.of(pa.array(values, pa.string() if values and isinstance(values[0], str) else pa.float64()))


def near(method: str, expected: float) -> Any:
    """Equal to 1e-9; for roots near zero, where the last digit under the root decides, their squares are (1e-15)."""
    if np.isnan(expected):  # Jensen-Shannon of equal histograms may be the root of a tiny negative number
        expected = 0.0
    root = method in ("jensenshannon", "hellinger") and expected < 1e-4
    return pytest.approx(expected, rel=1e-9, abs=4e-8 if root else 1e-9)


numbers = st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=80)
few_numbers = st.lists(st.integers(0, 30).map(float), min_size=2, max_size=200)
categories = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "", "é", "<b>"]), min_size=1, max_size=120)
relaxed = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.mark.parametrize("method", sorted(m for m in OURS if "numerical" in METHODS[m].kinds))
@given(data=st.data())
@relaxed
def test_scores_of_numbers_equal_evidently(evidently: Callable[..., float], method: str, data: st.DataObject) -> None:
    reference, window = data.draw(st.one_of(st.tuples(numbers, numbers), st.tuples(few_numbers, few_numbers)))
    expected = evidently(method, "numerical", reference, window)
    assert score(method, sample(reference), sample(window)) == near(method, expected)


@pytest.mark.parametrize("method", sorted(m for m in OURS if "categorical" in METHODS[m].kinds))
@given(reference=categories, window=categories)
@relaxed
def test_scores_of_categories_equal_evidently(evidently: Callable[..., float], method: str, reference: list[str],
                                              window: list[str]) -> None:  # fmt: skip
    a, b = sample(reference), sample(window)
    if why_not(method, a, b) is not None:
        return
    expected = evidently(method, "categorical", reference, window)
    assert score(method, a, b) == near(method, expected)


def test_the_contingency_chi_square_is_scipys_and_bears_its_own_name() -> None:
    from scipy.stats import chi2_contingency

    rng = np.random.default_rng(1)
    reference, window = rng.choice(list("abcd"), 300).tolist(), rng.choice(list("abcde"), 90).tolist()
    table = [[values.count(c) for c in "abcde"] for values in (reference, window)]
    ours = score("chisquare_contingency", sample(reference), sample(window))
    assert ours == pytest.approx(chi2_contingency(table, correction=False).pvalue, rel=1e-9)
    assert METHODS["chisquare_contingency"].source == "driftboard"
    assert score("chisquare", sample(reference), sample(window)) < ours / 2


@pytest.mark.parametrize(
    ("kind", "rows", "distinct", "chosen"),
    [
        ("numerical", 1000, 50, "ks"), ("numerical", 1001, 50, "wasserstein"),
        ("numerical", 1000, 6, "ks"), ("numerical", 1000, 5, "chisquare"), ("numerical", 1000, 3, "chisquare"), ("numerical", 1000, 2, "z"),
        ("numerical", 1001, 5, "jensenshannon"), ("numerical", 1001, 6, "wasserstein"),
        ("categorical", 1000, 2, "z"), ("categorical", 1000, 3, "chisquare"), ("categorical", 1001, 2, "jensenshannon"),
        ("categorical", 1000, 40, "chisquare"), ("categorical", 1001, 40, "jensenshannon"),
    ],
)  # fmt: skip
def test_auto_is_the_method_evidently_would_choose(kind: str, rows: int, distinct: int, chosen: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas as pd
        from evidently.legacy.calculations.stattests.registry import get_stattest
    values = [float(i % distinct) if kind == "numerical" else f"k{i % distinct}" for i in range(rows)]
    theirs = get_stattest(pd.Series(values), pd.Series(values[:distinct]), kind[:3], None).name
    assert resolve_method("auto", kind, sample(values), sample(values[:distinct])) == theirs == chosen


def test_a_value_that_only_the_window_has_counts_for_the_choice() -> None:
    reference = sample(["a", "b"] * 100)
    assert resolve_method("auto", "categorical", reference, sample(["a", "b"])) == "z"
    assert resolve_method("auto", "categorical", reference, sample(["a", "c"])) == "chisquare"


def test_text_is_compared_by_length_and_time_by_age_and_the_method_says_so() -> None:
    moments = pa.array([10_000_000, 20_000_000], pa.timestamp("us", tz="UTC"))
    opened = pa.array([4_000_000, None], pa.timestamp("us", tz="UTC"))
    table = pa.table({"@t": moments, "opened": opened, "comment": pa.array(["héllo", None])})
    assert comparable(table, "comment", "text").to_pylist() == [5.0, None]
    assert comparable(table, "opened", "datetime").to_pylist() == [6.0, None]
    assert comparable(table.drop_columns("@t"), "opened", "datetime").to_pylist() == [None, None]
    some = sample([1.0, 2.0])
    assert resolve_method("auto", "text", some, some) == "length_ks"
    assert resolve_method("wasserstein", "datetime", some, some) == "age_wasserstein"
    assert base_method("length_wasserstein") == "wasserstein"
    assert method_label("age_ks") == "Kolmogorov-Smirnov of age at prediction"
    assert method_label("length_ks") == "Kolmogorov-Smirnov of text length"


def test_nulls_nan_and_infinity_are_no_values() -> None:
    numbers, letters = [1.0, None, float("nan"), float("inf"), -float("inf"), 2.0], ["a", None, "", "a", "b", "a"]
    table = pa.table({"x": pa.array(numbers), "c": pa.array(letters)})
    assert Sample.of_column(table, "x", "numerical").n == 2
    assert Sample.of_column(table, "c", "categorical").counts == {"a": 3, "": 1, "b": 1}
    assert Sample.of_column(table, "missing", "numerical").n == 0


def test_a_sample_without_values_has_no_score_but_a_reason() -> None:
    some, none = sample([1.0, 2.0]), Sample.of(pa.array([], pa.float64()))
    assert why_not("ks", none, some) == "The reference has no value of this column."
    assert why_not("ks", some, none) == "The window has no value of this column."
    with pytest.raises(ValueError, match="no value"):
        score("ks", some, none)
    with pytest.raises(ValueError, match="Evidently only"):
        score("anderson", some, some)


def test_methods_that_grow_too_fast_are_bounded() -> None:
    many = sample(["a", "b"] * 8_000)
    assert "limited to 20,000 rows" in (why_not("TVD", many, many) or "")


def test_the_effect_of_a_test_is_a_distance() -> None:
    rng = np.random.default_rng(2)
    a, b = sample(rng.normal(0, 1, 4000).tolist()), sample(rng.normal(0.5, 1, 4000).tolist())
    assert not is_effect("ks")
    assert effect("ks", 1e-30, a, b) == pytest.approx(0.5, abs=0.08)
    assert effect("psi", 0.3, a, b) == 0.3
    assert not is_effect("ed")
    assert effect("ed", 12.0, a, b) == score("wasserstein", a, b)
    categories = sample(["a", "b"] * 50), sample(["a", "a", "b"] * 50)
    assert effect("chisquare", 0.01, *categories) == score("jensenshannon", *categories)


def test_what_methods_are_is_told_without_scipys_tests() -> None:
    code = "import monitoring.charts.drift, sys; sys.exit('scipy.stats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
