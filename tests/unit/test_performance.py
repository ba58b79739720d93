"""Performance metrics equal scikit-learn's, their intervals hold what they promise, and what is undefined says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as sk

from monitoring.metrics import metrics_of
from monitoring.performance import Measured, measure
from monitoring.performance.intervals import draw, spread, wilson
from monitoring.performance.scores import SCORE_METRICS, calibration_error

CLASSES = ("benign", "malignant", "unclear")


def binary_frame(n: int = 400, *, seed: int = 1, cut: float = 0.3) -> pa.Table:
    random = np.random.default_rng(seed)
    score = random.random(n).round(2)  # with ties
    label = random.random(n) < score
    return pa.table({"@label": _texts(label), "@prediction": _texts(score >= cut), "@score": score})


def multiclass_frame(n: int = 400, *, seed: int = 1) -> pa.Table:
    random = np.random.default_rng(seed)
    scores = random.dirichlet((1, 1, 1), n)
    label = [CLASSES[random.choice(3, p=row)] for row in scores]
    columns = {f"@score:{name}": scores[:, i] for i, name in enumerate(CLASSES)}
    return pa.table({"@label": label, "@prediction": [CLASSES[i] for i in scores.argmax(axis=1)], **columns})


def regression_frame(n: int = 400, *, seed: int = 1) -> pa.Table:
    random = np.random.default_rng(seed)
    label = random.gamma(2.0, 50.0, n)
    return pa.table({"@label": label, "@prediction": label + random.normal(3, 10, n)})


def ranking_frame(users: int = 60, *, seed: int = 1) -> pa.Table:
    random = np.random.default_rng(seed)
    rows = users * 20
    return pa.table(
        {
            "@label": (random.random(rows) < 0.15).astype(float),
            "@score": random.random(rows),
            "user": np.repeat([f"u{i}" for i in range(users)], 20),
            "item": [f"i{i}" for i in random.integers(0, 50, rows)],
        }
    )


def _texts(flags: np.ndarray) -> list[str]:
    return [str(int(flag)) for flag in flags]


FRAMES = {
    "binary": (binary_frame(), {"positive_label": "1"}),
    "multiclass": (multiclass_frame(), {}),
    "regression": (regression_frame(), {}),
    "ranking": (ranking_frame(), {"user": "user", "item": "item", "ks": (5, 10), "popularity": {"i1": 0.6, "i2": 0.4}}),
}


@pytest.mark.parametrize("task", FRAMES)
def test_every_performance_metric_of_the_registry_is_measured(task: str) -> None:
    frame, options = FRAMES[task]
    found = measure(frame, task=task, **options)
    wanted = {metric.name for metric in metrics_of(task, "classification", "regression", "ranking")}
    assert {metric for metric, _ in found} == wanted
    assert all((measured.value is None) != (measured.reason is None) for measured in found.values())


@pytest.mark.parametrize("task", FRAMES)
def test_each_value_lies_in_its_interval_and_the_judged_one_is_wider(task: str) -> None:
    frame, options = FRAMES[task]
    for (metric, _), measured in measure(frame, task=task, **options).items():
        if metric == "coverage":
            assert measured.interval is None
            continue
        assert measured.interval is not None, metric
        assert measured.interval.lower <= measured.value <= measured.interval.upper, metric
        assert measured.interval.outer_lower <= measured.interval.lower + 1e-9 or measured.interval.method == "bootstrap", metric


@pytest.mark.parametrize("task", FRAMES)
def test_measuring_twice_gives_the_same_bytes(task: str) -> None:
    frame, options = FRAMES[task]
    assert repr(measure(frame, task=task, **options)) == repr(measure(frame, task=task, **options))


def test_binary_values_equal_scikit_learns() -> None:
    frame = binary_frame()
    label = np.array(frame["@label"].to_pylist(), int)
    decision = np.array(frame["@prediction"].to_pylist(), int)
    score = frame["@score"].to_numpy()
    tn, fp, fn, tp = sk.confusion_matrix(label, decision).ravel()
    assert values(measure(frame, task="binary", positive_label="1")) == pytest.approx(
        {
            "accuracy": sk.accuracy_score(label, decision),
            "precision": sk.precision_score(label, decision),
            "recall": sk.recall_score(label, decision),
            "f1": sk.f1_score(label, decision),
            "true_positives": tp,
            "false_positives": fp,
            "true_negatives": tn,
            "false_negatives": fn,
            "roc_auc": sk.roc_auc_score(label, score),
            "average_precision": sk.average_precision_score(label, score),
            "log_loss": sk.log_loss(label, score),
            "brier": sk.brier_score_loss(label, score),
            "expected_calibration_error": calibration_by_hand(label, score),
        },
        abs=1e-12,
    )


def test_multiclass_values_equal_scikit_learns() -> None:
    frame = multiclass_frame()
    label, decision = frame["@label"].to_pylist(), frame["@prediction"].to_pylist()
    scores = np.column_stack([frame[f"@score:{name}"].to_numpy() for name in CLASSES])
    found = measure(frame, task="multiclass")
    macro = values({key: measured for key, measured in found.items() if key[1] == ""})
    right = scores.argmax(axis=1) == np.array([CLASSES.index(name) for name in label])
    assert macro == pytest.approx(
        {
            "accuracy": sk.accuracy_score(label, decision),
            "precision": sk.precision_score(label, decision, average="macro"),
            "recall": sk.recall_score(label, decision, average="macro"),
            "f1": sk.f1_score(label, decision, average="macro"),
            "roc_auc": sk.roc_auc_score(label, scores, multi_class="ovr", labels=CLASSES),
            "log_loss": sk.log_loss(label, scores, labels=CLASSES),
            "brier": sk.brier_score_loss(label, scores, labels=CLASSES),
            "expected_calibration_error": calibration_by_hand(right, scores.max(axis=1)),
        },
        abs=1e-12,
    )
    each = sk.precision_score(label, decision, average=None, labels=CLASSES)
    assert [found["precision", name].value for name in CLASSES] == pytest.approx(list(each))


def test_regression_values_equal_scikit_learns() -> None:
    frame = regression_frame()
    label, prediction = frame["@label"].to_numpy(), frame["@prediction"].to_numpy()
    assert values(measure(frame, task="regression")) == pytest.approx(
        {
            "mae": sk.mean_absolute_error(label, prediction),
            "rmse": sk.root_mean_squared_error(label, prediction),
            "mape": 100 * sk.mean_absolute_percentage_error(label, prediction),
            "r2": sk.r2_score(label, prediction),
            "mean_error": float(np.mean(prediction - label)),
            "median_absolute_error": sk.median_absolute_error(label, prediction),
        },
        rel=1e-12,
    )


def test_ndcg_of_full_lists_equals_scikit_learns() -> None:
    frame = ranking_frame()
    relevant, score = frame["@label"].to_numpy().reshape(-1, 20), frame["@score"].to_numpy().reshape(-1, 20)
    wanted = relevant.sum(axis=1) > 0
    found = measure(frame, task="ranking", user="user", item="item", ks=(5,))
    assert found["ndcg_at_k", "k=5"].value == pytest.approx(sk.ndcg_score(relevant[wanted], score[wanted], k=5), abs=1e-12)


def test_ranking_of_a_list_that_fits_on_a_hand() -> None:
    frame = pa.table(
        {
            "@label": [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0],
            "@score": [0.9, 0.8, 0.1, 0.7, 0.6, 0.5, 0.4],
            "user": ["a", "a", "a", "b", "b", "b", "c"],  # c has nothing relevant and does not count
            "item": ["x", "y", "z", "x", "y", "w", "x"],
        }
    )
    found = measure(frame, task="ranking", user="user", item="item", ks=(2,), popularity={"x": 0.5, "y": 0.25, "v": 0.25})
    at = {metric: measured.value for (metric, _), measured in found.items()}
    assert at["precision_at_k"] == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert at["recall_at_k"] == pytest.approx((1 / 2 + 1) / 2)
    assert at["map_at_k"] == pytest.approx((1 / 2 / 2 + 1 / 2) / 2)
    assert at["mrr"] == pytest.approx(1 / 2)
    assert at["hit_rate_at_k"] == 1.0
    assert at["coverage"] == pytest.approx(2 / 5)  # x and y of v, w, x, y, z
    assert at["popularity_bias"] == pytest.approx((0.5 + 0.25 + 0.5 + 0.25 + 0.5) / 5)


@pytest.mark.parametrize(
    ("task", "columns", "metric", "reason"),
    [
        ("regression", {"@label": [0.0, 1.0], "@prediction": [1.0, 1.0]}, "mape", "labels of zero, and 1 of 2"),
        ("regression", {"@label": [2.0, 2.0], "@prediction": [1.0, 1.0]}, "r2", "all labels are equal"),
        ("regression", {"@label": [2.0], "@prediction": [1.0]}, "r2", "at least two"),
        ("regression", {"@label": [None], "@prediction": [1.0]}, "mae", "no row of the window"),
        ("binary", {"@label": ["0"] * 3, "@prediction": ["0"] * 3, "@score": [0.1] * 3}, "roc_auc", 'no label of the window is "1"'),
        ("binary", {"@label": ["1"] * 3, "@prediction": ["1"] * 3, "@score": [0.1] * 3}, "roc_auc", 'every label of the window is "1"'),
        ("binary", {"@label": ["0"] * 3, "@prediction": ["0"] * 3}, "precision", 'no row was decided "1"'),
        ("binary", {"@label": ["0"] * 3, "@prediction": ["0"] * 3}, "recall", 'no label is "1"'),
        ("binary", {"@label": ["0"] * 3, "@prediction": ["0"] * 3}, "brier", "both a score and a label"),
        ("binary", {"@label": ["0", "1"], "@prediction": ["0", "1"], "@score": [-4.0, 3.0]}, "brier", "outside 0 to 1"),
        ("multiclass", {"@label": ["a"], "@prediction": ["a"], "@score:a": [0.6], "@score:b": [0.4]}, "roc_auc", '"b" is not'),
        ("ranking", {"@label": [0.0], "@score": [1.0], "user": ["u"]}, "mrr", "no user of the window has a relevant item"),
        ("ranking", {"@label": [1.0], "@score": [1.0], "user": ["u"]}, "coverage", "no item"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_is_undefined_says_why(task: str, columns: dict[str, list[object]], metric: str, reason: str) -> None:
    found = measure(pa.table(columns), task=task, positive_label="1", user="user", item="item", ks=(1,))
    (measured,) = [m for (name, column), m in found.items() if name == metric and column in {"", "k=1"}]
    assert measured.value is None
    assert reason in str(measured.reason)


def test_few_rows_have_a_value_but_carry_no_verdict() -> None:
    found = measure(binary_frame(20), task="binary", positive_label="1")
    assert found["accuracy", ""].value is not None
    assert found["accuracy", ""].scarce == "Only 20 labelled rows; 30 are needed to judge."
    rare = pa.table({"@label": ["0"] * 97 + ["1"] * 3, "@prediction": ["0"] * 100, "@score": np.linspace(0, 1, 100)})
    found = measure(rare, task="binary", positive_label="1")
    assert found["roc_auc", ""].scarce == "Only 3 labels of the rarer class; 10 are needed to judge."


def test_what_lists_show_needs_no_label() -> None:
    frame = pa.table({"@label": [1.0, None, None], "@score": [0.3, 0.9, 0.5], "user": ["u", "u", "v"], "item": ["a", "b", "c"]})
    options: dict[str, Any] = {"task": "ranking", "user": "user", "item": "item", "ks": (1,)}
    found = measure(frame, **options, popularity={"a": 0.5, "b": 0.3, "c": 0.1, "d": 0.1})
    assert found["coverage", "k=1"].value == 0.5  # b and c of four
    assert found["popularity_bias", "k=1"].value == pytest.approx(0.2)
    assert found["hit_rate_at_k", "k=1"].n == 1
    unlabelled = frame.set_column(0, "@label", pa.nulls(3, pa.float64()))
    assert measure(unlabelled, **options, popularity={"a": 1.0})["coverage", "k=1"].value == pytest.approx(2 / 3)


def test_a_recall_of_three_frauds_is_grey_and_one_of_five_is_judged() -> None:
    def recall(positives: int) -> str | None:
        frame = pa.table({"@label": ["0"] * 95 + ["1"] * positives, "@prediction": ["0"] * (95 + positives)})
        return measure(frame, task="binary", positive_label="1")["recall", ""].scarce

    assert recall(3) == 'Only 3 labels "1"; 5 are needed to judge.'
    assert recall(5) is None


def test_a_threshold_other_than_one_half_is_the_logged_decision() -> None:
    frame = binary_frame(cut=0.05)
    assert measure(frame, task="binary", positive_label="1")["recall", ""].value > 0.99


def test_resampled_metrics_of_the_sample_itself_equal_their_values() -> None:
    for task, (frame, options) in FRAMES.items():
        for (metric, column), measured in measure(frame, task=task, **options).items():
            if measured.interval is not None and measured.interval.method == "bootstrap":
                middle = (measured.interval.outer_lower + measured.interval.outer_upper) / 2
                clipped = measured.interval.outer_lower == 0 or measured.interval.outer_upper in {1.0, 2.0}
                assert clipped or middle == pytest.approx(measured.value, abs=1e-9), (metric, column)


def test_the_bootstrap_of_a_mean_has_the_width_that_theory_gives() -> None:
    values_ = np.random.default_rng(3).normal(0, 2, 2_500)
    resamples = draw(2_500)
    interval = spread(float(values_.mean()), resamples.counts @ values_[resamples.rows] / resamples.counts.sum(axis=1), resamples)
    assert interval.upper - interval.lower == pytest.approx(2 * 1.96 * 2 / 50, rel=0.2)
    assert interval.outer_upper - interval.outer_lower == pytest.approx(2 * 3.29 * 2 / 50, rel=0.2)


def test_many_rows_are_resampled_in_part_and_the_interval_shrinks_all_the_same() -> None:
    values_ = np.random.default_rng(3).normal(0, 2, 90_000)
    resamples = draw(90_000)
    assert resamples.counts.shape[1] == 10_000
    interval = spread(float(values_.mean()), resamples.counts @ values_[resamples.rows] / resamples.counts.sum(axis=1), resamples)
    assert interval.upper - interval.lower == pytest.approx(2 * 1.96 * 2 / 300, rel=0.2)


def test_wilsons_interval_is_the_published_one() -> None:
    interval = wilson(0, 10)  # Newcombe 1998, table I: 0/10 → 0 to 0.2775
    assert (interval.lower, interval.upper) == pytest.approx((0.0, 0.2775), abs=5e-5)
    assert interval.outer_upper > interval.upper


def test_intervals_hold_the_true_value_about_as_often_as_they_say() -> None:
    held = dict.fromkeys(("accuracy", "f1", "roc_auc", "brier"), 0)
    large = values(measure(binary_frame(400_000, seed=99), task="binary", positive_label="1"))
    for seed in range(60):
        found = measure(binary_frame(300, seed=seed), task="binary", positive_label="1")
        for metric in held:
            interval = found[metric, ""].interval
            held[metric] += interval.lower <= large[metric] <= interval.upper
    assert all(count >= 52 for count in held.values()), held  # 95 % of 60 is 57; 52 or fewer comes by chance once in a hundred


def test_only_what_is_asked_for_is_measured() -> None:
    found = measure(binary_frame(), task="binary", positive_label="1", only=frozenset({"accuracy"}))
    assert {metric for metric, _ in found} == {"accuracy"}
    assert not set(SCORE_METRICS) & {metric for metric, _ in found}


def values(found: dict[tuple[str, str], Measured]) -> dict[str, float]:
    return {metric: measured.value for (metric, _), measured in found.items()}


def calibration_by_hand(outcome: np.ndarray, score: np.ndarray) -> float:
    total = 0.0
    for low in range(10):
        inside = (score * 10 >= low) & ((score * 10 < low + 1) | (low == 9))
        if inside.any():
            total += inside.sum() * abs(score[inside].mean() - np.mean(outcome[inside]))
    assert total / len(score) == pytest.approx(calibration_error(score, outcome.astype(float), np.ones((1, len(score))))[0])
    return total / len(score)
