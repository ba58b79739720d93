"""Four small models with thirty daily windows each, as tables: what the runner would have found, made up from a seed.

`card-fraud` (binary) drifts in three features from 30 October on, `diagnosis` (multiclass) drifts in one segment, `bike-demand`
(regression) and `shop-lists` (ranking) are calm. The last windows wait for labels; the newest one is partial.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from monitoring.metrics import METRICS
from monitoring.schema import ModelSchema
from monitoring.windows import Window
from storage.points import POINTS, PROFILES

FIRST = datetime(2026, 10, 8, tzinfo=UTC)
DAYS = 30
DRIFT_FROM = datetime(2026, 10, 30, tzinfo=UTC)
UNLABELLED = 5  # the newest windows that no label has reached
RUN = "run-of-the-fixture"
DRIFTED = ("amount", "country", "merchant_age")

SPECS: dict[str, dict[str, Any]] = {
    "card-fraud": {
        "name": "card-fraud", "version": "3", "task": "binary",
        "features": {"amount": "numerical", "country": "categorical", "merchant_age": "numerical", "card_age": "numerical",
                     "channel": "categorical", "hour": "numerical", "attempts": "numerical",
                     "distance": "numerical", "device": "categorical"},
        "timestamp": "event_time", "id": "transaction_id", "prediction": "decision", "score": "fraud_score", "positive_label": 1,
        "label": "is_fraud", "latency": "latency_ms", "segments": ["country"], "label_delay": "7d", "window": "1d",
    },
    "diagnosis": {
        "name": "diagnosis", "version": "1", "task": "multiclass",
        "features": {"contrast": "numerical", "age": "numerical", "scanner": "categorical", "texture": "numerical"},
        "segments": ["site"], "label_delay": "3d", "window": "1d",
        "score": {"healthy": "p_healthy", "benign": "p_benign", "malignant": "p_malignant"},
    },
    "bike-demand": {
        "name": "bike-demand", "version": "2", "task": "regression",
        "features": {"temperature": "numerical", "humidity": "numerical", "season": "categorical"}, "label_delay": "1h", "window": "1d",
    },
    "shop-lists": {
        "name": "shop-lists", "version": "1", "task": "ranking", "features": {"recency": "numerical", "category": "categorical"},
        "ranking": {"user": "user_id", "item": "item_id", "k": [5, 10]}, "window": "1d",
    },
}
CLASSES = {"binary": ["0", "1"], "multiclass": ["healthy", "benign", "malignant"]}
_LEVELS = {"country": ["FR", "DE", "ES", "IT", "NL"], "channel": ["web", "app", "shop"], "device": ["ios", "android", "desktop"],
           "scanner": ["A", "B", "C"], "season": ["winter", "spring", "summer", "autumn"], "category": ["home", "garden", "toys"]}


def windows() -> list[Window]:
    """The thirty daily windows, oldest first; the newest is partial."""
    days = [FIRST + timedelta(days=number) for number in range(DAYS)]
    return [Window(day, day + timedelta(days=1), partial=day == days[-1]) for day in days]


def points_of(model: str, window: Window, *, segment: str = "") -> pa.Table:
    """All findings on one window of one model, in the shape of POINTS."""
    spec = SPECS[model]
    random = np.random.default_rng([len(model), window.start.toordinal(), len(segment)])
    rows = int(1200 + 200 * np.sin(window.start.weekday()) + random.integers(0, 60)) // (3 if segment else 1)
    labelled = 0 if window.start >= FIRST + timedelta(days=DAYS - UNLABELLED) else int(rows * 0.92)
    made = _Made(model, spec["version"], segment, window, rows, labelled)
    made.add("rows", float(rows))
    _traffic(made, random, seconds=(window.end - window.start).total_seconds())
    _quality(made, spec, random)
    drifted = _drift(made, spec, random)
    made.add("drift_share", drifted / len(spec["features"]), status="drift" if drifted else "ok", method="share", n_reference=5000,
             detail=json.dumps({"false_alarms": 1 - 0.999 ** len(spec["features"])}))
    made.add("label_coverage", labelled / rows)
    made.add("label_delay_p50", 6.2 * 86400 if labelled else None, reason="" if labelled else "No label of this window is known yet.")
    _performance(made, spec, random)
    return pa.Table.from_pylist(made.rows, schema=POINTS)


def profiles_of(model: str, window: Window, *, segment: str = "") -> pa.Table:
    """Distributions and curves of one window, in the shape of PROFILES."""
    spec = SPECS[model]
    random = np.random.default_rng([len(model), window.start.toordinal(), 7])
    made = _Profiles(model, spec["version"], segment, window)
    for name, kind in spec["features"].items():
        shifted = _drifts(model, name, window)
        made.categories(name, shifted) if kind == "categorical" else made.numbers(name, shifted, random)
    if spec["task"] in CLASSES:
        made.classification(CLASSES[spec["task"]], spec["task"] == "binary", random)
    elif spec["task"] == "regression":
        made.regression(random)
    else:
        made.popularity(random)
    made.latencies(random)
    return pa.Table.from_pylist(made.rows, schema=PROFILES)


def fill(store: Any, models: tuple[str, ...] = tuple(SPECS)) -> None:
    """Register the models and save all windows (and, where a model has segments, two of them) in a real Store."""
    for model in models:
        store.register_model(ModelSchema.from_dict(SPECS[model]).to_dict())
        segments = [""] + [f"{name}={value}" for name in SPECS[model].get("segments", []) for value in ("FR", "DE")]
        for window in windows():
            points = pa.concat_tables([points_of(model, window, segment=segment) for segment in segments])
            store.save_window(model, SPECS[model]["version"], window, points, profiles_of(model, window), window_name="1d", run=RUN)


class _Made:
    """Rows of points of one window."""

    def __init__(self, model: str, version: str, segment: str, window: Window, n: int, labelled: int) -> None:
        self.rows: list[dict[str, Any]] = []
        self.labelled = labelled
        self.common: dict[str, Any] = {
            "model": model, "version": version, "segment": segment, "window_start": window.start, "window_end": window.end, "column": "",
            "method": "", "n": n, "n_labelled": labelled, "label_coverage": labelled / n, "status": "ok", "reason": "", "kind": "realised",
            "computed_at": window.end + timedelta(minutes=5), "run": RUN, "window": "1d", "partial": window.partial,
        }

    def add(self, metric: str, value: float | None, **more: Any) -> None:
        """One point; without a value it is not applicable."""
        more = {"status": "not_applicable", **more} if value is None else more
        self.rows.append({**self.common, "metric": metric, "value": value, **more})


def _drifts(model: str, feature: str, window: Window) -> bool:
    return model == "card-fraud" and feature in DRIFTED and window.start >= DRIFT_FROM


def _traffic(made: _Made, random: np.random.Generator, *, seconds: float) -> None:
    rows = made.common["n"]
    made.add("throughput", rows / seconds)
    made.add("error_rate", float(random.integers(0, 9)) / rows)
    middle = 11 + random.random() * 2
    for name, factor in (("latency_p50", 1.0), ("latency_p95", 2.9), ("latency_p99", 5.1), ("latency_mean", 1.3)):
        made.add(name, middle * factor)
    made.add("duplicate_share", float(random.integers(0, 3)) / rows)


def _quality(made: _Made, spec: dict[str, Any], random: np.random.Generator) -> None:
    for name, kind in spec["features"].items():
        made.add("missing_share", float(random.random() * 0.02), column=name)
        made.add("type_errors", 0.0, column=name)
        made.add("new_category_share" if kind == "categorical" else "out_of_range_share", float(random.random() * 0.004), column=name)


def _drift(made: _Made, spec: dict[str, Any], random: np.random.Generator) -> int:
    window = Window(made.common["window_start"], made.common["window_end"])
    drifted = 0
    columns = {**spec["features"], "prediction": "categorical", **({"score": "numerical"} if isinstance(spec.get("score"), str) else {})}
    for name, kind in columns.items():
        bad = _drifts(made.common["model"], name, window)
        method, threshold = ("jensenshannon", 0.1) if kind == "categorical" else ("wasserstein", 0.12)
        value = float(threshold * (1.6 + random.random()) if bad else threshold * (0.2 + 0.5 * random.random()))
        if made.common["n"] < 500 and name == "hour":
            made.add("drift", value, column=name, method=method, status="insufficient_data", n_reference=5000,
                     reason="412 rows are fewer than the 500 that this method needs.")
            continue
        drifted += bad
        made.add("drift", value, column=name, method=method, threshold=threshold, p_value=0.0005 if bad else 0.4, n_reference=5000,
                 status="drift" if bad else "ok", detail=json.dumps({"null_quantile": 0.999}))
    made.add("drift", None, column="label", method="jensenshannon", n_reference=5000,
             reason="No label of this window is known yet.") if not made.labelled else made.add(
                 "drift", 0.03, column="label", method="jensenshannon", threshold=0.1, n_reference=5000)
    return drifted


_LEVEL = {"accuracy": 0.97, "precision": 0.81, "recall": 0.74, "f1": 0.77, "roc_auc": 0.94, "average_precision": 0.71, "log_loss": 0.11,
          "brier": 0.03, "expected_calibration_error": 0.02, "mae": 24.0, "rmse": 37.0, "r2": 0.88, "mean_error": 1.5,
          "median_absolute_error": 15.0, "coverage": 0.61, "popularity_bias": 0.012}


def _performance(made: _Made, spec: dict[str, Any], random: np.random.Generator) -> None:
    task, nothing = spec["task"], "No label of this window is known yet."
    for metric in METRICS.values():
        if task not in metric.tasks or metric.group not in ("classification", "regression", "ranking"):
            continue
        columns = [f"k={k}" for k in spec["ranking"]["k"]] if task == "ranking" else [""]
        if task == "multiclass" and metric.column == "class":
            columns += CLASSES["multiclass"]
        for column in columns:
            level = _LEVEL.get(metric.name, 0.3 if metric.unit == "share" else 40.0)
            if not made.labelled or metric.name == "mape":
                reason = "A target is zero, so a percentage has no meaning." if made.labelled else nothing
                made.add(metric.name, None, column=column, reason=reason)
                continue
            value = float(level * (1 + 0.02 * random.standard_normal()))
            value = min(value, 0.999) if metric.unit == "share" else value
            upper = min(value * 1.03, 1.0) if metric.unit == "share" else value * 1.03
            made.add(metric.name, value, column=column, lower=value * 0.97, upper=upper, n=made.labelled)


class _Profiles:
    """Rows of profiles of one window."""

    def __init__(self, model: str, version: str, segment: str, window: Window) -> None:
        self.rows: list[dict[str, Any]] = []
        self.common: dict[str, Any] = {"model": model, "version": version, "segment": segment, "window": "1d", "window_start": window.start,
                       "window_end": window.end, "column": "", "series": ""}

    def add(self, kind: str, value: float, **more: Any) -> None:
        """One row."""
        self.rows.append({**self.common, "kind": kind, "value": float(value), "n": 1200, **more})

    def categories(self, name: str, shifted: bool) -> None:
        levels = _LEVELS[name]
        for series in ("reference", "current"):
            weights = np.arange(len(levels), 0, -1.0)
            if series == "current" and shifted:
                weights = np.append(weights[::-1], 1.0)
            for level, share in zip([*levels, "PT"], weights / weights.sum(), strict=False):
                self.add("histogram", share, column=name, series=series, label=level)
            self.add("statistics", 0.004, column=name, series=series, label="missing")
            self.add("statistics", float(len(weights)), column=name, series=series, label="unique")

    def numbers(self, name: str, shifted: bool, random: np.random.Generator) -> None:
        edges = np.linspace(0, 100, 21)
        for series in ("reference", "current"):
            middle = 62.0 if series == "current" and shifted else 45.0
            values = np.random.default_rng(3).normal(middle, 14, 4000) if series == "reference" else random.normal(middle, 14, 1200)
            shares = np.histogram(values, edges)[0] / len(values)
            for low, high, share in zip(edges[:-1], edges[1:], shares, strict=True):
                self.add("histogram", share, column=name, series=series, x=float(low), x_end=float(high))
            said = {"mean": values.mean(), "std": values.std(), "min": values.min(), "max": values.max(), "missing": 0.004,
                    "unique": float(len(values))}
            for label, value in said.items():
                self.add("statistics", value, column=name, series=series, label=label)
            for share in (5, 25, 50, 75, 95):
                self.add("quantiles", np.percentile(values, share), column=name, series=series, label=f"p{share:02d}")

    def classification(self, classes: list[str], binary: bool, random: np.random.Generator) -> None:
        for actual in classes:
            for predicted in classes:
                self.add("confusion", float(random.integers(300, 400) if actual == predicted else random.integers(5, 30)), series=actual,
                         label=predicted)
        for x in np.linspace(0, 1, 21):
            if binary:
                self.add("roc", x**0.2, x=float(x))
                self.add("precision_recall", 1 - 0.6 * x**2, x=float(x))
                for metric, value in (("precision", 0.3 + 0.7 * x), ("recall", 1 - x**2), ("f1", 4 * x * (1 - x) * 0.8)):
                    self.add("threshold", value, x=float(x), label=metric)
        for x in np.linspace(0.05, 0.95, 10):
            self.add("calibration", min(x * 1.05, 1.0), x=float(x), x_end=float(x) + 0.05, n=120)

    def regression(self, random: np.random.Generator) -> None:
        residuals = random.normal(1.5, 30, 1000)
        counts, edges = np.histogram(residuals, 24)
        for low, high, count in zip(edges[:-1], edges[1:], counts / counts.sum(), strict=True):
            self.add("residuals", count, x=float(low), x_end=float(high))
        for decile in range(10):
            self.add("error_by_decile", 12 + 4 * decile, x=float(decile), x_end=float(decile + 1), label=str(decile + 1), n=110)

    def popularity(self, random: np.random.Generator) -> None:
        for rank in range(20):
            self.add("popularity", 0.3 / (rank + 1), x=float(rank + 1), label=f"item-{rank + 1}", series="current")

    def latencies(self, random: np.random.Generator) -> None:
        values = random.lognormal(2.5, 0.6, 1200)
        edges = np.geomspace(1, 200, 25)
        for low, high, count in zip(edges[:-1], edges[1:], np.histogram(values, edges)[0], strict=True):
            self.add("latency_histogram", count, x=float(low), x_end=float(high), n=int(count))
