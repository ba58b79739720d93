"""An online service: each payment is scored as it comes, its label arrives a week later.

python examples/fraud/serve.py
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

import monitoring
from monitoring import ModelSchema, PredictionLogger
from monitoring.demo.fraud import fraud_case

HOME = "monitoring-data"
schema = ModelSchema.from_file(Path(__file__).with_name("fraud.yaml"))
log = PredictionLogger(schema.name, version=schema.version, schema=schema, home=HOME)

# A world to serve: payments, a trained model, and chargebacks as they become known.
world = fraud_case(datetime(2026, 6, 1, tzinfo=UTC), rows=2_000)
payments = world.releases[0].served.slice(0, 500)

prediction_ids = {}
for payment in payments.to_pylist():
    features = {name: payment[name] for name in schema.features}
    with log.track(features, timestamp=payment["paid_at"]) as call:  # times the block; an exception would be logged as an error
        decisions, scores = world.predict(pa.Table.from_pylist([features]))
        call.prediction, call.score = int(decisions[0]), float(scores[0])
    prediction_ids[payment["payment_id"]] = call.prediction_id

# A week later: what is known by now.
for settled in world.labels.to_pylist():
    if settled["payment_id"] in prediction_ids:
        log.ground_truth(prediction_ids[settled["payment_id"]], settled["is_fraud"], labelled_at=settled["labelled_at"])

print(log.stats())
log.close()
print(monitoring.run(home=HOME))
for metric in ("rows", "latency_p95", "label_coverage"):
    for point in monitoring.points(schema.name, metric=metric, home=HOME).to_pylist():
        if not point["segment"]:
            print(f"{point['window_start']:%Y-%m-%d}  {metric} {point['value']:.3g}  {point['status']}  {point['reason'] or ''}")
