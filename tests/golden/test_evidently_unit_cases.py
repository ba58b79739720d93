"""Fifty documented cases of Evidently's drift methods and ranking metrics, through our worker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from monitoring.engine_jobs import DriftColumn, Job
from monitoring.evidently_worker import EvidentlyWorker

CASES = Path(__file__).resolve().parents[3] / "shared" / "data" / "expected" / "evidently_unit_cases.json"
RANKING = {"PrecisionTopK": "precision_at_k", "RecallTopK": "recall_at_k", "MAP": "map_at_k", "NDCG": "ndcg_at_k", "MRR": "mrr",
           "HitRate": "hit_rate_at_k"}  # fmt: skip
pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not CASES.exists(), reason="../shared/data/expected/evidently_unit_cases.json is not beside this checkout"),
]


def cases() -> list[dict[str, Any]]:
    return json.loads(CASES.read_text()) if CASES.exists() else []


def drift_cases() -> list[Any]:
    return [pytest.param(c, id=f"{i}-{c['method']}") for i, c in enumerate(cases()) if "reference" in c]


def ranking_cases() -> list[Any]:
    """Scores only: a rank is no score. Users without feedback count in none of our metrics, as is Evidently's default."""
    return [pytest.param(c, id=f"{i}-{c['method']}") for i, c in enumerate(cases())
            if c.get("type") == "recsys_score" and c["method"] in RANKING and not c["no_feedback_users"]]  # fmt: skip


@pytest.fixture(scope="module")
def worker() -> Iterator[EvidentlyWorker]:
    with EvidentlyWorker(timeout=300) as worker:
        yield worker


@pytest.mark.parametrize("case", drift_cases())
def test_a_documented_drift_case(worker: EvidentlyWorker, case: dict[str, Any]) -> None:
    kind = "numerical" if case["type"] == "num" else "categorical"

    def column(values: list[Any]) -> pa.Array:
        if kind == "numerical":
            return pa.array(values, pa.float64(), from_pandas=True)
        return pa.array([None if v is None or v != v else str(v) for v in values], pa.string())

    job = Job(task="binary", reference=pa.table({"x": column(case["reference"])}), current=pa.table({"x": column(case["current"])}),
              columns=(DriftColumn("x", kind, case["method"], case["threshold"]),), parts=frozenset({"drift"}))  # fmt: skip
    score = worker.analyse(job).drift["x"]
    assert score.method == case["method"]
    # Evidently's TVD adds in the order of a set: the last digit decides ties among its 1,000 permutations, and our categories are strings.
    near = 0.005 if case["method"] == "TVD" else 1e-9
    assert score.value == pytest.approx(case["public_api"], rel=1e-9, abs=near)


@pytest.mark.parametrize("case", ranking_cases())
def test_a_documented_ranking_case(worker: EvidentlyWorker, case: dict[str, Any]) -> None:
    data = case["data"]
    table = pa.table({"user_id": data["user_id"], "item_id": data["item_id"], "@score": data["prediction"],
                      "@label": pa.array(data["target"], pa.float64())})  # fmt: skip
    job = Job(task="ranking", current=table, user="user_id", item="item_id", ks=(1, 2, 3), parts=frozenset({"performance"}))
    found = worker.analyse(job).performance
    assert [found[RANKING[case["method"]], f"k={k}"].value for k in (1, 2, 3)] == pytest.approx(case["evidently_0_7_23"], abs=1e-9)


def test_the_documented_classification_case(worker: EvidentlyWorker) -> None:
    case = next(c for c in cases() if c["method"] == "classification")
    decision = ["1" if p >= case["threshold"] else "0" for p in case["proba"]]
    table = pa.table({"@label": [str(v) for v in case["target"]], "@prediction": decision, "@score": case["proba"]})
    found = worker.analyse(Job(task="binary", current=table, positive_label="1", parts=frozenset({"performance"}))).performance
    for metric in ("accuracy", "precision", "recall", "f1", "roc_auc", "log_loss"):
        assert found[metric, ""].value == pytest.approx(case["expected"][metric], abs=1e-9), metric
