"""A batch job: every Monday the lists of all customers are written to a Parquet file, and what they bought follows.

python examples/recommendations/weekly.py
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq

import monitoring
from monitoring import ModelSchema, PredictionLogger
from monitoring.demo.recommendations import recommendations_case

HOME = "monitoring-data"
schema = ModelSchema(
    name="example-recommendations",
    version="1",
    task="ranking",
    features={"item_popularity": "numerical", "price": "numerical", "affinity": "numerical", "category": "categorical"},
    timestamp="shown_at",
    id="impression_id",
    prediction="rank",
    score="ranking_score",
    label="bought",
    label_delay="3d",
    window="1w",
    ranking={"user": "user_id", "item": "item_id", "k": [5, 10]},
)

# Nine weeks of lists, and the purchases that are known.
world = recommendations_case(datetime(2026, 6, 1, tzinfo=UTC), rows=4_000)

with tempfile.TemporaryDirectory() as folder, PredictionLogger(schema.name, version="1", schema=schema, home=HOME) as log:
    lists, bought = Path(folder) / "lists.parquet", Path(folder) / "bought.parquet"
    pq.write_table(world.releases[0].served, lists)
    pq.write_table(world.labels, bought)
    print(log.log_batch(lists))  # by id: running the job twice changes nothing
    print(log.log_labels(bought))

print(monitoring.run(home=HOME))
for point in monitoring.points(schema.name, metric="ndcg_at_k", column="k=10", home=HOME).to_pylist():
    print(f"{point['window_start']:%Y-%m-%d}  NDCG@10 {point['value']:.3f}  {point['status']}  {point['reason'] or ''}")
