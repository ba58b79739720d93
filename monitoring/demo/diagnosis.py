"""diagnosis-triage: how urgent is this finding? Three classes, four sites, histology as ground truth some days later."""

from __future__ import annotations

__all__ = ["ROWS", "diagnosis_case"]

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
from monitoring.demo.planted import DAYS, MODELS, calibration_day, monday, scanner_day
from monitoring.schema import ModelSchema

ROWS: Final = 18_000
"""Patients in the served days: 300 a day."""

CLASSES: Final = ("clear", "follow-up", "urgent")
_SCORES: Final = {"clear": "p_clear", "follow-up": "p_follow_up", "urgent": "p_urgent"}
_TRAINING, _REFERENCE = 12_000, 6_000
_SETTLE = timedelta(days=7)  # the time that the overconfidence takes to build up
_FLAT = 0.45  # what then remains of the findings' weight in the truth
_BRIGHTER = 18.0  # grey levels, 1.5 standard deviations

_NUMERICAL = ("age", "lesion_size_mm", "lesion_contrast", "texture_entropy", "border_irregularity", "biomarker")
_CATEGORIES: Final = {"sex": ("female", "male"), "symptom": ("none", "cough", "pain", "fever", "weight loss")}
_SITES: Final = {"north": 0.35, "east": 0.25, "south": 0.25, "west": 0.15}
_SYMPTOM: Final = {"none": -0.7, "cough": 0.0, "pain": 0.2, "fever": 0.1, "weight loss": 0.9}
_DAY = np.array([1, 1, 1, 1, 1, 1, 2, 5, 11, 13, 13, 12, 8, 10, 12, 11, 9, 6, 3, 2, 2, 1, 1, 1], dtype=np.float64)


@one_thread()
def diagnosis_case(end: datetime, *, rows: int = ROWS, seed: int = 1) -> Case:
    """The case that ends at `end` (midnight, UTC) with `rows` patients; all but the dates comes from `seed`."""
    rng = np.random.default_rng([seed, 303])
    start = monday(end - timedelta(days=DAYS))
    model = _train(rng)
    reference = _reference(rng, model, start)
    when = moments(rng, start, rows_per_day(rows, start, (end - start).days, weekend=0.5), _DAY)
    patients = _patients(rng, when, calibration=calibration_day(end), scanner=scanner_day(end))
    served = _serve(rng, model, patients, prefix="case", failing=0.002)
    labels = _labels(rng, served, patients, end)
    release = Release(schema=_schema(), served=served)
    return Case(name="diagnosis", start=start, end=end, reference=reference, releases=(release,), labels=labels, predict=model.predict)


def _schema() -> ModelSchema:
    return ModelSchema.from_dict(
        {
            "name": MODELS["diagnosis"],
            "version": "1",
            "task": "multiclass",
            "features": {**dict.fromkeys(_NUMERICAL, "numerical"), **dict.fromkeys(_CATEGORIES, "categorical")},
            "timestamp": "examined_at",
            "id": "case_id",
            "prediction": "triage",
            "score": dict(_SCORES),
            "label": "histology",
            "latency": "latency_ms",
            "segments": ["sex", "age_group", "site"],
            "label_delay": "4d",
            "window": "1w",
        }
    )


@dataclass(frozen=True, slots=True)
class _Patients:
    """Columns of findings as the scanners render them, and the true class of each (a position in `CLASSES`)."""

    when: Ints
    columns: dict[str, npt.NDArray[np.generic]]
    truth: Ints


@dataclass(frozen=True, slots=True)
class _Model:
    """A multinomial logistic regression over standardised findings."""

    pipeline: Any

    def predict(self, features: pa.Table) -> tuple[npt.NDArray[np.str_], Floats]:
        """Classes, and probabilities of shape (rows, 3) in the order of `CLASSES`."""
        columns = {name: features[name].to_numpy(zero_copy_only=False) for name in (*_NUMERICAL, *_CATEGORIES)}
        scores: Floats = np.asarray(self.pipeline.predict_proba(_matrix(columns)), dtype=np.float64).round(6)
        return np.array(CLASSES)[scores.argmax(axis=1)], scores


def _patients(
    rng: np.random.Generator, when: Ints, *, calibration: datetime | None = None, scanner: datetime | None = None
) -> _Patients:
    """Patients at `when`, with the two changes from the moments given."""
    size = len(when)
    columns: dict[str, npt.NDArray[np.generic]] = {
        "age": np.clip(np.round(rng.normal(58, 15, size)), 18, 95),
        "lesion_size_mm": np.round(rng.lognormal(2.1, 0.5, size), 1),
        "lesion_contrast": np.round(rng.normal(50, 12, size), 1),
        "texture_entropy": np.round(rng.normal(4.5, 0.6, size), 2),
        "border_irregularity": np.round(rng.beta(2.0, 4.0, size), 3),
        "biomarker": np.round(rng.lognormal(1.0, 0.6, size), 2),
        "sex": rng.choice(_CATEGORIES["sex"], size),
        "symptom": rng.choice(_CATEGORIES["symptom"], size, p=(0.30, 0.28, 0.22, 0.14, 0.06)),
        "site": rng.choice(list(_SITES), size, p=list(_SITES.values())),
    }
    age = columns["age"].astype(np.float64)
    columns["age_group"] = np.array(["18-39", "40-59", "60-79", "80+"])[np.searchsorted([40, 60, 80], age, side="right")]
    truth = _truth(rng, columns, _weight_of_findings(when, calibration))
    if scanner is not None:
        brighter = (columns["site"] == "north") & (when >= int(scanner.timestamp() * 1_000_000))
        columns["lesion_contrast"] = columns["lesion_contrast"].astype(np.float64) + np.where(brighter, _BRIGHTER, 0.0)
    columns["biomarker"] = np.where(rng.random(size) < 0.05, np.nan, columns["biomarker"])  # not every patient gives blood
    return _Patients(when, columns, truth)


def _weight_of_findings(when: Ints, calibration: datetime | None) -> Floats:
    """What the findings weigh in the truth at each moment: 1, from `calibration` on falling to `_FLAT` over `_SETTLE`."""
    if calibration is None:
        return np.ones(len(when))
    elapsed = (when - calibration.timestamp() * 1_000_000) / (_SETTLE.total_seconds() * 1_000_000)
    return np.asarray(1 - (1 - _FLAT) * np.clip(elapsed, 0, 1), dtype=np.float64)


def _truth(rng: np.random.Generator, columns: dict[str, npt.NDArray[np.generic]], weight: Floats) -> Ints:
    """The true class: drawn by a softmax over what a histologist would weigh."""
    number = {name: columns[name].astype(np.float64) for name in _NUMERICAL}
    symptom = np.array([_SYMPTOM[word] for word in _CATEGORIES["symptom"]])[_positions(columns["symptom"], _CATEGORIES["symptom"])]
    severity = (
        (np.log(number["lesion_size_mm"]) - 2.1) / 0.5
        + 1.1 * (number["lesion_contrast"] - 50) / 12
        + 0.7 * (number["border_irregularity"] - 0.333) / 0.178
        + 0.5 * (np.log(number["biomarker"]) - 1.0) / 0.6
        + 0.3 * (number["age"] - 58) / 15
        + symptom
    )
    logits = np.column_stack([np.zeros_like(severity), -1.1 + 1.3 * severity, -3.4 + 2.5 * severity]) * weight[:, None]
    noisy = logits + rng.gumbel(size=logits.shape)  # the Gumbel-max way to draw from a softmax
    return np.asarray(noisy.argmax(axis=1), dtype=np.int64)


def _positions(values: npt.NDArray[np.generic], words: tuple[str, ...]) -> Ints:
    order = np.argsort(words)
    return np.asarray(order[np.searchsorted(np.array(words)[order], values.astype(str))], dtype=np.int64)


def _matrix(columns: dict[str, npt.NDArray[np.generic]]) -> Floats:
    """Findings as numbers: skewed ones as logarithms, categories one-hot."""
    numbers = {name: columns[name].astype(np.float64) for name in _NUMERICAL}
    logged = [np.log(column) if name in {"lesion_size_mm", "biomarker"} else column for name, column in numbers.items()]
    hot = [(columns[name] == word).astype(np.float64) for name, words in _CATEGORIES.items() for word in words]
    return np.column_stack([*logged, *hot])


def _train(rng: np.random.Generator) -> _Model:
    """Fit on earlier patients whom neither the reference nor the served days contain."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    past = _patients(rng, np.zeros(_TRAINING, dtype=np.int64))
    pipeline = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=500))
    pipeline.fit(_matrix(past.columns), past.truth)
    return _Model(pipeline)


def _reference(rng: np.random.Generator, model: _Model, start: datetime) -> pa.Table:
    """Held-out patients of the three weeks before serving began, with labels."""
    first = start - timedelta(days=21)
    patients = _patients(rng, moments(rng, first, rows_per_day(_REFERENCE, first, 21, weekend=0.5), _DAY))
    served = _serve(rng, model, patients, prefix="early", failing=0.0)
    return served.drop_columns(["error"]).append_column("histology", pa.array(np.array(CLASSES)[patients.truth]))


def _serve(rng: np.random.Generator, model: _Model, patients: _Patients, *, prefix: str, failing: float) -> pa.Table:
    """Triage the patients; a share `failing` of calls raises."""
    size = len(patients.when)
    findings = pa.table({name: pa.array(values, from_pandas=True) for name, values in patients.columns.items()})
    triage, scores = model.predict(findings)
    failed = rng.random(size) < failing
    served: dict[str, Any] = {"case_id": pa.array([f"{prefix}-{number:06d}" for number in range(size)])}
    served["examined_at"] = to_arrow_times(patients.when)
    served |= {name: findings[name] for name in findings.column_names}
    served["triage"] = pa.array(triage, mask=failed)
    served |= {column: pa.array(scores[:, i], mask=failed) for i, column in enumerate(_SCORES.values())}
    served["latency_ms"] = pa.array(asked_latency(rng, size, median=140.0, sigma=0.3))
    served["error"] = pa.array(np.where(failed, "ValueError: the image has no pixel spacing", ""), mask=~failed)
    return pa.table(served)


def _labels(rng: np.random.Generator, served: pa.Table, patients: _Patients, end: datetime) -> pa.Table:
    """Histology, 2 to 6 days later; three patients in a hundred never come back, calls that failed have none."""
    size = len(patients.when)
    known_at = patients.when + (np.clip(rng.normal(3.3, 0.6, size), 2.0, 6.0) * 86_400_000_000).astype(np.int64)
    settled = np.flatnonzero((rng.random(size) >= 0.03) & served["error"].is_null().to_numpy())
    label = pa.array(np.array(CLASSES)[patients.truth[settled]])
    return known_labels(served["case_id"].take(pa.array(settled)), ("histology", label), known_at[settled], end, id_column="case_id")
