"""The registry of metrics: one frozen dataclass each, from which pages, exports, docs and checks read."""

from __future__ import annotations

__all__ = ["METRICS", "NEEDS", "Direction", "Metric", "metrics_of"]

from dataclasses import dataclass
from math import inf
from typing import Literal

Direction = Literal["higher", "lower", "none"]
_CLASSIFICATION = frozenset({"binary", "multiclass"})
_ALL = frozenset({"binary", "multiclass", "regression", "ranking"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """What one metric is.

    `unit` is what the value counts (`share`, `ms`, `rows`, `target` for the target's own unit, `score` for a number without one);
    `direction` says which way is better; `column` says what `points.column` holds for it.
    """

    name: str
    label: str
    unit: str
    direction: Direction
    tasks: frozenset[str]
    group: Literal["classification", "regression", "ranking", "drift", "quality", "traffic", "labels", "fairness", "causes"]
    source: str
    description: str
    column: str = ""

    @property
    def bounds(self) -> tuple[float, float]:
        """What the value can be: no threshold lies outside."""
        if self.group in {"fairness", "causes"} or self.name in {"r2", "mean_error"}:  # differences, and what may be below nothing
            return -inf, inf
        return 0.0, (1.0 if self.unit == "share" else inf)


def _registry(*metrics: Metric) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


def _classification(
    name: str,
    label: str,
    description: str,
    *,
    source: str = "evidently",
    unit: str = "share",
    direction: Direction = "higher",
    tasks: frozenset[str] = _CLASSIFICATION,
    column: str = "",
) -> Metric:
    return Metric(
        name=name,
        label=label,
        unit=unit,
        direction=direction,
        tasks=tasks,
        group="classification",
        source=source,
        description=description,
        column=column,
    )


def _regression(
    name: str, label: str, description: str, *, unit: str = "target", direction: Direction = "lower", source: str = "evidently"
) -> Metric:
    return Metric(
        name=name,
        label=label,
        unit=unit,
        direction=direction,
        tasks=frozenset({"regression"}),
        group="regression",
        source=source,
        description=description,
    )


def _ranking(
    name: str, label: str, description: str, *, column: str = "k", source: str = "evidently", direction: Direction = "higher"
) -> Metric:
    return Metric(
        name=name,
        label=label,
        unit="share",
        direction=direction,
        tasks=frozenset({"ranking"}),
        group="ranking",
        source=source,
        description=description,
        column=column,
    )


def _gap(
    name: str, label: str, description: str, *, tasks: frozenset[str] = _CLASSIFICATION, unit: str = "share", column: str = ""
) -> Metric:
    return Metric(
        name=name,
        label=label,
        unit=unit,
        direction="none",
        tasks=tasks,
        group="fairness",
        source="driftboard",
        description=f"{description} Per group, minus the same of all rows with another value of that column.",
        column=column,
    )


def _quality(name: str, label: str, description: str) -> Metric:
    return Metric(
        name=name,
        label=label,
        unit="share",
        direction="lower",
        tasks=_ALL,
        group="quality",
        source="duckdb",
        description=description,
        column="feature",
    )


def _traffic(name: str, label: str, unit: str, description: str, direction: Direction = "none") -> Metric:
    return Metric(
        name=name, label=label, unit=unit, direction=direction, tasks=_ALL, group="traffic", source="duckdb", description=description
    )


_BINARY = frozenset({"binary"})

METRICS: dict[str, Metric] = _registry(
    _classification("accuracy", "Accuracy", "Share of labelled predictions that were right."),
    _classification(
        "precision", "Precision", "Share of positive decisions that were right; multiclass: the mean over classes.", column="class"
    ),
    _classification("recall", "Recall", "Share of true positives that were found; multiclass: the mean over classes.", column="class"),
    _classification("f1", "F1", "Harmonic mean of precision and recall; multiclass: the mean over classes.", column="class"),
    _classification("roc_auc", "ROC AUC", "Chance that a random positive scores above a random negative.", unit="score"),
    _classification(
        "average_precision",
        "Average precision",
        "Precision averaged over recall steps as the cut falls.",
        source="scikit-learn",
        unit="score",
        tasks=_BINARY,
    ),
    _classification(
        "log_loss", "Log loss", "Mean negative log-likelihood of the labels under the scores, in nats.", unit="nats", direction="lower"
    ),
    _classification(
        "brier", "Brier score", "Mean squared distance of scores from outcomes.", source="scikit-learn", unit="score", direction="lower"
    ),
    _classification(
        "expected_calibration_error",
        "Calibration error",
        "Mean distance of score and observed rate over ten equal-width score bins, weighted by rows.",
        source="scikit-learn",
        direction="lower",
    ),
    _classification(
        "cost",
        "Cost",
        "What wrong decisions cost per labelled prediction: the model's `costs` of a false positive and of a false negative.",
        source="driftboard",
        unit="cost",
        direction="lower",
        tasks=_BINARY,
    ),
    _classification(
        "precision_at_alert_budget",
        "Precision at the alert budget",
        "Share of positives among the predictions with the highest scores of each day (UTC), as many as the model's `alert_budget`.",
        source="driftboard",
        tasks=_BINARY,
    ),
    _classification(
        "true_positives", "True positives", "Positive decisions on positive labels.", unit="rows", direction="none", tasks=_BINARY
    ),
    _classification(
        "false_positives", "False positives", "Positive decisions on negative labels.", unit="rows", direction="none", tasks=_BINARY
    ),
    _classification(
        "true_negatives", "True negatives", "Negative decisions on negative labels.", unit="rows", direction="none", tasks=_BINARY
    ),
    _classification(
        "false_negatives", "False negatives", "Negative decisions on positive labels.", unit="rows", direction="none", tasks=_BINARY
    ),
    _regression("mae", "Mean absolute error", "Mean of |prediction - label|."),
    _regression("rmse", "Root mean squared error", "Square root of the mean squared error."),
    _regression("mape", "Mean absolute percentage error", "Mean of |prediction - label| / |label|, in percent.", unit="%"),
    _regression("r2", "R²", "Share of the labels' variance that the prediction explains.", unit="score", direction="higher"),
    _regression("mean_error", "Mean error", "Mean of prediction - label: above zero the model predicts too much.", direction="none"),
    _regression("median_absolute_error", "Median absolute error", "Median of |prediction - label|.", source="scikit-learn"),
    _regression(
        "overprediction_share",
        "Predicted too much",
        "Share of labelled predictions above their label.",
        unit="share",
        direction="none",
        source="driftboard",
    ),
    _regression("overprediction_error", "Error above", "Mean absolute error of the predictions above their label.", source="scikit-learn"),
    _regression("underprediction_error", "Error below", "Mean absolute error of the predictions below their label.", source="scikit-learn"),
    _ranking("precision_at_k", "Precision@k", "Relevant share of the first k items, mean over users."),
    _ranking("recall_at_k", "Recall@k", "Share of a user's relevant items among the first k, mean over users."),
    _ranking(
        "map_at_k",
        "MAP@k",
        "Average precision of the first k items over all relevant items, mean over users; Evidently's where no list is shorter than k.",
        source="driftboard",
    ),
    _ranking("ndcg_at_k", "NDCG@k", "Discounted gain of the first k items over that of the best order, mean over users."),
    _ranking("mrr", "MRR@k", "Reciprocal rank of the first relevant item among the first k, mean over users."),
    _ranking("hit_rate_at_k", "Hit rate@k", "Share of users with a relevant item among the first k."),
    _ranking(
        "coverage",
        "Coverage@k",
        "Share of the catalogue (items of the reference and the window) shown among the first k.",
        source="driftboard",
    ),
    _ranking(
        "popularity_bias",
        "Popularity@k",
        "Mean share of reference traffic of the items shown among the first k.",
        source="driftboard",
        direction="none",
    ),
    _ranking(
        "cold_start_share",
        "Cold start",
        "Share of lists for users, and of shown items (of the first of the largest k), that the reference does not have.",
        column="users or items",
        source="driftboard",
        direction="none",
    ),
    Metric(
        name="drift",
        label="Drift score",
        unit="score",
        direction="lower",
        tasks=_ALL,
        group="drift",
        source="evidently",
        description="Distance of the window's distribution from the reference's, by the named method.",
        column="feature, prediction, score or label",
    ),
    Metric(
        name="drift_share",
        label="Drifted share",
        unit="share",
        direction="lower",
        tasks=_ALL,
        group="drift",
        source="driftboard",
        description="Share of judged features whose verdict is drift.",
    ),
    Metric(
        name="multivariate_drift",
        label="Multivariate drift",
        unit="score",
        direction="lower",
        tasks=_ALL,
        group="drift",
        source="driftboard",
        description="How far the window's rows are from the reference's, all features together: the out-of-fold AUC of a domain "
        "classifier, or the change of the PCA reconstruction error.",
    ),
    Metric(
        name="population_effect",
        label="Effect of the population",
        unit="score",
        direction="none",
        tasks=_ALL,
        group="causes",
        source="driftboard",
        description="What a changed population did to the metric in `column`, in its unit: the reference's rows weighted to the window's "
        "features, minus the reference.",
        column="metric",
    ),
    Metric(
        name="relation_effect",
        label="Effect of the relation",
        unit="score",
        direction="none",
        tasks=_ALL,
        group="causes",
        source="driftboard",
        description="What a changed relation of features and labels did to the metric in `column`, in its unit: the window, minus the "
        "reference's rows weighted to the window's features.",
        column="metric",
    ),
    _quality("missing_share", "Missing", "Share of rows in which the feature is missing."),
    _quality("type_errors", "Type errors", "Share of rows whose value did not fit the feature's type."),
    _quality("out_of_range_share", "Out of range", "Share of rows below the reference's minimum or above its maximum."),
    _quality("new_category_share", "New categories", "Share of rows with a category that the reference does not have."),
    Metric(
        name="duplicate_share",
        label="Duplicates",
        unit="share",
        direction="lower",
        tasks=_ALL,
        group="quality",
        source="duckdb",
        description="Share of logged rows that repeated an id with other content and were set aside.",
    ),
    _traffic("rows", "Predictions", "rows", "Predictions in the window."),
    _traffic(
        "throughput", "Throughput", "rows/s",
        "Predictions per second of the window, or of its elapsed part; of a sampled log, of those that its rows stand for.",
    ),
    _traffic("error_rate", "Error rate", "share", "Share of calls that raised; rows of a sampled log count by their weights.", "lower"),
    _traffic("latency_p50", "Latency p50", "ms", "Median latency.", "lower"),
    _traffic("latency_p95", "Latency p95", "ms", "95th percentile of latency.", "lower"),
    _traffic("latency_p99", "Latency p99", "ms", "99th percentile of latency.", "lower"),
    _traffic("latency_mean", "Mean latency", "ms", "Mean latency.", "lower"),
    Metric(
        name="label_coverage",
        label="Label coverage",
        unit="share",
        direction="higher",
        tasks=_ALL,
        group="labels",
        source="duckdb",
        description="Share of the window's predictions whose label is known.",
    ),
    Metric(
        name="label_delay_p50",
        label="Label delay p50",
        unit="s",
        direction="lower",
        tasks=_ALL,
        group="labels",
        source="duckdb",
        description="Median time from prediction to label.",
    ),
    Metric(
        name="label_delay_p95",
        label="Label delay p95",
        unit="s",
        direction="lower",
        tasks=_ALL,
        group="labels",
        source="driftboard",
        description="95th percentile of the time from prediction to label, of the labels known so far.",
    ),
    Metric(
        name="label_selection",
        label="Label selection",
        unit="share",
        direction="lower",
        tasks=_ALL,
        group="labels",
        source="driftboard",
        description="Largest difference of shares between labelled and unlabelled rows of the window.",
        column="feature, prediction or score",
    ),
    _gap("selection_rate_gap", "Selection rate gap", "Share decided positive; multiclass: for the class.", column="class"),
    _gap("tpr_gap", "True positive rate gap", "Share of positive labels decided positive; multiclass: of the class.", column="class"),
    _gap("fpr_gap", "False positive rate gap", "Share of other labels decided positive; multiclass: for the class.", column="class"),
    _gap("accuracy_gap", "Accuracy gap", "Share of labelled predictions that were right."),
    _gap("calibration_gap", "Calibration gap", "Mean score minus the outcome's rate; multiclass: of the highest score."),
    _gap("mean_error_gap", "Mean error gap", "Mean of prediction - label.", tasks=frozenset({"regression"}), unit="target"),
    _gap("mae_gap", "Absolute error gap", "Mean of |prediction - label|.", tasks=frozenset({"regression"}), unit="target"),
    Metric(
        name="slice_loss_gap",
        label="Worse slice",
        unit="score",
        direction="lower",
        tasks=_CLASSIFICATION | frozenset({"regression"}),
        group="fairness",
        source="driftboard",
        description="A slice found by search: its error rate (regression: mean absolute error) minus that of all other rows, on the half "
        "of the rows that had no part in choosing it.",
    ),
    Metric(
        name="slices_found",
        label="Worse slices",
        unit="slices",
        direction="lower",
        tasks=_CLASSIFICATION | frozenset({"regression"}),
        group="fairness",
        source="driftboard",
        description="How many slices a search found, and a hold-out half of the rows confirmed, to be worse than the reference shows.",
    ),
)


NEEDS = {"cost": "costs", "precision_at_alert_budget": "alert_budget"}
"""Metrics that a model has only where its file has this key."""


def metrics_of(task: str, *groups: str) -> list[Metric]:
    """The metrics that a task has, in the registry's order; of the named groups only, where any is named."""
    return [m for m in METRICS.values() if task in m.tasks and (not groups or m.group in groups)]
