"""One line per call: findings, triage class, all probabilities, and the site, which is no feature but a segment.

python examples/diagnosis/triage.py
"""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

import monitoring
from monitoring import ModelSchema, PredictionLogger
from monitoring.demo.diagnosis import CLASSES, diagnosis_case

HOME = "monitoring-data"
FINDINGS = {
    "age": "numerical",
    "lesion_size_mm": "numerical",
    "lesion_contrast": "numerical",
    "texture_entropy": "numerical",
    "border_irregularity": "numerical",
    "biomarker": "numerical",
    "sex": "categorical",
    "symptom": "categorical",
}
schema = ModelSchema(
    name="example-triage",
    version="1",
    task="multiclass",
    features=FINDINGS,
    score={name: name for name in CLASSES},
    segments=["site"],
    label_delay="4d",
    window="1w",
)
world = diagnosis_case(datetime(2026, 6, 1, tzinfo=UTC), rows=1_000)

with PredictionLogger(schema.name, version="1", schema=schema, home=HOME) as log:
    for patient in world.releases[0].served.slice(0, 300).to_pylist():
        findings = {name: patient[name] for name in FINDINGS}
        classes, probabilities = world.predict(pa.Table.from_pylist([findings]))
        prediction_id = log.prediction(
            findings,
            prediction=str(classes[0]),
            score=dict(zip(CLASSES, probabilities[0].tolist(), strict=True)),
            timestamp=patient["examined_at"],
            prediction_id=patient["case_id"],
            site=patient["site"],
        )
        assert prediction_id is not None, log.stats()
    for finding in world.labels.to_pylist():
        log.ground_truth(finding["case_id"], finding["histology"], labelled_at=finding["labelled_at"])

print(monitoring.run(home=HOME))
for point in monitoring.points(schema.name, metric="accuracy", home=HOME).to_pylist():
    where = point["segment"] or "all sites"
    print(f"{point['window_start']:%Y-%m-%d}  {where:12} accuracy {point['value']:.2f} of {point['n']}  {point['status']}")
