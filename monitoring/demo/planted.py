"""What the demo hides in its data: what happens when, and which finding must show it. Light: pages and docs read from here."""

from __future__ import annotations

__all__ = ["CONTROLS", "DAYS", "MODELS", "Planted", "default_end", "monday", "planted"]

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

MODELS: Final = {"fraud": "card-fraud", "recommendations": "shop-recommendations", "diagnosis": "diagnosis-triage"}
"""Short name of a case study → name of its model."""

DAYS: Final = 60
"""Days of serving before `end`."""

CONTROLS: Final = {
    "card-fraud": ("card_age_months", "country", "device_known", "distance_km", "hour"),
    "shop-recommendations": ("delivery_days", "user_orders"),
    "diagnosis-triage": ("age", "biomarker", "border_irregularity", "lesion_size_mm", "sex", "symptom", "texture_entropy"),
}
"""Features that never drift: no window may name one, but for chance (one column and window in 1,000 at 99.9 %)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One change in the simulated world.

    `at` is its first moment (aware, UTC, the start of a window of the model); `metric`, `column` and `status` are those of the
    point that must show it in the first or second window from then on, in the windows of `version`. `kind` and `segment` are what its
    cause must say once the demo has run: population, relation, "cannot tell" where nobody could, or "" where it is of neither.
    """

    model: str
    version: str
    at: datetime
    happens: str
    metric: str
    column: str
    status: str = "drift"
    kind: str = "population"
    segment: str = ""


def default_end() -> datetime:
    """The last midnight, UTC."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def monday(moment: datetime) -> datetime:
    """The Monday, 00:00 UTC, of the ISO week that `moment` lies in: where windows of `1w` start."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def pattern_day(end: datetime) -> datetime:
    """card-fraud: instant wallet top-ups begin, and fraud moves there."""
    return end - timedelta(days=24)


def release_day(end: datetime) -> datetime:
    """card-fraud: version 2, which asks a slow address service, replaces version 1."""
    return end - timedelta(days=10)


def catalogue_day(end: datetime) -> datetime:
    """shop-recommendations: the summer collection replaces most of the catalogue."""
    return monday(end - timedelta(days=24))


def calibration_day(end: datetime) -> datetime:
    """diagnosis-triage: patients come earlier, their findings say less, and the model grows overconfident over a week."""
    return monday(end - timedelta(days=38))


def scanner_day(end: datetime) -> datetime:
    """diagnosis-triage: the scanner at the site "north" begins to render lesions brighter."""
    return monday(end - timedelta(days=17))


def planted(end: datetime | None = None) -> tuple[Planted, ...]:
    """Everything planted in a demo that ends at `end` (aware; default the last midnight, UTC), by model and date."""
    end = end or default_end()
    return (*_fraud(end), *_recommendations(end), *_diagnosis(end))


def _fraud(end: datetime) -> tuple[Planted, ...]:
    day = pattern_day(end)
    launch = "Instant wallet top-ups start: a quarter of the traffic, small digital payments in quick succession."
    drifts = tuple(
        Planted(model="card-fraud", version="1", at=day, happens=launch, metric="drift", column=column)
        for column in ("amount", "channel", "merchant_category", "minutes_since_last")
    )
    moved = "Fraud moves to the top-ups, where it looks like ordinary payments: the model misses most of it."
    slow = "Version 2 asks an address service; one call in eight waits for it."
    return (
        *drifts,
        Planted(model="card-fraud", version="1", at=day, happens=moved, metric="recall", column="",
                kind="relation", segment="channel=wallet"),
        Planted(model="card-fraud", version="2", at=release_day(end), happens=slow, metric="latency_p95", column="",
                kind=""),
    )


def _recommendations(end: datetime) -> tuple[Planted, ...]:
    day = catalogue_day(end)
    new = "The summer collection replaces 70 % of the catalogue: items without sales or reviews yet."
    drifts = tuple(
        Planted(model="shop-recommendations", version="1", at=day, happens=new, metric="drift", column=column)
        for column in ("item_popularity", "item_reviews")
    )
    blind = "Customers want the new items; the model, trained on sales, ranks them low."
    return (*drifts, Planted(model="shop-recommendations", version="1", at=day, happens=blind, metric="ndcg_at_k", column="k=10",
                             kind="cannot tell"))


def _diagnosis(end: datetime) -> tuple[Planted, ...]:
    early = "Patients are referred earlier and findings say less: within a week the model is overconfident."
    scanner = 'The scanner at the site "north" begins to render lesions brighter.'
    return (
        Planted(model="diagnosis-triage", version="1", at=calibration_day(end), happens=early,
                metric="expected_calibration_error", column="", kind="relation"),
        Planted(model="diagnosis-triage", version="1", at=scanner_day(end), happens=scanner, metric="drift", column="lesion_contrast",
                segment="site=north"),
    )
