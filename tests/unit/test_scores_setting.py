"""Whoever computes the scores of a home's windows, the points are the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from monitoring import PredictionLogger, runner
from monitoring.drift import COVERED
from monitoring.engine_jobs import Job, Result
from monitoring.evidently_worker import EvidentlyWorker
from monitoring.schema import ModelSchema
from monitoring.settings import Settings
from storage.collector import Collector
from storage.home import Home
from storage.store import Store

START, DAY = datetime(2026, 3, 2, tzinfo=UTC), timedelta(days=1)
LATER = datetime(2026, 6, 1, tzinfo=UTC)
METHODS = {"wasserstein": "fee", "ks": "age", "psi": "rate", "kl_div": "size", "hellinger": "mass", "ed": "speed", "chisquare": "kind",
           "chisquare_contingency": "city", "z": "known", "TVD": "shop", "anderson": "cost"}  # fmt: skip
NUMBERS = ("fee", "age", "rate", "size", "mass", "speed", "cost", "amount", "few")
WORDS = {"kind": list("abc"), "city": list("defg"), "known": ["True", "False"], "shop": list("xyz"), "land": ["FR", "DE", "é"]}
FEATURES = {**dict.fromkeys(NUMBERS, "numerical"), **dict.fromkeys(WORDS, "categorical"), "comment": "text", "opened": "datetime"}


def schema(**more: Any) -> ModelSchema:
    drift = {"features": {column: {"method": method} for method, column in METHODS.items()}}
    return ModelSchema.from_dict({"task": "binary", "features": FEATURES, "positive_label": 1, "score": "score", "window": "1d",
                                  "label_delay": "1d", "drift": drift, **more})  # fmt: skip


def rows(n: int, *, seed: int, start: datetime, shift: float = 0.0) -> list[dict[str, Any]]:
    """Rows with every kind of column, a tenth of the values missing, a few not finite."""
    random = np.random.default_rng(seed)
    made = []
    for place in range(n):
        values: dict[str, Any] = {name: float(random.normal(shift, 1)) for name in NUMBERS}
        values |= {"age": float(random.integers(18, 80)), "few": float(random.integers(0, 4)), "size": float(random.exponential(9))}
        values |= {name: str(random.choice(words)) for name, words in WORDS.items()}
        values |= {"comment": "é" * int(random.integers(1, 30)), "opened": start - timedelta(seconds=float(random.exponential(1e6)))}
        for name in FEATURES:
            if random.random() < 0.1:
                values[name] = None
        if values["amount"] is not None and random.random() < 0.05:
            values["amount"] = random.choice([float("nan"), float("inf")])
        made.append({"timestamp": start + DAY * (place / n), "score": float(random.random()), "prediction": int(random.random() < 0.5),
                     "label": int(random.random() < 0.5), **values})  # fmt: skip
    return made


@pytest.fixture(scope="module")
def worker() -> Iterator[EvidentlyWorker]:
    with EvidentlyWorker() as running:
        yield running


def filled(path: Path, *, reference: int, **more: Any) -> Store:
    """A home with four days: a usual one, one that drifted, one without rows, one with few."""
    store = Store.open(Home(path))
    with PredictionLogger("m", version="1", schema=schema(**more), home=store.home, strict=True) as logger:
        for day, n, shift in ((0, 150, 0.0), (1, 120, 0.8), (3, 12, 0.0)):
            for place, row in enumerate(rows(n, seed=day + 1, start=START + day * DAY, shift=shift)):
                values = {name: row[name] for name in FEATURES}
                logger.prediction(values, row["prediction"], score=row["score"], timestamp=row["timestamp"], prediction_id=f"{day}-{place}")
                logger.ground_truth(f"{day}-{place}", row["label"], labelled_at=row["timestamp"])
    Collector(store).once()
    store.put_reference("m", pa.Table.from_pylist(rows(reference, seed=9, start=START - 30 * DAY)), "made for the test")
    return store


def drift(store: Store) -> list[dict[str, Any]]:
    found = store.points("m", metric=["drift", "drift_share"]).drop_columns(["computed_at", "run"]).to_pylist()
    return sorted(found, key=lambda point: (point["window_start"], point["metric"], point["segment"], point["column"]))


def close(one: Any, other: Any) -> bool:
    """Equal, numbers to 1e-9, within whatever holds them."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(close(one[key], other[key]) for key in one)
    if isinstance(one, float) and isinstance(other, float):
        return one == pytest.approx(other, rel=1e-9, abs=1e-9)
    return bool(one == other)


@pytest.mark.slow
@pytest.mark.parametrize(("reference", "window"), [(300, "1d"), (1_200, "rows:100")])
def test_points_are_the_same_whoever_computes_the_scores(tmp_path: Path, worker: EvidentlyWorker, reference: int, window: str) -> None:
    with filled(tmp_path / "home", reference=reference, window=window) as store:
        found = {}
        for scores in ("evidently", "auto"):
            runner.run(store, workers=[worker], jobs=1, now=LATER, everything=True, scores=scores)
            found[scores] = drift(store)
        assert len(found["auto"]) == len(found["evidently"])
        for ours, theirs in zip(found["auto"], found["evidently"], strict=True):
            ours, theirs = ({**point, "detail": json.loads(point["detail"] or "{}")} for point in (ours, theirs))
            assert close(ours, theirs), (ours, theirs)
        scored = {point["method"].split("_")[-1] for point in found["auto"] if point["value"] is not None and point["method"]}
        assert {"wasserstein", "ks", "psi", "div", "hellinger", "ed", "chisquare", "contingency", "z", "TVD", "anderson"} <= scored
        assert {point["status"] for point in found["auto"]} >= {"ok", "drift", "insufficient_data"}


class Deaf:
    """Stands for an Evidently process that is asked nothing."""

    def __init__(self) -> None:
        self.asked: list[Job] = []

    def analyse(self, job: Job) -> Result:
        self.asked.append(job)
        return Result()


def test_exact_scores_need_no_evidently_and_say_what_they_cannot(tmp_path: Path) -> None:
    with filled(tmp_path / "home", reference=300) as store:
        deaf = Deaf()
        runner.run(store, workers=[deaf], jobs=1, now=LATER, scores="exact")
        found = {point["column"]: point for point in drift(store) if point["window_start"] == START and not point["segment"]}
        for method, column in METHODS.items():
            if method in COVERED:
                assert found[column]["value"] is not None, column
            else:
                assert found[column]["status"] == "not_applicable"
                assert f"Only Evidently computes {method}, and MONITORING_SCORES=exact" in found[column]["reason"]
        asked = {column.name: column for job in deaf.asked for column in job.columns}
        assert asked["fee"].score is not None
        assert asked["fee"].picture is not None
        assert asked["fee"].picture.n == found["fee"]["n"]


def test_the_setting_says_who_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_SCORES", "evidently")
    assert Settings.read().scores == "evidently"
    with filled(tmp_path / "home", reference=300) as store:
        deaf = Deaf()
        runner.run(store, workers=[deaf], jobs=1, now=LATER)
        assert all(column.score is None for job in deaf.asked for column in job.columns if job.snapshots is None)
        found = {point["column"]: point["status"] for point in drift(store) if point["window_start"] == START and not point["segment"]}
        assert found["fee"] == "failed"  # Evidently, which was asked, said nothing


def test_a_large_window_is_scored_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evidently sees a sample of a window that is too large for it; scores of our own are of all its rows."""
    from monitoring.analysis import baseline

    monkeypatch.setattr(baseline, "MOST_COMPARED", 100)
    with filled(tmp_path / "home", reference=100) as store:
        deaf = Deaf()
        runner.run(store, workers=[deaf], jobs=1, now=LATER)
        found = {point["column"]: point for point in drift(store) if point["window_start"] == START and not point["segment"]}
        assert found["prediction"]["n"] == 150
        assert "sampled" not in json.loads(found["prediction"]["detail"])
        assert found["shop"]["n"] < 101  # TVD is Evidently's


def test_a_fault_in_one_column_is_its_window_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                   caplog: pytest.LogCaptureFixture) -> None:  # fmt: skip
    from monitoring.analysis import weighing

    def broken(method: str, kind: str, reference: Any, window: Any) -> Any:
        if method == "psi" and window.n > 120:
            raise ZeroDivisionError("a fault of our own")
        return exact(method, kind, reference, window)

    exact = weighing.exact_score
    monkeypatch.setattr(weighing, "exact_score", broken)
    with filled(tmp_path / "home", reference=300) as store:
        runner.run(store, workers=[Deaf()], jobs=1, now=LATER, scores="exact")
        states = {point["window_start"]: point["status"] for point in drift(store) if point["metric"] == "drift_share"}
        assert states[START] == "failed"
        assert states[START + DAY] != "failed"
    assert "Comparing the column rate of m failed" in caplog.text
