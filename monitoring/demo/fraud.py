"""card-fraud: does a card payment belong to its holder? Binary, 0.9 % positives, labels a week late, two versions."""

from __future__ import annotations

__all__ = ["ROWS", "fraud_case"]

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from monitoring.demo.case import (
    Case,
    Floats,
    Ints,
    Release,
    asked_latency,
    known_labels,
    moments,
    one_thread,
    rows_per_day,
    to_arrow_times,
)
from monitoring.demo.planted import DAYS, MODELS, pattern_day, release_day
from monitoring.schema import ModelSchema

ROWS: Final = 90_000
"""Payments in the served days: 1,500 a day."""

_RATE = 0.009  # fraud among payments; card schemes report less, studies of declined and reported cases up to 1 %
_CUT = 0.15  # the decision is worth a call to the customer from here on: far from 0.5 on purpose
_TRAINING, _REFERENCE = 40_000, 10_000
_MIGRATED = 0.8  # share of fraud that moves to the top-ups
_TOP_UPS = 0.25  # share of honest traffic that they take
_PILOT = 0.03  # what they took before the launch, as a pilot without any fraud: the model learnt that they are safe
_SLOW = 0.125  # share of version 2's calls that wait for the address service

_NUMERICAL = ("amount", "minutes_since_last", "distance_km", "card_age_months", "hour")
_CATEGORIES: Final = {
    "channel": ("chip", "contactless", "online", "wallet"),
    "merchant_category": ("groceries", "fuel", "travel", "electronics", "restaurants", "digital"),
    "country": ("FR", "DE", "ES", "IT", "NL", "PL", "SE", "GB"),
    "device_known": ("yes", "no"),
}
_HONEST: Final = {
    "channel": (0.42, 0.33, 0.20, 0.05),
    "merchant_category": (0.34, 0.14, 0.07, 0.10, 0.25, 0.10),
    "country": (0.24, 0.22, 0.13, 0.13, 0.09, 0.08, 0.05, 0.06),
    "device_known": (0.93, 0.07),
}
_FRAUD: Final = {
    "channel": (0.08, 0.16, 0.74, 0.02),
    "merchant_category": (0.08, 0.05, 0.25, 0.42, 0.08, 0.12),
    "country": _HONEST["country"],
    "device_known": (0.40, 0.60),
}
_DAY = np.array([1, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 11, 12, 11, 10, 10, 11, 12, 12, 10, 7, 5, 3, 2], dtype=np.float64)


@one_thread()
def fraud_case(end: datetime, *, rows: int = ROWS, seed: int = 1) -> Case:
    """The case that ends at `end` (midnight, UTC) with `rows` payments; all but the dates comes from `seed`."""
    rng = np.random.default_rng([seed, 101])
    start = end - timedelta(days=DAYS)
    model = _train(rng)
    reference = _reference(rng, model, start)
    per_day = rows_per_day(rows, start, DAYS, weekend=0.8)
    when = moments(rng, start, per_day, _DAY)
    changed = when >= int(pattern_day(end).timestamp() * 1_000_000)
    payments = _payments(rng, when, changed)
    second = when >= int(release_day(end).timestamp() * 1_000_000)
    served = _serve(rng, model, payments, prefix="pay", second=second)
    cut = int(np.searchsorted(second, True))
    releases = (
        Release(schema=_schema("1"), served=served.slice(0, cut)),
        Release(schema=_schema("2"), served=served.slice(cut)),
    )
    labels = _labels(rng, served, payments.fraud, when, end)
    return Case(name="fraud", start=start, end=end, reference=reference, releases=releases, labels=labels, predict=model.predict)


def _schema(version: str) -> ModelSchema:
    return ModelSchema.from_dict(
        {
            "name": MODELS["fraud"],
            "version": version,
            "task": "binary",
            "features": {**dict.fromkeys(_NUMERICAL, "numerical"), **dict.fromkeys(_CATEGORIES, "categorical")},
            "timestamp": "paid_at",
            "id": "payment_id",
            "prediction": "decision",
            "score": "fraud_score",
            "positive_label": 1,
            "label": "is_fraud",
            "latency": "latency_ms",
            "segments": ["country", "channel"],
            "costs": {"false_positive": 5, "false_negative": 120},  # a call to the holder; what a stolen card is used for
            "alert_budget": 30,  # payments that the team can look at per day
            "label_delay": "7d",
            "window": "1d",
        }
    )


@dataclass(frozen=True, slots=True)
class _Payments:
    """Columns of payments, and which are fraud (the truth, known to nobody yet)."""

    when: Ints
    columns: dict[str, npt.NDArray[np.generic]]
    fraud: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Model:
    """A gradient-boosted classifier with its decision cut."""

    classifier: Any

    def predict(self, features: pa.Table) -> tuple[Ints, Floats]:
        """Decisions (1: hold the payment) and scores (probability of fraud), one per row."""
        matrix = _matrix({name: features[name].to_numpy(zero_copy_only=False) for name in (*_NUMERICAL, *_CATEGORIES)})
        scores: Floats = self.classifier.predict_proba(matrix)[:, 1]
        return (scores >= _CUT).astype(np.int64), np.round(scores, 6)


def _payments(rng: np.random.Generator, when: Ints, changed: npt.NDArray[np.bool_]) -> _Payments:
    """Payments at `when`; where `changed`, the top-ups have started."""
    size = len(when)
    fraud = rng.random(size) < _RATE
    columns: dict[str, npt.NDArray[np.generic]] = {
        "amount": np.where(fraud, rng.lognormal(4.6, 0.5, size), rng.lognormal(3.6, 0.7, size)),
        "minutes_since_last": np.where(fraud, rng.lognormal(4.4, 0.9, size), rng.lognormal(6.5, 0.7, size)),
        "distance_km": np.where(fraud, rng.lognormal(2.7, 0.7, size), rng.lognormal(2.1, 0.7, size)),
        "card_age_months": rng.gamma(2.2, 14.0, size),
        "hour": (when // 3_600_000_000 % 24).astype(np.float64),
    }
    for name, words in _CATEGORIES.items():
        honest, bad = rng.choice(words, size, p=_HONEST[name]), rng.choice(words, size, p=_FRAUD[name])
        columns[name] = np.where(fraud, bad, honest)
    share = np.where(changed, np.where(fraud, _MIGRATED, _TOP_UPS), np.where(fraud, 0.0, _PILOT))
    _top_up(rng, columns, rng.random(size) < share, fraud)
    for name in ("amount", "minutes_since_last", "distance_km", "card_age_months"):
        columns[name] = np.round(columns[name].astype(np.float64), 2)
    return _Payments(when, columns, fraud)


def _top_up(
    rng: np.random.Generator,
    columns: dict[str, npt.NDArray[np.generic]],
    top_up: npt.NDArray[np.bool_],
    fraud: npt.NDArray[np.bool_],
) -> None:
    """Make the payments in `top_up` instant wallet top-ups; those of thieves look as those of holders do."""
    size = len(top_up)
    columns["channel"] = np.where(top_up, "wallet", columns["channel"])
    columns["merchant_category"] = np.where(top_up, "digital", columns["merchant_category"])
    columns["amount"] = np.where(top_up, rng.lognormal(2.3, 0.3, size), columns["amount"])
    columns["minutes_since_last"] = np.where(top_up, rng.lognormal(2.5, 0.8, size), columns["minutes_since_last"])
    hidden = top_up & fraud
    columns["distance_km"] = np.where(hidden, rng.lognormal(2.1, 0.7, size), columns["distance_km"])
    columns["device_known"] = np.where(hidden, rng.choice(("yes", "no"), size, p=_HONEST["device_known"]), columns["device_known"])


def _matrix(columns: dict[str, npt.NDArray[np.generic]]) -> Floats:
    """Features as numbers: categories become their positions."""
    numbers = [columns[name].astype(np.float64) for name in _NUMERICAL]
    for name, words in _CATEGORIES.items():
        order = np.argsort(words)
        found = np.searchsorted(np.array(words)[order], columns[name].astype(str))
        numbers.append(order[np.minimum(found, len(words) - 1)].astype(np.float64))
    return np.column_stack(numbers)


def _train(rng: np.random.Generator) -> _Model:
    """Fit on an earlier quarter that neither the reference nor the served days touch."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    hours = rng.choice(24, _TRAINING, p=_DAY / _DAY.sum())
    past = _payments(rng, hours * 3_600_000_000, np.zeros(_TRAINING, dtype=np.bool_))
    categorical = list(range(len(_NUMERICAL), len(_NUMERICAL) + len(_CATEGORIES)))
    classifier = HistGradientBoostingClassifier(
        max_iter=80, learning_rate=0.08, max_leaf_nodes=15, min_samples_leaf=40, categorical_features=categorical, random_state=0
    )
    classifier.fit(_matrix(past.columns), past.fraud)
    return _Model(classifier)


def _reference(rng: np.random.Generator, model: _Model, start: datetime) -> pa.Table:
    """Held-out payments of the week before serving began, with labels."""
    first = start - timedelta(days=7)
    when = moments(rng, first, rows_per_day(_REFERENCE, first, 7, weekend=0.8), _DAY)
    payments = _payments(rng, when, np.zeros(_REFERENCE, dtype=np.bool_))
    served = _serve(rng, model, payments, prefix="early", second=np.zeros(_REFERENCE, dtype=np.bool_), failing=0.0)
    return served.drop_columns(["error"]).append_column("is_fraud", pa.array(payments.fraud.astype(np.int64)))


def _serve(
    rng: np.random.Generator,
    model: _Model,
    payments: _Payments,
    *,
    prefix: str,
    second: npt.NDArray[np.bool_],
    failing: float = 0.002,
) -> pa.Table:
    """Score the payments as version 1, or 2 where `second`; a share `failing` of calls raises."""
    size = len(payments.when)
    features = pa.table({name: pa.array(values) for name, values in payments.columns.items()})
    decisions, scores = model.predict(features)
    latency = asked_latency(rng, size, median=12.0, sigma=0.4)
    waited = second & (rng.random(size) < _SLOW)
    latency = np.where(waited, latency + asked_latency(rng, size, median=90.0, sigma=0.25), latency)
    failed = rng.random(size) < failing
    ids = pa.array([f"{prefix}-{number:07d}" for number in range(size)])
    served = {"payment_id": ids, "paid_at": to_arrow_times(payments.when)}
    served |= {name: features[name] for name in features.column_names}
    served["decision"] = pa.array(decisions, mask=failed)
    served["fraud_score"] = pa.array(scores, mask=failed)
    served["latency_ms"] = pa.array(np.round(latency, 3))
    served["error"] = pa.array(np.where(failed, "TimeoutError: the feature store did not answer", ""), mask=~failed)
    return pa.table(served)


def _labels(rng: np.random.Generator, served: pa.Table, fraud: npt.NDArray[np.bool_], when: Ints, end: datetime) -> pa.Table:
    """Chargebacks and the absence of one: known 6 to 8.5 days later; one in a hundred stays open, calls that failed have none."""
    lag = np.clip(rng.normal(7.0, 0.4, len(when)), 6.0, 8.5)
    known_at = when + (lag * 86_400_000_000).astype(np.int64)
    settled = np.flatnonzero((rng.random(len(when)) >= 0.01) & served["error"].is_null().to_numpy())
    label = pa.array(fraud[settled].astype(np.int64))
    return known_labels(served["payment_id"].take(pa.array(settled)), ("is_fraud", label), known_at[settled], end, id_column="payment_id")
