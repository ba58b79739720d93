"""Profiles are distributions that add up to one, in bins that all windows share, and curves small enough to send to a browser."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from sklearn import metrics as sk

from monitoring.profiles import binning, distribution, latencies, outcomes, popularity, table
from storage.points import PROFILES

RANDOM = np.random.default_rng(5)


def of(rows: Iterable[dict[str, Any]], kind: str, series: str = "current") -> list[dict[str, Any]]:
    return [row for row in rows if row["kind"] == kind and row["series"] == series]


def shares(rows: Iterable[dict[str, Any]], series: str = "current") -> dict[str, float]:
    return {row["label"]: row["value"] for row in of(rows, "histogram", series)}


def test_shares_of_both_series_add_up_to_one_even_beyond_the_references_range() -> None:
    bins = binning("amount", pa.array(RANDOM.normal(0, 1, 5_000)))
    rows = distribution("amount", pa.array([-50.0, 0.0, 0.1, 90.0, None]), bins)
    for series in ("reference", "current"):
        assert sum(row["value"] for row in of(rows, "histogram", series)) == pytest.approx(1)
    current = of(rows, "histogram")
    assert len(current) == 30
    assert (current[0]["n"], current[-1]["n"]) == (1, 1)
    assert current[0]["label"].startswith("< ")
    assert current[-1]["label"].startswith("≥ ")


def test_windows_share_the_references_bins() -> None:
    bins = binning("amount", pa.array(RANDOM.normal(0, 1, 500)))
    one, other = (distribution("amount", pa.array(RANDOM.normal(shift, 1, 200)), bins) for shift in (0, 3))
    assert [row["x"] for row in of(one, "histogram")] == [row["x"] for row in of(other, "histogram")]
    assert [row["x"] for row in of(one, "histogram")] == [row["x"] for row in of(one, "histogram", "reference")]


def test_a_number_with_few_values_has_one_bin_for_each() -> None:
    rows = binning("weekday", pa.array([float(day % 7) for day in range(70)])).rows
    assert [row["n"] for row in of(rows, "histogram", "reference")] == [10] * 7
    assert all(row["x"] < day < row["x_end"] for day, row in enumerate(of(rows, "histogram", "reference")))


@pytest.mark.parametrize("values", [[5.0] * 40, [5.0] * 10_000 + list(range(40)), [], [None, None], [1e300, -1e300]])
def test_odd_columns_have_bins_too(values: list[float | None]) -> None:
    bins = binning("x", pa.array(values, pa.float64()))
    rows = distribution("x", pa.array([1.0, 7.0]), bins)
    assert sum(row["value"] for row in of(rows, "histogram")) == pytest.approx(1)
    assert all(row["x"] < row["x_end"] for row in of(rows, "histogram"))


def test_a_new_category_stands_by_its_name_with_a_reference_share_of_zero() -> None:
    bins = binning("country", pa.array(["FR"] * 6 + ["DE"] * 4))
    rows = distribution("country", pa.array(["FR", "XX", "XX", "DE", None]), bins)
    assert shares(rows) == pytest.approx({"FR": 0.25, "DE": 0.25, "XX": 0.5})
    assert shares(rows, "reference") == pytest.approx({"FR": 0.6, "DE": 0.4, "XX": 0.0})


def test_many_categories_end_in_other_and_their_new_ones_still_stand_out() -> None:
    reference = [f"c{i:03}" for i in range(100) for _ in range(200 - i)]
    rows = distribution("c", pa.array(["c000", "c099", "zz"]), binning("c", pa.array(reference)))
    assert shares(rows)["(other)"] == pytest.approx(1 / 3)
    assert shares(rows)["zz"] == pytest.approx(1 / 3)
    assert shares(rows, "reference")["zz"] == 0.0
    assert len(of(rows, "histogram")) <= 41


def test_missing_values_are_a_statistic_and_no_bin() -> None:
    rows = distribution("x", pa.array([1.0, None, 3.0, None]), None)
    said = {row["label"]: row["value"] for row in of(rows, "statistics")}
    assert said == {"max": 3, "mean": 2, "min": 1, "missing": 0.5, "std": 1, "unique": 2}
    assert {row["label"] for row in of(rows, "quantiles")} == {"p05", "p25", "p50", "p75", "p95"}
    assert sum(row["n"] for row in of(rows, "histogram")) == 2


def test_latency_bins_are_the_same_everywhere_and_hold_every_call() -> None:
    rows = latencies(pa.array([0.0, 1.0, 12.0, 12.5, 1e9, None]))
    assert sum(row["n"] for row in rows) == 5
    assert {row["x"] for row in latencies(pa.array([12.0]))} < {row["x"] for row in rows}
    assert latencies(pa.array([None], pa.float64())) == []


def test_popularity_compares_the_top_items_with_the_reference() -> None:
    rows = popularity(["a", "a", "b"], {"a": 0.1})
    assert [(row["series"], row["x"], row["label"], row["value"]) for row in rows] == [
        ("current", 1, "a", pytest.approx(2 / 3)),
        ("current", 2, "b", pytest.approx(1 / 3)),
        ("reference", 1, "a", 0.1),
        ("reference", 2, "b", 0.0),
    ]


def binary_frame(n: int = 5_000) -> pa.Table:
    score = RANDOM.random(n)
    label = (RANDOM.random(n) < score).astype(int)
    return pa.table({"@label": label.astype(str), "@prediction": (score >= 0.2).astype(int).astype(str), "@score": score})


def test_binary_curves_are_those_of_scikit_learn_and_small() -> None:
    frame = binary_frame()
    rows = outcomes(frame, task="binary", positive_label="1")
    label, score = np.array(frame["@label"].to_pylist(), int), frame["@score"].to_numpy()
    assert {row["kind"] for row in rows} == {"confusion", "roc", "precision_recall", "calibration", "threshold"}
    for kind in ("roc", "precision_recall", "threshold", "calibration"):
        assert len(of(rows, kind)) <= 200
    roc = of(rows, "roc")
    assert (roc[0]["x"], roc[0]["value"], roc[-1]["x"], roc[-1]["value"]) == (0, 0, 1, 1)
    assert sk.auc([row["x"] for row in roc], [row["value"] for row in roc]) == pytest.approx(sk.roc_auc_score(label, score), abs=1e-3)
    at_half = {row["label"]: row["value"] for row in of(rows, "threshold") if row["x"] == 0.5}
    assert at_half["recall"] == sk.recall_score(label, score >= 0.5)
    assert at_half["precision"] == sk.precision_score(label, score >= 0.5)
    cells = {(row["series"], row["label"]): row["value"] for row in rows if row["kind"] == "confusion"}
    assert cells["1", "0"] == ((label == 1) & (score < 0.2)).sum()
    assert sum(row["n"] for row in of(rows, "calibration")) == 5_000


def test_forty_classes_have_a_confusion_matrix_of_fourteen() -> None:
    names = np.array([f"k{i:02}" for i in range(40)])
    frame = pa.table({"@label": names[RANDOM.integers(0, 40, 2_000)], "@prediction": names[RANDOM.integers(0, 40, 2_000)]})
    rows = outcomes(frame, task="multiclass")
    assert len(rows) == 14 * 14
    assert sum(row["value"] for row in rows) == 2_000
    assert "(other)" in {row["label"] for row in rows}


def test_regression_has_residuals_and_error_by_tenths_of_the_prediction() -> None:
    prediction = RANDOM.uniform(0, 100, 1_000)
    frame = pa.table({"@prediction": prediction, "@label": prediction + RANDOM.normal(0, 1, 1_000) * prediction})
    rows = outcomes(frame, task="regression")
    assert sum(row["value"] for row in of(rows, "residuals")) == pytest.approx(1)
    tenths = of(rows, "error_by_decile")
    assert [row["label"] for row in tenths] == [str(i) for i in range(1, 11)]
    assert tenths[-1]["value"] > 3 * tenths[0]["value"]


def test_the_error_of_each_tenth_has_the_interval_of_its_mean() -> None:
    """Scikit-learn's error and, as the sizes of these errors are symmetric about their mean, Student's interval of scipy."""
    prediction = np.random.default_rng(1).permutation(1_000).astype(float)
    size = np.tile([1.0, 2.0, 3.0, 4.0], 250)[prediction.astype(int)] * (1 + prediction // 100)
    label = prediction + np.where(prediction % 2, size, -size)
    rows = [row for row in outcomes(pa.table({"@prediction": prediction, "@label": label}), task="regression")
            if row["kind"] == "error_by_decile"]
    for number in range(10):
        inside = prediction // 100 == number
        found = {row["series"]: row["value"] for row in rows if row["label"] == str(number + 1)}
        assert found["current"] == pytest.approx(sk.mean_absolute_error(label[inside], prediction[inside]))
        assert found["above"] + found["below"] == pytest.approx(found["current"])
        expected = stats.t.interval(0.95, 99, found["current"], stats.sem(np.abs(prediction - label)[inside]))
        assert (found["lower"], found["upper"]) == pytest.approx(expected)


def test_a_tenth_whose_rows_err_alike_has_no_interval() -> None:
    prediction = np.arange(100.0)
    label = prediction + np.where(prediction < 10, 1.0, 1 + prediction % 3)
    rows = outcomes(pa.table({"@prediction": prediction, "@label": label}), task="regression")
    lower = [row["label"] for row in rows if row["kind"] == "error_by_decile" and row["series"] == "lower"]
    assert lower == [str(number) for number in range(2, 11)]
    few = outcomes(pa.table({"@prediction": prediction[:4], "@label": label[:4]}), task="regression")
    assert [row["n"] for row in few if row["kind"] == "error_by_decile" and row["series"] == "current"] == [1] * 4


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression", "ranking"])
def test_without_labels_there_are_no_curves(task: str) -> None:
    frame = pa.table({"@label": pa.array([None, None], pa.string() if task != "regression" else pa.float64()), "@prediction": [None, None]})
    assert outcomes(frame, task=task, positive_label="1") == []


def test_the_table_has_the_agreed_shape() -> None:
    common = {"model": "m", "version": "1", "segment": "", "window": "1d"}
    found = table(distribution("x", pa.array([1.0, 2.0]), None), common)
    assert found.schema == PROFILES
    assert set(found["model"].to_pylist()) == {"m"}
