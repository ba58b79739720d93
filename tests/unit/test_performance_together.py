"""Metrics of many groups of rows in one pass equal scikit-learn's on each group to 1e-9, and those of the group measured alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from monitoring.performance import Groups, Measured, measure, measure_groups

GROUPS = 4  # of which some are empty
CLASSES = ("a", "b", "c")
_EQUAL = 1e-9
COUNTS = {"true_positives": (1, 1), "false_positives": (0, 1), "true_negatives": (0, 0), "false_negatives": (1, 0)}

scores = st.one_of(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), st.floats(0, 1), st.just(float("nan")), st.none())  # with ties
weights = st.sampled_from([1.0, 2.0, 0.25])
fractions = st.integers(-(10**6), 10**6).map(lambda i: i / 64)  # none so near to 0 that scikit-learn would not divide by it
numbers = st.one_of(st.sampled_from([-3.0, 0.0, 1.0, 2.5]), fractions, st.just(float("nan")), st.none())


def rows_of(*columns: st.SearchStrategy[Any]) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    return st.lists(st.tuples(st.integers(0, GROUPS - 1), *columns), max_size=60)


binary_rows = rows_of(st.sampled_from(["0", "1", None]), st.sampled_from(["0", "1", None]), scores)
multiclass_rows = rows_of(st.sampled_from([*CLASSES, "other", None]), st.sampled_from([*CLASSES, None]), st.tuples(scores, scores, scores))
regression_rows = rows_of(numbers, numbers)


def measured(frame: pa.Table, task: str, places: list[int], **options: Any) -> list[dict[tuple[str, str], Measured]]:
    """Of each group; the frame's rows are in any order, and groups may overlap."""
    found = measure_groups(frame, Groups.of_masks([np.array(places) == group for group in range(GROUPS)]), task=task, **options)
    assert len(found) == GROUPS
    return found


def parts(places: list[int]) -> list[np.ndarray]:
    return [np.flatnonzero(np.array(places, int) == group) for group in range(GROUPS)]


def weighed(frame: pa.Table, given_: list[float] | None) -> pa.Table:
    return frame if given_ is None else frame.append_column("@weight", pa.array(given_, pa.float64()))


def equal(found: Measured, expected: float, key: object) -> None:
    assert found.value is not None, (key, found.reason)
    assert found.value == pytest.approx(expected, abs=_EQUAL, rel=_EQUAL), key


@given(rows=binary_rows, data=st.data())
@settings(max_examples=60, deadline=None)
def test_binary_values_of_each_group_equal_scikit_learns(rows: list[tuple[Any, ...]], data: st.DataObject) -> None:
    places, label, decision, score = columns_of(rows, 4)
    weight = data.draw(st.one_of(st.none(), st.lists(weights, min_size=len(rows), max_size=len(rows))))
    frame = weighed(pa.table({"@label": pa.array(label, pa.string()), "@prediction": pa.array(decision, pa.string()),
                              "@score": pa.array(score, pa.float64())}), weight)  # fmt: skip
    for part, found in zip(parts(places), measured(frame, "binary", places, positive_label="1"), strict=True):
        decided = [i for i in part if label[i] is not None and decision[i] is not None]
        check_decisions(found, [label[i] for i in decided], [decision[i] for i in decided], picked(weight, decided))
        scored = [i for i in part if label[i] is not None and score[i] is not None and np.isfinite(score[i])]
        check_scores(found, np.array([label[i] == "1" for i in scored], int), np.array([score[i] for i in scored], float),
                     picked(weight, scored))  # fmt: skip


def check_decisions(found: dict[tuple[str, str], Measured], label: list[str], decision: list[str], weight: np.ndarray) -> None:
    if not label:
        assert found["accuracy", ""].reason == "no row of the window has both a decision and a label"
        return
    equal(found["accuracy", ""], sk.accuracy_score(label, decision, sample_weight=weight), "accuracy")
    cells = sk.confusion_matrix(label, decision, labels=["0", "1"], sample_weight=weight) / weight.mean()
    for metric, place in COUNTS.items():
        equal(found[metric, ""], cells[place], metric)
    for metric, of, defined in (("precision", sk.precision_score, "1" in decision), ("recall", sk.recall_score, "1" in label),
                                ("f1", sk.f1_score, "1" in label or "1" in decision)):  # fmt: skip
        if defined:
            equal(found[metric, ""], of(label, decision, pos_label="1", sample_weight=weight, zero_division=0), metric)
        else:
            assert found[metric, ""].value is None and found[metric, ""].reason


def check_scores(found: dict[tuple[str, str], Measured], truth: np.ndarray, score: np.ndarray, weight: np.ndarray) -> None:
    if not len(truth):
        assert found["roc_auc", ""].reason == found["brier", ""].reason == "no row of the window has both a score and a label"
        return
    equal(found["log_loss", ""], sk.log_loss(truth, score, labels=[0, 1], sample_weight=weight), "log_loss")
    equal(found["brier", ""], sk.brier_score_loss(truth, score, labels=[0, 1], sample_weight=weight), "brier")
    if truth.min() == truth.max():
        assert "needs both classes" in str(found["roc_auc", ""].reason)
        assert "needs both classes" in str(found["average_precision", ""].reason)
        return
    equal(found["roc_auc", ""], sk.roc_auc_score(truth, score, sample_weight=weight), "roc_auc")
    equal(found["average_precision", ""], sk.average_precision_score(truth, score, sample_weight=weight), "average_precision")


@given(rows=multiclass_rows, data=st.data())
@settings(max_examples=60, deadline=None)
def test_multiclass_values_of_each_group_equal_scikit_learns(rows: list[tuple[Any, ...]], data: st.DataObject) -> None:
    places, label, decision, given_ = columns_of(rows, 4)
    weight = data.draw(st.one_of(st.none(), st.lists(weights, min_size=len(rows), max_size=len(rows))))
    each = {f"@score:{name}": pa.array([three[i] for three in given_], pa.float64()) for i, name in enumerate(CLASSES)}
    frame = weighed(pa.table({"@label": pa.array(label, pa.string()), "@prediction": pa.array(decision, pa.string())} | each), weight)
    for part, found in zip(parts(places), measured(frame, "multiclass", places), strict=True):
        decided = [i for i in part if label[i] is not None and decision[i] is not None]
        check_macro(found, [label[i] for i in decided], [decision[i] for i in decided], picked(weight, decided))
        scored = [i for i in part if label[i] in CLASSES and all(value is not None and np.isfinite(value) for value in given_[i])]
        check_class_scores(found, [label[i] for i in scored], np.array([given_[i] for i in scored], float), picked(weight, scored))


def check_macro(found: dict[tuple[str, str], Measured], label: list[str], decision: list[str], weight: np.ndarray) -> None:
    if not label:
        assert {key for key, one in found.items() if one.reason == "no row of the window has both a decision and a label"} == {
            (metric, "") for metric in ("accuracy", "precision", "recall", "f1")}
        return
    occurring = sorted({*label, *decision})
    assert {column for metric, column in found if metric == "f1"} == {"", *occurring}
    for metric, of in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        equal(found[metric, ""], of(label, decision, average="macro", sample_weight=weight, zero_division=0), metric)
        for name, value in zip(occurring, of(label, decision, average=None, labels=occurring, sample_weight=weight, zero_division=0),
                               strict=True):  # fmt: skip
            if found[metric, name].value is not None:
                equal(found[metric, name], value, (metric, name))
            else:
                assert value == 0, (metric, name)


def check_class_scores(found: dict[tuple[str, str], Measured], label: list[str], score: np.ndarray, weight: np.ndarray) -> None:
    if not label:
        assert found["roc_auc", ""].value is None
        return
    truths = np.array([[name == one for one in CLASSES] for name in label], float)
    given_ = np.clip((score * truths).sum(axis=1), np.finfo(float).eps, 1 - np.finfo(float).eps)
    equal(found["log_loss", ""], np.average(-np.log(given_), weights=weight), "log_loss")  # scikit-learn's wants rows that sum to 1
    equal(found["brier", ""], np.average(((score - truths) ** 2).sum(axis=1), weights=weight), "brier")
    if set(label) < set(CLASSES):
        assert "needs every class" in str(found["roc_auc", ""].reason)
        return
    equal(found["roc_auc", ""], sk.roc_auc_score(truths, score, average="macro", sample_weight=weight), "roc_auc")


OF_ERRORS: dict[str, Callable[..., float]] = {
    "mae": sk.mean_absolute_error, "rmse": sk.root_mean_squared_error, "median_absolute_error": sk.median_absolute_error,
    "mape": lambda *given_, **more: 100 * sk.mean_absolute_percentage_error(*given_, **more),
    "mean_error": lambda label, prediction, *, sample_weight: np.average(prediction - label, weights=sample_weight),
    "overprediction_share": lambda label, prediction, *, sample_weight: np.average(prediction > label, weights=sample_weight),
    "r2": sk.r2_score,
}  # fmt: skip


@given(rows=regression_rows, data=st.data())
@settings(max_examples=60, deadline=None)
def test_regression_values_of_each_group_equal_scikit_learns(rows: list[tuple[Any, ...]], data: st.DataObject) -> None:
    places, label, prediction = columns_of(rows, 3)
    weight = data.draw(st.one_of(st.none(), st.lists(weights, min_size=len(rows), max_size=len(rows))))
    frame = weighed(pa.table({"@label": pa.array(label, pa.float64()), "@prediction": pa.array(prediction, pa.float64())}), weight)
    for part, found in zip(parts(places), measured(frame, "regression", places), strict=True):
        known = [i for i in part if all(value is not None and np.isfinite(value) for value in (label[i], prediction[i]))]
        truth, said = (np.array([values[i] for i in known], float) for values in (label, prediction))
        undefined = {"r2"} if len(known) < 2 or np.ptp(truth) == 0 else set()
        undefined |= {"mape"} if (truth == 0).any() else set()
        for metric, of in OF_ERRORS.items():
            if not known or metric in undefined:
                assert found[metric, ""].value is None and found[metric, ""].reason
            elif metric != "median_absolute_error" or np.ptp(picked(weight, known)) == 0:
                equal(found[metric, ""], of(truth, said, sample_weight=None if weight is None else picked(weight, known))
                      if weight is not None or metric not in ("mean_error", "overprediction_share")
                      else of(truth, said, sample_weight=np.ones(len(known))), metric)  # fmt: skip


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression", "ranking"])
@pytest.mark.parametrize("seed", range(6))
def test_a_group_measured_with_others_is_the_group_measured_alone(task: str, seed: int) -> None:
    """Values and both intervals, of overlapping groups, weighted and unweighted ones side by side, and of one that is empty."""
    random = np.random.default_rng(seed)
    n = 400
    texts, chances = np.array(CLASSES[:2] if task == "binary" else CLASSES), random.dirichlet((1, 1, 1), n).round(2)
    label, decision = texts[random.integers(0, len(texts), n)], texts[random.integers(0, len(texts), n)]
    columns: dict[str, Any] = {"@weight": np.where(np.arange(n) < 200, 1.0, random.choice([1.0, 3.0], n))}
    if task in ("binary", "multiclass"):
        columns |= {"@label": label, "@prediction": decision, "@score": chances[:, 0]}
        columns |= {f"@score:{name}": chances[:, i] for i, name in enumerate(texts)} if task == "multiclass" else {}
    else:
        columns |= {"@label": random.gamma(2, 10, n) * (random.random(n) < 0.5), "@prediction": random.gamma(2, 10, n),
                    "user": [f"u{i}" for i in random.integers(0, 60, n)], "item": [f"i{i}" for i in random.integers(0, 20, n)]}  # fmt: skip
    frame = pa.table(columns)
    options: dict[str, Any] = {"task": task, "positive_label": "b"}
    if task == "ranking":
        options |= {"user": "user", "item": "item", "ks": (3, 10), "popularity": {"i1": 0.5, "i2": 0.5}, "known_users": {"u1"}}
    masks = [np.arange(n) < 200, random.random(n) < 0.1, np.zeros(n, bool), random.random(n) < 0.7]
    for mask, together in zip(masks, measure_groups(frame, Groups.of_masks(masks), **options), strict=True):
        alone = measure(frame.filter(pa.array(mask)), **options)
        assert together.keys() == alone.keys()
        for key, one in alone.items():
            other = together[key]
            assert (one.reason, one.scarce, one.n, one.rows, one.weighted) == (
                other.reason, other.scarce, other.n, other.rows, other.weighted), key
            assert other.value == pytest.approx(one.value, abs=_EQUAL), key
            assert edges(other) == pytest.approx(edges(one), rel=1e-7, abs=_EQUAL), key


def edges(one: Measured) -> list[float]:
    found = one.interval
    return [found.lower, found.upper, found.outer_lower, found.outer_upper] if found else []


def columns_of(rows: list[tuple[Any, ...]], many: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(many)]


def picked(weight: list[float] | None, places: list[int]) -> np.ndarray:
    return np.ones(len(places)) if weight is None else np.array([weight[i] for i in places])
