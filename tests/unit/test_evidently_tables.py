"""Bike demand, car loans and retail weeks: our worker's values equal the shared tables of Evidently's public API to 1e-9."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pa = pytest.importorskip("pyarrow")
import pandas as pd  # noqa: E402

from monitoring.engine_jobs import DriftColumn, Job  # noqa: E402
from monitoring.evidently_worker import EvidentlyWorker  # noqa: E402

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
pytestmark = [pytest.mark.shared_data, pytest.mark.slow,
              pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not beside this checkout")]  # fmt: skip
NAMES = {"MeanError": "mean_error", "MAPE": "mape", "RMSE": "rmse", "MAE": "mae", "R2Score": "r2", "Accuracy": "accuracy",
         "Precision": "precision", "Recall": "recall", "F1Score": "f1", "PrecisionTopK": "precision_at_k", "RecallTopK": "recall_at_k",
         "MAP": "map_at_k", "NDCG": "ndcg_at_k", "MRR": "mrr", "HitRate": "hit_rate_at_k"}  # fmt: skip


@pytest.fixture(scope="module")
def worker() -> Iterator[EvidentlyWorker]:
    with EvidentlyWorker(timeout=300) as worker:
        yield worker


def expected(name: str) -> pd.DataFrame:
    table = pd.read_parquet(DATA / "expected" / f"{name}.parquet")
    return table.assign(config=[json.loads(c) for c in table.config_json], metric=table.metric_name.str.split("(").str[0])


def bike(start: str, end: str) -> pd.DataFrame:
    rows = pd.read_parquet(DATA / "bike_hour.parquet")
    rows = rows[(rows.ts >= start) & (rows.ts < end)].rename(columns={"cnt": "@label", "pred_rf_jan": "@prediction"})
    return rows.astype(dict.fromkeys(("season", "holiday", "workingday"), str) | {"@label": float, "@prediction": float})


def bike_columns(methods: dict[str, str]) -> tuple[DriftColumn, ...]:
    meta = {"target": "@label", "prediction": "@prediction"}
    categories = ("season", "holiday", "workingday")
    return tuple(DriftColumn(meta.get(c, c), "categorical" if c in categories else "numerical", m) for c, m in methods.items())


def arrow(frame: pd.DataFrame) -> Any:
    return pa.Table.from_pandas(frame.drop(columns=["ts", "dteday"], errors="ignore"), preserve_index=False)


def test_every_method_on_the_first_bike_week(worker: EvidentlyWorker) -> None:
    table = expected("evidently_bike_methods")
    reference, window = arrow(bike("2011-01-01", "2011-01-29")), arrow(bike("2011-01-29", "2011-02-08"))
    assert (reference.num_rows, window.num_rows) == (table.n_ref.iloc[0], table.n_cur.iloc[0])
    for method, rows in table.groupby(table.config.str["method"]):
        columns = bike_columns(dict.fromkeys(rows.config.str["column"], method))
        found = worker.analyse(Job(task="regression", reference=reference, current=window, columns=columns, parts=frozenset({"drift"})))
        for column, value in zip(columns, rows.value, strict=True):
            if pd.isna(value):  # January has one season: Evidently writes NaN, we say why not
                assert "only one" in (found.drift[column.name].reason or "")
                continue
            near = 0.01 if method == "TVD" else 1e-9  # see test_evidently_unit_cases: TVD's ties depend on the order of a set
            assert found.drift[column.name].value == pytest.approx(value, rel=1e-9, abs=near), (method, column.name)


def test_bike_months_by_the_methods_evidently_chose(worker: EvidentlyWorker) -> None:
    table = expected("evidently_bike_tutorial")
    reference = arrow(bike("2011-01-01", "2011-01-29"))
    months = [w for w in table.window.unique() if w.startswith("20")][:4]
    for month in months:
        start = pd.Timestamp(month)
        window = arrow(bike(str(start), str(start + pd.DateOffset(months=1))))
        rows = table[(table.window == month) & (table.metric == "ValueDrift")]
        columns = bike_columns(dict.fromkeys(rows.config.str["column"], "auto"))
        found = worker.analyse(Job(task="regression", reference=reference, current=window, columns=columns, reference_hash="bike"))
        for column, value in zip(columns, rows.value, strict=True):
            assert found.drift[column.name].value == pytest.approx(value, rel=1e-9, abs=1e-9), (month, column.name)
        quality = table[(table.window == month) & table.metric.isin(NAMES) & table.key.isin(["", "mean"])]
        assert len(quality) == 5
        for metric, value in zip(quality.metric, quality.value, strict=True):
            assert found.performance[NAMES[metric], ""].value == pytest.approx(value, rel=1e-9, abs=1e-9), (month, metric)


def test_car_loans_equal_the_labels_only_table(worker: EvidentlyWorker) -> None:
    rows = pd.read_parquet(DATA / "car_loan.parquet")
    rows = rows[rows.split == "analysis"].reset_index(drop=True)
    table = expected("evidently_car_loan_labels_only")
    scores = expected("evidently_car_loan")
    for window in table.window.unique()[:3]:
        first, last = (int(n) for n in window.strip("[]").split(":"))
        part = rows.iloc[first : last + 1]
        label, decision = (part[c].astype(int).astype(str).tolist() for c in ("repaid", "y_pred"))
        frame = pa.table({"@label": label, "@prediction": decision, "@score": part.y_pred_proba.to_numpy()})
        found = worker.analyse(Job(task="binary", current=frame, positive_label="1", parts=frozenset({"performance"}))).performance
        checked = table[(table.window == window) & table.metric.isin(NAMES)]
        assert len(checked) == 4
        for metric, value in zip(checked.metric, checked.value, strict=True):
            assert found[NAMES[metric], ""].value == pytest.approx(value, rel=1e-9), (window, metric)
        ranked = scores[(scores.window == window) & (scores.metric == "RocAuc")]
        assert found["roc_auc", ""].value == pytest.approx(ranked.value.iloc[0], rel=1e-9)


def test_retail_weeks_equal_the_table_at_k_10(worker: EvidentlyWorker) -> None:
    rows = pd.read_parquet(DATA / "retail_recommendations.parquet")
    table = expected("evidently_retail_k10")
    for week in table.window.unique()[:2]:
        part = rows[rows.week.astype(str).str[:10] == week]
        frame = pa.table({"user_id": part.user_id.astype(str).tolist(), "item_id": part.item_id.astype(str).tolist(),
                          "@score": part.score.to_numpy(float), "@label": part.target.to_numpy(float)})  # fmt: skip
        job = Job(task="ranking", current=frame, user="user_id", item="item_id", ks=(5, 10), parts=frozenset({"performance"}))
        found = worker.analyse(job).performance
        for metric, name in NAMES.items():
            values = table[(table.window == week) & (table.metric == metric) & table.key.str.startswith("value/")]
            by_position = {int(key.split("/")[1]): value for key, value in zip(values.key, values.value, strict=True)}
            for k in (5, 10) if by_position else ():
                assert found[name, f"k={k}"].value == pytest.approx(by_position[k - 1], rel=1e-9, abs=1e-9), (week, metric, k)
