"""Weekly recommendations of a real shop: ranking quality at ten equals Evidently's, week by week."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from monitoring import ModelSchema, PredictionLogger, runner
from storage.collector import Collector
from storage.home import Home
from storage.store import Store
from tests.golden.shared_data import close, needs_shared_data, read

YAML = """\
name: retail
version: "1"
task: ranking
features: {known_user: numerical}
timestamp: week
id: place
score: score
label: target
window: 1w
timezone: UTC
ranking: {user: user_id, item: item_id, k: [5, 10]}
"""
METRICS = {"PrecisionTopK": "precision_at_k", "RecallTopK": "recall_at_k", "MAP": "map_at_k", "NDCG": "ndcg_at_k", "MRR": "mrr",
           "HitRate": "hit_rate_at_k"}  # fmt: skip


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    folder: Path = tmp_path_factory.mktemp("retail")
    (folder / "retail.yaml").write_text(YAML)
    schema = ModelSchema.from_file(folder / "retail.yaml")
    rows = read("retail_recommendations")
    # Items of equal score are shown in the order of the file; a frame keeps rows of the same moment in the order of their ids.
    rows = rows.append_column("place", pa.array([f"{place:06}" for place in range(rows.num_rows)]))
    with PredictionLogger(schema.name, version=schema.version, schema=schema, home=folder / "home", strict=True) as log:
        log.log_batch(rows)
    with Store.open(Home(folder / "home")) as store:
        store.register_model(schema.to_dict())
        Collector(store).once()
        assert runner.run(store).windows == 13
        return list(store.points(schema.name).to_pylist())


@needs_shared_data
@pytest.mark.parametrize("k", [5, 10])
def test_ranking_quality_of_every_week_equals_evidentlys(points: list[dict[str, object]], k: int) -> None:
    ours = {(p["window_start"], p["metric"]): p for p in points if p["column"] == f"k={k}"}
    compared = 0
    for row in read("expected/evidently_retail_k10").to_pylist():
        metric = METRICS.get(json.loads(row["config_json"])["type"].rsplit(":", 1)[1])
        if metric and row["key"] == f"value/{k - 1}":
            week = datetime.fromisoformat(row["window"]).replace(tzinfo=UTC)
            assert ours[week, metric]["value"] == close(row["value"]), (row["window"], metric)
            compared += 1
    assert compared == 13 * 6


@needs_shared_data
def test_every_week_has_all_its_rows(points: list[dict[str, object]]) -> None:
    rows = {p["window_start"]: p["value"] for p in points if p["metric"] == "rows"}
    for row in read("expected/evidently_retail_k10").to_pylist():
        assert rows[datetime.fromisoformat(row["window"]).replace(tzinfo=UTC)] == row["n_cur"]
