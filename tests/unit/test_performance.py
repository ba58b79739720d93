"""Performance metrics equal scikit-learn's, their intervals hold what they promise, and what is undefined says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from monitoring.metrics import metrics_of
from monitoring.performance import Measured, measure
from monitoring.performance.comparing import judged
from monitoring.performance.intervals import of_mean, of_quantile, wilson
from monitoring.performance.ranked import auc_influence, auc_interval, average_precision_influence
from monitoring.performance.scores import SCORE_METRICS, calibration_error
from monitoring.performance.timings import LEAST

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
    "binary": (binary_frame(), {"positive_label": "1", "costs": {"false_positive": 1.0, "false_negative": 50.0}}),
    "multiclass": (multiclass_frame(), {}),
    "regression": (regression_frame(), {}),
    "ranking": (ranking_frame(), {"user": "user", "item": "item", "ks": (5, 10), "popularity": {"i1": 0.6, "i2": 0.4},
                                 "known_users": {"u1", "u2"}}),
}


@pytest.mark.parametrize("task", FRAMES)
def test_every_performance_metric_of_the_registry_is_measured(task: str) -> None:
    frame, options = FRAMES[task]
    found = measure(frame, task=task, **options)
    wanted = {metric.name for metric in metrics_of(task, "classification", "regression", "ranking")}
    assert {metric for metric, _ in found} == wanted - {"precision_at_alert_budget"}  # of days, not of rows: test_alert_budget.py
    assert all((measured.value is None) != (measured.reason is None) for measured in found.values())


@pytest.mark.parametrize("task", FRAMES)
def test_each_value_lies_in_its_interval_and_the_judged_one_is_wider(task: str) -> None:
    frame, options = FRAMES[task]
    for (metric, column), measured in measure(frame, task=task, **options).items():
        assert measured.interval is not None, metric
        edges = measured.interval
        assert edges.outer_lower <= edges.lower <= measured.value <= edges.upper <= edges.outer_upper, (metric, column)
        assert edges.method


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
    assert values(measure(frame, task="binary", positive_label="1", costs=FRAMES["binary"][1]["costs"])) == pytest.approx(
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
            "cost": (fp + 50 * fn) / len(label),
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
            "overprediction_share": np.mean(prediction > label),
            "overprediction_error": sk.mean_absolute_error(label[prediction > label], prediction[prediction > label]),
            "underprediction_error": sk.mean_absolute_error(label[prediction < label], prediction[prediction < label]),
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
    assert found["cold_start_share", "items"].value == pytest.approx(0)
    assert at["coverage"] == pytest.approx(2 / 5)  # x and y of v, w, x, y, z
    assert at["popularity_bias"] == pytest.approx((0.5 + 0.25 + 0.5 + 0.25 + 0.5) / 5)


def test_new_users_and_new_items_are_the_cold_start() -> None:
    frame = pa.table({"@label": pa.nulls(5, pa.float64()), "@score": [0.9, 0.8, 0.7, 0.6, 0.5], "user": ["a", "a", "b", "c", "c"],
                      "item": ["x", "new", "x", "new", "newer"]})  # fmt: skip
    found = measure(frame, task="ranking", user="user", item="item", ks=(1, 2), popularity={"x": 1.0}, known_users={"a", "b"})
    assert found["cold_start_share", "users"].value == pytest.approx(1 / 3)
    assert found["cold_start_share", "items"].value == pytest.approx(3 / 5)
    unknown = measure(frame, task="ranking", user="user", item="item", ks=(1, 2))
    assert "without a reference" in str(unknown["cold_start_share", "users"].reason)
    assert "without a reference" in str(unknown["cold_start_share", "items"].reason)


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

    assert recall(1) == 'Only 1 label "1"; 5 are needed to judge.'
    assert recall(3) == 'Only 3 labels "1"; 5 are needed to judge.'
    assert recall(5) is None


def test_a_threshold_other_than_one_half_is_the_logged_decision() -> None:
    frame = binary_frame(cut=0.05)
    assert measure(frame, task="binary", positive_label="1")["recall", ""].value > 0.99


@pytest.mark.parametrize(("of_rows", "skl"), [
    (auc_influence, sk.roc_auc_score), (average_precision_influence, sk.average_precision_score),
])  # fmt: skip
@pytest.mark.parametrize("weighted", [False, True])
def test_a_rows_effect_is_what_scikit_learns_value_moves_by_when_its_weight_does(of_rows: Any, skl: Any, weighted: bool) -> None:
    random = np.random.default_rng(5)
    truth, score = (random.random(80) < 0.3).astype(float), random.random(80).round(1)  # with ties
    weight = random.choice([1.0, 3.0], 80) if weighted else np.ones(80)
    value, influence = of_rows(truth, score, weight)
    assert value == pytest.approx(skl(truth, score, sample_weight=weight), abs=1e-12)
    assert influence.mean() == pytest.approx(0, abs=1e-9)
    for row in range(0, 80, 7):
        more = weight.copy()
        more[row] *= 1 + 1e-6
        moved = (skl(truth, score, sample_weight=more) - value) / 1e-6
        assert moved * 80 == pytest.approx(influence[row], abs=1e-3)


def test_the_interval_of_a_symmetric_mean_is_students() -> None:
    values_ = np.random.default_rng(3).normal(0, 2, 2_500)
    values_ = np.r_[values_, -values_] + 7
    interval = of_mean(values_)
    assert interval is not None
    inside = stats.t.interval(0.95, 4_999, values_.mean(), stats.sem(values_))
    assert (interval.lower, interval.upper) == pytest.approx(inside, abs=1e-9)
    assert (interval.outer_lower, interval.outer_upper) == pytest.approx(
        stats.t.interval(0.999, 4_999, values_.mean(), stats.sem(values_)), abs=1e-9)


def test_the_interval_of_a_skewed_mean_is_about_that_of_a_studentised_bootstrap() -> None:
    """Hall's transformation is right to the same order; scipy's BCa, another of that order, agrees to a tenth of the width."""
    values_ = np.random.default_rng(3).exponential(1.0, 150)
    interval = of_mean(values_)
    assert interval is not None
    drawn = stats.bootstrap((values_,), np.mean, n_resamples=4_000, method="BCa", random_state=1).confidence_interval
    width = drawn.high - drawn.low
    assert interval.lower == pytest.approx(drawn.low, abs=0.1 * width)
    assert interval.upper == pytest.approx(drawn.high, abs=0.1 * width)
    assert interval.upper - values_.mean() > values_.mean() - interval.lower


def test_the_quantiles_interval_is_scipys() -> None:
    values_ = np.random.default_rng(3).gamma(2, 3, 400)
    interval = of_quantile(values_, 0.5)
    assert interval is not None
    exact = stats.quantile_test(values_, q=np.median(values_), p=0.5).confidence_interval(0.95)
    assert (interval.lower, interval.upper) == pytest.approx((exact.low, exact.high), rel=0.02)


@pytest.mark.parametrize(("share", "metric"), [(0.99, "latency_p99"), (0.95, "latency_p95"), (0.5, "latency_p50")])
def test_a_quantile_has_an_interval_from_as_many_values_on_as_reach_beyond_it(share: float, metric: str) -> None:
    """Of n values the largest lies below the quantile in share^n of samples: no more than 2.5 % may for an interval of 95 %."""
    least = LEAST[metric]
    assert share**least <= 0.025 < share ** (least - 1)
    assert of_quantile(np.arange(least - 1.0), share) is None
    interval = of_quantile(np.arange(float(least)), share)
    assert interval is not None
    assert (interval.upper, interval.outer_upper) == (least - 1, np.inf)
    many = of_quantile(np.arange(2.0 * least), share)
    assert many is not None
    assert (many.outer_upper < np.inf) == (share ** (2 * least) <= 0.0005)
    assert of_quantile(np.arange(2.0 * least), share, np.ones(2 * least)) == many


def test_a_quantile_of_too_few_values_in_the_reference_is_no_bar() -> None:
    window, few = of_quantile(np.arange(5_000.0), 0.99), of_quantile(np.arange(400.0), 0.99)
    assert window is not None
    verdict = judged(4_950.0, window, 396.0, few, "lower", n=5_000, n_reference=400)
    assert verdict.status == "insufficient_data"
    assert "400 in the reference" in verdict.reason
    assert verdict.threshold is None


def test_newcombes_interval_of_an_auc_solves_his_equation_and_has_a_width_at_one() -> None:
    interval = auc_interval(1.0, 12, 200)
    assert interval.upper == 1.0
    assert 0.7 < interval.outer_lower < interval.lower < 0.99
    middle = auc_interval(0.8, 30, 70)
    for edge in (middle.lower, middle.upper):
        variance = edge * (1 - edge) / (30 * 70) * (1 + 49 * ((1 - edge) / (2 - edge) + edge / (1 + edge)))
        assert abs(0.8 - edge) / np.sqrt(variance) == pytest.approx(stats.norm.ppf(0.975), abs=1e-6)


def test_where_all_rows_agree_there_is_an_interval_all_the_same() -> None:
    perfect = pa.table({"@label": ["0"] * 200 + ["1"] * 80, "@prediction": ["0"] * 200 + ["1"] * 80, "@score": [0.1] * 200 + [0.9] * 80})
    found = measure(perfect, task="binary", positive_label="1")
    for metric in ("accuracy", "precision", "recall", "f1", "roc_auc", "average_precision"):
        assert found[metric, ""].value == 1.0
        assert found[metric, ""].interval.lower < 0.99, metric
        assert found[metric, ""].interval.upper == 1.0


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@given(seed=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_a_row_of_weight_three_counts_like_three_rows(task: str, seed: int) -> None:
    """Values equal those of the frame with the row repeated; scikit-learn's `sample_weight` is the other way to the same number."""
    frame = {"binary": binary_frame, "multiclass": multiclass_frame, "regression": regression_frame}[task](60, seed=seed)
    options: dict[str, Any] = {"positive_label": "1", "costs": {"false_positive": 1, "false_negative": 7}} if task == "binary" else {}
    weight = np.random.default_rng(seed).integers(1, 4, frame.num_rows)
    repeated = measure(frame.take(pa.array(np.repeat(np.arange(frame.num_rows), weight))), task=task, **options)
    weighted = measure(frame.append_column("@weight", pa.array(weight.astype(float))), task=task, **options)
    counts = {"true_positives", "false_positives", "true_negatives", "false_negatives"}
    for key, measured in weighted.items():
        if measured.value is not None and key[0] not in counts | {"median_absolute_error"}:  # the median of an even number differs
            assert measured.value == pytest.approx(repeated[key].value, abs=1e-9), key
            assert measured.weighted


def test_equal_weights_change_nothing() -> None:
    frame = binary_frame()
    tenfold = frame.append_column("@weight", pa.array([10.0] * frame.num_rows))
    assert measure(tenfold, task="binary", positive_label="1") == measure(frame, task="binary", positive_label="1")


def test_wilsons_interval_is_the_published_one() -> None:
    interval = wilson(0, 10)  # Newcombe 1998, table I: 0/10 → 0 to 0.2775
    assert (interval.lower, interval.upper) == pytest.approx((0.0, 0.2775), abs=5e-5)
    assert interval.outer_upper > interval.upper


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
