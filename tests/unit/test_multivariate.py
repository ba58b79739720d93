"""Drift of all features together: the classifier's numbers, its level without drift, and what it sees that no column shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import binom
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score

from monitoring.drift import Sample, score
from monitoring.engine_jobs import Score
from monitoring.multivariate import MOST_ROWS, Encoder, Reference, compare, sampled
from monitoring.multivariate import domain as of_domain
from monitoring.multivariate.domain import domain_auc, domain_null
from monitoring.multivariate.encoding import columns_of, joined
from monitoring.own_windows import Span
from monitoring.verdicts import calibrate, judge_drift

MONDAY, DAY = datetime(2026, 3, 2, tzinfo=UTC), timedelta(days=1)

KINDS = {"a": "numerical", "b": "numerical", "c": "numerical", "word": "categorical", "city": "categorical"}


def rows(rng: np.random.Generator, n: int, *, correlation: float = 0.8, shift: float = 0.0, words: tuple[float, ...] = (0.5, 0.3, 0.2),
         missing: float = 0.05) -> pa.Table:  # fmt: skip
    """Two related numbers, a skewed one with gaps, a word and a city of many."""
    a, noise = rng.normal(size=(2, n))
    return pa.table({
        "a": a, "b": correlation * a + np.sqrt(1 - correlation**2) * noise,
        "c": pa.array(rng.lognormal(shift, 1.0, n), mask=rng.random(n) < missing),
        "word": rng.choice(["x", "y", "z"], n, p=words), "city": [f"city {number}" for number in rng.integers(0, 400, n)],
    })  # fmt: skip


def found(reference: pa.Table, window: pa.Table, **more: Any) -> dict[str, Any]:
    return {one.method: one for one in compare(Reference(reference, KINDS, key="r", **more), window)}


def test_a_changed_correlation_is_seen_though_no_column_changed() -> None:
    rng = np.random.default_rng(1)
    reference, window = rows(rng, 3_000), rows(rng, 1_500, correlation=0.0)
    both = found(reference, window)
    assert [both[name].status for name in ("domain_classifier", "pca_reconstruction")] == ["drift", "drift"]
    for one in both.values():
        assert set(sorted(one.drivers, key=lambda name: -one.drivers[name])[:2]) == {"a", "b"}
        assert one.drivers["a"] + one.drivers["b"] > 0.8
        assert sum(one.drivers.values()) == pytest.approx(1)
    assert both["pca_reconstruction"].change > 0
    for name, kind in KINDS.items():
        before, after = (Sample.of_column(table, name, kind) for table in (reference, window))
        method = "jensenshannon" if kind == "categorical" else "wasserstein"
        calibration = calibrate(method, before, after.n, key=f"r/{name}")
        assert judge_drift(Score(value=score(method, before, after)), calibration).status != "drift", name


@pytest.mark.parametrize(("changed", "driver"), [({"shift": 0.5}, "c"), ({"missing": 0.3}, "c"), ({"words": (0.25, 0.35, 0.4)}, "word")])
def test_a_changed_column_is_the_driver(changed: dict[str, Any], driver: str) -> None:
    rng = np.random.default_rng(2)
    one = found(rows(rng, 3_000), rows(rng, 1_500, **changed))["domain_classifier"]
    assert one.status == "drift"
    assert max(one.drivers, key=lambda name: one.drivers[name]) == driver
    assert one.drivers[driver] > 0.8


def test_the_classifier_has_the_numbers_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    reference = rows(rng, 600)
    samples = [columns_of(table, KINDS) for table in (reference, rows(rng, 200, shift=0.3))]
    encoder = Encoder.fit(joined(*samples))
    before, after = (encoder.rich(encoder.plain(sample)) for sample in samples)
    folds = of_domain._folds(600, 200, np.random.default_rng(4))
    everything, target = np.vstack([before, after]), np.repeat([0.0, 1.0], [600, 200])
    expected = []
    for fold in folds:
        train = np.setdiff1d(np.arange(800), fold)
        ridge = Ridge(alpha=of_domain._SHRINKAGE).fit(everything[train], target[train])
        expected.append(roc_auc_score(target[fold], ridge.predict(everything[fold])))
    assert domain_auc(before, after, seed=4) == pytest.approx(np.mean(expected), abs=1e-9)


def test_the_same_rows_give_the_same_numbers() -> None:
    rng = np.random.default_rng(5)
    reference, window = rows(rng, 500), rows(rng, 300)
    assert found(reference, window) == found(reference, window)


def test_many_rows_are_sampled_in_order_and_always_the_same_ones() -> None:
    table = pa.table({"n": np.arange(10 * MOST_ROWS)})
    some = sampled(table)
    assert some.num_rows == MOST_ROWS
    assert some.equals(sampled(table))
    assert some["n"].to_pylist() == sorted(some["n"].to_pylist())
    assert sampled(some) is some


def test_few_rows_are_not_judged() -> None:
    rng = np.random.default_rng(6)
    assert {one.status for one in found(rows(rng, 500), rows(rng, 29)).values()} == {"insufficient_data"}
    assert {one.status for one in found(rows(rng, 29), rows(rng, 500)).values()} == {"insufficient_data"}
    alone = compare(Reference(rows(rng, 500), {"a": "numerical"}, key="r"), rows(rng, 500))
    assert {one.status for one in alone} == {"not_applicable"}


def test_features_that_never_vary_are_no_error() -> None:
    same = pa.table({"a": np.ones(100), "b": ["x"] * 100})
    both = compare(Reference(same, {"a": "numerical", "b": "categorical"}, key="r"), same)
    assert [one.status for one in both] == ["ok", "not_applicable"]
    other = pa.table({"a": np.full(100, 2.0), "b": ["x"] * 100})
    assert compare(Reference(same, {"a": "numerical", "b": "categorical"}, key="r"), other)[0].status == "drift"


def test_every_value_is_a_number_whatever_comes() -> None:
    rng = np.random.default_rng(7)
    odd = pa.table({"a": [np.nan, np.inf, 1e300], "b": pa.array([None, -1e300, 0.0]), "c": pa.nulls(3, pa.float64()),
                    "word": ["never", None, "x"], "city": pa.nulls(3, pa.string())})  # fmt: skip
    both = joined(columns_of(rows(rng, 200), KINDS), columns_of(odd, KINDS))
    encoder = Encoder.fit(both)
    assert np.isfinite(encoder.rich(encoder.plain(both))).all()


def test_the_null_of_a_small_reference_copies_rows_into_one_fold_only() -> None:
    """Were copies learnt by heart, its mean would lie far above one half."""
    rng = np.random.default_rng(8)
    null = domain_null(columns_of(rows(rng, 60), KINDS), 60, 240, draws=500, seed=1)
    assert abs(null.mean() - 0.5) < 0.03


@pytest.mark.slow
@pytest.mark.parametrize(("n_reference", "n_window"), [(300, 100), (300, 600), (2_000, 300)])
def test_without_drift_each_method_names_as_many_windows_as_it_says(n_reference: int, n_window: int) -> None:
    """A new reference for each window: the reference's own sampling error is part of the chance. 99.9 % bound of a binomial count."""
    trials, level, alarms = 40, 0.1, {"domain_classifier": 0, "pca_reconstruction": 0}
    for trial in range(trials):
        rng = np.random.default_rng([9, n_reference, n_window, trial])
        reference = Reference(rows(rng, n_reference), KINDS, key=str(trial), draws=100)
        for one in compare(reference, rows(rng, n_window), level=level):
            assert one.p_value is not None
            alarms[one.method] += one.p_value <= level
    assert max(alarms.values()) <= binom.ppf(0.999, trials, level), alarms


def days(rng: np.random.Generator, count: int, *, correlation: float = 0.8) -> pa.Table:
    """So many days of 150 rows from a Monday on; on weekends the two related numbers are half a deviation higher."""
    at = pa.array(int(MONDAY.timestamp()) * 1_000_000 + np.arange(count * 150) * (86_400_000_000 // 150)).cast(pa.timestamp("us", "UTC"))
    table = rows(rng, count * 150, correlation=correlation)
    weekend = 0.5 * ((np.arange(count * 150) // 150) % 7 >= 5)
    for name in ("a", "b"):
        table = table.set_column(table.column_names.index(name), name, pa.array(table[name].to_numpy() + weekend))
    return table.append_column("@t", at)


def test_the_references_own_season_is_no_drift_and_a_changed_relation_still_is() -> None:
    rng = np.random.default_rng(8)
    reference = Reference(days(rng, 42), KINDS, key="season", draws=200)
    saturday = Span(MONDAY + 5 * DAY, MONDAY + 6 * DAY)
    weekends = [days(rng, 7).slice(5 * 150, 150) for _ in range(4)]
    alone = [compare(reference, window, level=0.01)[0].status for window in weekends]
    beside = [compare(reference, window, level=0.01, span=saturday)[0] for window in weekends]
    assert alone.count("drift") >= 2
    assert [one.status for one in beside].count("drift") == 0
    assert beside[0].own_windows == 20
    assert "own windows" in beside[0].reason
    broken = compare(reference, days(rng, 7, correlation=-0.8).slice(0, 150), level=0.01, span=saturday)
    assert "drift" in [one.status for one in broken]


def test_a_reference_without_times_has_no_windows_of_its_own() -> None:
    rng = np.random.default_rng(9)
    reference = Reference(rows(rng, 600), KINDS, key="timeless", draws=100)
    assert [one.own_windows for one in compare(reference, rows(rng, 200), span=Span(MONDAY, MONDAY + DAY))] == [0, 0]
