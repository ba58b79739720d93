"""The runner computes what is due, once; says what it cannot; and what it says holds for every task.

Real logger, collector, DuckDB and Evidently; one Evidently process serves the whole module.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from monitoring import ModelSchema, PredictionLogger, runner
from monitoring.analysis import baseline
from monitoring.engine_jobs import Job, Result
from monitoring.errors import EngineError
from monitoring.evidently_worker import EvidentlyWorker
from monitoring.metrics import metrics_of
from storage.collector import Collector
from storage.errors import StorageError
from storage.home import Home
from storage.store import Store

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
LATER = datetime(2026, 6, 1, tzinfo=UTC)  # when every label is due
DAY = timedelta(days=1)
CLASSES = ("benign", "malignant", "unclear")

SCHEMAS: dict[str, dict[str, Any]] = {
    "binary": {"positive_label": 1, "segments": ["country"], "score": "score", "alert_budget": 20,
               "costs": {"false_positive": 1, "false_negative": 50}},
    "multiclass": {"score": {name: f"p_{name}" for name in CLASSES}},
    "regression": {},
    "ranking": {"ranking": {"user": "user_id", "item": "item_id", "k": [3]}, "score": "score"},
}


@pytest.fixture(scope="module")
def worker() -> Iterator[EvidentlyWorker]:
    with EvidentlyWorker() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(Home(tmp_path / "home")) as opened:
        yield opened


def schema(task: str = "binary", **more: Any) -> ModelSchema:
    features = {"amount": "numerical", "country": "categorical"}
    return ModelSchema.from_dict({"task": task, "features": features, "label_delay": "2d", "window": "1d", **SCHEMAS[task], **more})


def calls(task: str, n: int, *, seed: int, shift: float = 0.0, start: datetime = START, span: timedelta = DAY) -> list[dict[str, Any]]:
    """Seeded calls spread over `span`, each with its truth."""
    random = np.random.default_rng(seed)
    made = []
    for place in range(n):
        features = {"amount": float(random.normal(shift, 1)), "country": str(random.choice(["FR", "DE"]))}
        call: dict[str, Any] = {"id": f"{seed}-{place}", "t": start + span * (place / n), "features": features, "others": {}}
        if task == "binary":
            score = float(random.random())
            call |= {"score": score, "prediction": int(score > 0.3), "label": int(random.random() < score)}
        elif task == "multiclass":
            scores = random.dirichlet((1, 1, 1))
            call |= {"score": dict(zip(CLASSES, scores.tolist(), strict=True)), "prediction": CLASSES[scores.argmax()]}
            call["label"] = CLASSES[random.choice(3, p=scores)]
        elif task == "regression":
            label = float(random.gamma(2, 20))
            call |= {"prediction": label + float(random.normal(0, 5)), "label": label}
        else:
            call |= {"score": float(random.random()), "label": int(random.random() < 0.3)}
            call["others"] = {"user_id": f"u{place // 5}", "item_id": f"i{random.integers(0, 20)}"}
        made.append(call)
    return made


def log(store: Store, task: str, made: list[dict[str, Any]], *, labels: bool = True, version: str = "1", **more: Any) -> None:
    """Through the logger and the collector, as a user's model would."""
    with PredictionLogger("m", version=version, schema=schema(task, **more), home=store.home, strict=True) as logger:
        for call in made:
            logger.prediction(call["features"], call.get("prediction"), score=call.get("score"), timestamp=call["t"],
                              prediction_id=call["id"], latency_ms=10.0, **call["others"])  # fmt: skip
            if labels:
                logger.ground_truth(call["id"], call["label"], labelled_at=call["t"] + timedelta(hours=1))
    Collector(store).once()


def put_reference(store: Store, task: str, *, n: int = 300, seed: int = 0) -> None:
    made = calls(task, n, seed=seed, start=START - 30 * DAY, span=20 * DAY)
    rows = []
    for call in made:
        row = {"timestamp": call["t"], "label": call["label"], "latency_ms": 10.0, **call["features"], **call["others"]}
        if "prediction" in call:
            row["prediction"] = call["prediction"]
        if isinstance(call.get("score"), dict):
            row |= {f"p_{name}": share for name, share in call["score"].items()}
        elif "score" in call:
            row["score"] = call["score"]
        rows.append(row)
    store.put_reference("m", pa.Table.from_pylist(rows), "made for the test")


def run(store: Store, worker: Any, **options: Any) -> runner.RunResult:
    return runner.run(store, workers=[worker], **{"jobs": 1, "now": LATER, **options})


def points(store: Store, **filters: Any) -> list[dict[str, Any]]:
    return store.points("m", **filters).to_pylist()


def one(found: list[dict[str, Any]], metric: str, column: str = "", segment: str = "") -> dict[str, Any]:
    (point,) = [p for p in found if (p["metric"], p["column"], p["segment"]) == (metric, column, segment)]
    return point


def without_times(store: Store) -> list[dict[str, Any]]:
    return store.points("m").drop_columns(["computed_at", "run"]).to_pylist()


@pytest.mark.slow
@pytest.mark.parametrize("task", SCHEMAS)
def test_a_labelled_window_has_every_metric_of_its_task(store: Store, worker: EvidentlyWorker, task: str) -> None:
    log(store, task, calls(task, 120, seed=1))
    put_reference(store, task)
    result = run(store, worker)
    found = points(store)
    assert (result.windows, result.failed, result.points) == (1, 0, len(found))
    expected = {metric.name for metric in metrics_of(task) if metric.group not in ("fairness", "causes")}  # gaps are of segments
    expected |= {metric.name for metric in metrics_of(task, "fairness") if metric.name == "slices_found"}  # of the window as a whole
    assert {p["metric"] for p in found if p["segment"] == ""} == expected
    assert [p for p in found if p["status"] == "failed"] == []
    for point in found:
        numbers = [point[name] for name in ("value", "lower", "upper", "threshold", "p_value", "label_coverage")]
        assert all(number is None or math.isfinite(number) for number in numbers), point
        assert (point["value"] is not None) or point["reason"], point
        assert point["n"] is not None
        assert point["n_labelled"] is not None
        assert point["label_coverage"] is not None
        assert point["window_start"] == START
        assert point["kind"] == "realised"
    compared = {p["column"] for p in found if p["metric"] == "drift"}
    roles = {"binary": {"prediction", "score"}, "multiclass": {"prediction", *(f"score:{name}" for name in CLASSES)},
             "regression": {"prediction"}, "ranking": {"score"}}[task]  # fmt: skip
    assert compared == {"amount", "country", "label"} | roles
    assert one(found, "drift", "amount")["method"] == "wasserstein"
    assert one(found, "drift", "label")["n_reference"] == 300
    assert {report["kind"] for report in store.reports("m").to_pylist()} == {"drift", "performance", "summary"}
    for report in store.reports("m").to_pylist():
        assert (store.home.reports / report["path"]).is_file()
    kinds = set(store.profiles("m", "1", "1d", START).column("kind").to_pylist())
    assert {"histogram", "quantiles", "statistics", "latency_histogram"} <= kinds


@pytest.mark.slow
def test_a_second_run_finds_nothing_to_do_and_logging_again_changes_no_number(store: Store, worker: EvidentlyWorker) -> None:
    made = calls("binary", 90, seed=1)
    log(store, "binary", made)
    put_reference(store, "binary")
    assert run(store, worker).windows == 1
    first = points(store)
    assert run(store, worker).windows == 0
    log(store, "binary", made)
    assert run(store, worker).windows == 0
    assert points(store) == first
    run(store, worker, everything=True)
    kept = [p for p in without_times(store) if p["metric"] != "duplicate_share"]  # which is there to count the repeats
    assert kept == [{k: v for k, v in p.items() if k not in {"computed_at", "run"}} for p in first if p["metric"] != "duplicate_share"]


@pytest.mark.slow
def test_only_what_changed_is_computed_again(store: Store, worker: EvidentlyWorker) -> None:
    log(store, "binary", calls("binary", 40, seed=1) + calls("binary", 40, seed=2, start=START + DAY), labels=False)
    put_reference(store, "binary")
    assert run(store, worker).windows == 2
    with PredictionLogger("m", version="1", home=store.home) as logger:
        logger.ground_truth("2-0", 1)
    Collector(store).once()
    assert run(store, worker).windows == 1  # a label came for one day
    log(store, "binary", calls("binary", 1, seed=3, start=START), labels=False)
    assert run(store, worker).windows == 1  # a late row came for the other
    put_reference(store, "binary", seed=9)
    assert run(store, worker).windows == 2  # another reference judges all days anew
    store.register_model({**store.spec("m", "1"), "drift": {"method": {"numerical": "psi"}}})
    assert run(store, worker).windows == 2  # so does another method
    assert one(points(store, since=START + DAY), "drift", "amount")["method"] == "psi"
    assert run(store, worker).windows == 0
    assert run(store, worker, since=START + DAY, everything=True).windows == 1
    assert run(store, worker, until=START + DAY, everything=True).windows == 1


@pytest.mark.slow
def test_a_running_window_is_partial_and_computed_again_when_it_has_ended(store: Store, worker: EvidentlyWorker) -> None:
    log(store, "binary", calls("binary", 40, seed=1, span=DAY / 2))
    put_reference(store, "binary")
    run(store, worker, now=START + DAY / 2)
    found = points(store)
    assert all(point["partial"] for point in found)
    assert one(found, "throughput")["value"] == 40 / (12 * 3600)
    assert run(store, worker, now=START + DAY).windows == 1
    found = points(store)
    assert not any(point["partial"] for point in found)
    assert json.loads(one(found, "accuracy")["detail"])["provisional"] is True
    assert run(store, worker, now=START + 4 * DAY).windows == 1  # the label delay of two days has passed
    assert "provisional" not in json.loads(one(points(store), "accuracy")["detail"])


@pytest.mark.slow
def test_without_labels_and_reference_points_say_what_to_do(store: Store, worker: EvidentlyWorker) -> None:
    log(store, "binary", calls("binary", 40, seed=1), labels=False)
    run(store, worker, now=START + DAY)
    found = points(store)
    accuracy, drift = one(found, "accuracy"), one(found, "drift", "amount")
    assert (accuracy["status"], accuracy["value"], accuracy["n_labelled"]) == ("not_applicable", None, 0)
    assert "No labels yet; they are due by 2026-03-05 00:00 UTC" in accuracy["reason"]
    assert (drift["status"], drift["value"]) == ("not_applicable", None)
    assert "python -m monitoring reference MODEL FILE" in drift["reason"]
    assert one(found, "out_of_range_share", "amount")["status"] == "not_applicable"
    assert one(found, "missing_share", "amount")["value"] == 0.0


@pytest.mark.slow
def test_a_large_shift_is_drift_and_a_few_rows_are_no_verdict(store: Store, worker: EvidentlyWorker) -> None:
    log(store, "binary", calls("binary", 200, seed=1, shift=3.0) + calls("binary", 8, seed=2, start=START + DAY, shift=3.0))
    put_reference(store, "binary")
    result = run(store, worker)
    first, second = points(store, until=START + DAY), points(store, since=START + DAY)
    assert one(first, "drift", "amount")["status"] == "drift"
    assert one(first, "drift", "country")["status"] == "ok"
    assert one(first, "drift_share")["value"] == 0.5
    assert one(first, "out_of_range_share", "amount")["status"] == "drift"
    assert json.loads(one(first, "accuracy")["detail"])["reference"] is not None
    assert one(second, "drift", "amount")["status"] == "insufficient_data"
    assert one(second, "accuracy")["status"] == "insufficient_data"
    assert one(second, "accuracy")["value"] is not None
    assert result.insufficient == sum(p["status"] == "insufficient_data" for p in first + second)


@pytest.mark.slow
def test_segments_have_rows_coverage_and_performance(store: Store, worker: EvidentlyWorker) -> None:
    made = calls("binary", 200, seed=1)
    log(store, "binary", made)
    run(store, worker)
    french = [call for call in made if call["features"]["country"] == "FR"]
    rows, accuracy = (one(points(store), metric, segment="country=FR") for metric in ("rows", "accuracy"))
    assert rows["value"] == len(french) == accuracy["n"]
    assert accuracy["value"] == sum(call["prediction"] == call["label"] for call in french) / len(french)
    assert {p["segment"] for p in points(store)} == {"", "country=FR", "country=DE"}


@pytest.mark.slow
def test_versions_are_kept_apart(store: Store, worker: EvidentlyWorker) -> None:
    log(store, "binary", calls("binary", 40, seed=1))
    log(store, "binary", calls("binary", 60, seed=2), version="2")
    assert run(store, worker).windows == 2
    assert [one(points(store, version=version), "rows")["value"] for version in ("1", "2")] == [40, 60]


@pytest.mark.slow
def test_windows_of_rows_follow_late_rows(store: Store, worker: EvidentlyWorker) -> None:
    log(store, "binary", calls("binary", 90, seed=1), window="rows:40")
    assert run(store, worker).windows == 3
    rows = [p for p in points(store, metric="rows") if p["segment"] == ""]
    assert [(p["value"], p["partial"], p["window"]) for p in rows] == [
        (40, False, "rows:40"), (40, False, "rows:40"), (10, True, "rows:40")
    ]  # fmt: skip
    log(store, "binary", calls("binary", 1, seed=2, start=START - DAY), window="rows:40")
    run(store, worker)
    rows = [p for p in points(store, metric="rows") if p["segment"] == ""]
    assert [p["value"] for p in rows] == [40, 40, 11]  # every edge moved, and the old windows are gone
    assert run(store, worker).windows == 0


@pytest.mark.slow
def test_a_gap_between_windows_is_a_window_without_rows(store: Store, worker: EvidentlyWorker) -> None:
    log(store, "binary", calls("binary", 40, seed=1) + calls("binary", 40, seed=2, start=START + 2 * DAY))
    assert run(store, worker).windows == 3
    gap = points(store, since=START + DAY, until=START + 2 * DAY)
    assert {p["metric"]: p["value"] for p in gap} == {"rows": 0.0, "throughput": 0.0}


@pytest.mark.slow
def test_when_evidently_fails_its_points_fail_and_the_others_stand(store: Store, worker: EvidentlyWorker) -> None:
    log(store, "binary", calls("binary", 60, seed=1))
    put_reference(store, "binary")
    with EvidentlyWorker(timeout=0.01) as hasty:
        result = run(store, hasty, scores="evidently")
    found = points(store)
    for metric, column in (("drift", "amount"), ("drift_share", "")):
        assert one(found, metric, column)["status"] == "failed"
        assert "did not answer" in one(found, metric, column)["reason"]
    assert one(found, "rows")["value"] == 60
    assert one(found, "accuracy")["status"] == one(found, "brier")["status"] == "ok"  # computed here
    assert result.failed == sum(p["status"] == "failed" for p in found)
    now = datetime.now(UTC)
    assert run(store, worker, now=now).windows == 0  # not at once: what failed a moment ago fails again
    assert run(store, worker, now=now + timedelta(minutes=20)).windows == 1
    assert one(points(store), "drift", "amount")["status"] != "failed"
    with EvidentlyWorker(timeout=0.01) as hasty:
        assert run(store, hasty, everything=True).failed == 0  # without its page: all scores are ours
    assert one(points(store), "drift", "amount")["value"] is not None


class _Breaking:
    """Stands for a fault of our own: one window's analysis raises what nobody expects."""

    def __init__(self, worker: EvidentlyWorker) -> None:
        self._worker = worker

    def analyse(self, job: Job) -> Result:
        if "2026-03-03" in job.name.split(" to ")[0]:
            raise ZeroDivisionError("a fault of our own")
        return self._worker.analyse(job)


@pytest.mark.slow
def test_a_window_that_breaks_says_so_and_stops_no_other(store: Store, worker: EvidentlyWorker, caplog: pytest.LogCaptureFixture) -> None:
    made = [call for day in range(3) for call in calls("binary", 40, seed=day + 1, start=START + day * DAY)]
    log(store, "binary", made)
    result = run(store, _Breaking(worker))
    assert result.windows == 3
    broken = points(store, since=START + DAY, until=START + 2 * DAY)
    assert {p["status"] for p in broken} == {"failed"}
    assert "ZeroDivisionError: a fault of our own" in broken[0]["reason"]
    assert one(points(store, until=START + DAY), "accuracy")["status"] == "ok"
    assert "a fault of our own" in caplog.text


@pytest.mark.slow
def test_progress_is_told_and_what_it_raises_ends_the_run_without_losing_windows(store: Store, worker: EvidentlyWorker) -> None:
    log(store, "binary", [call for day in range(3) for call in calls("binary", 30, seed=day, start=START + day * DAY)])
    told: list[dict[str, Any]] = []

    def stop_after_one(news: dict[str, Any]) -> None:
        told.append(news)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(store, worker, progress=stop_after_one)
    assert (told[0]["done"], told[0]["total"], told[0]["model"], told[0]["window"]) == (1, 3, "m", "1d")
    assert store.runs().to_pylist()[0]["state"] == "interrupted"
    assert one(points(store, since=START + 2 * DAY), "rows")["value"] == 30  # the newest came first
    rest = run(store, worker).windows
    assert 0 < rest < 3
    assert run(store, worker).windows == 0


def test_a_home_without_rows_has_nothing_to_compute(store: Store) -> None:
    assert runner.run(store).windows == 0
    store.register_model(schema().named("m", "1").to_dict())
    assert runner.run(store, model="m") == runner.RunResult(0, 0, 0, 0, pytest.approx(0, abs=60), "")
    assert store.runs().num_rows == 0
    with pytest.raises(StorageError, match="There is no model"):
        runner.run(store, model="n")


@pytest.mark.slow
def test_a_model_that_cannot_be_planned_stops_no_other(store: Store, worker: EvidentlyWorker) -> None:
    seconds = schema(window="1s")
    with PredictionLogger("a", version="1", schema=seconds, home=store.home, strict=True) as logger:
        for moment in (START - 900 * DAY, START):  # more windows of a second than anybody wants
            logger.prediction({"amount": 1.0, "country": "FR"}, 1, timestamp=moment)
    log(store, "binary", calls("binary", 30, seed=1))
    assert run(store, worker).windows == 1
    assert one(points(store), "rows")["value"] == 30
    event = store.events().to_pylist()[0]
    assert (event["level"], event["model"]) == ("error", "a")
    assert "choose a longer window" in event["text"]
    with pytest.raises(StorageError, match="choose a longer window"):
        run(store, worker, model="a")


@pytest.mark.slow
def test_evidently_compares_very_many_rows_in_part_and_we_compare_and_count_them_in_full(
    store: Store, worker: EvidentlyWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baseline, "MOST_COMPARED", 100)
    made = calls("binary", 240, seed=1)
    log(store, "binary", made)
    put_reference(store, "binary")
    run(store, worker, scores="evidently")
    drift = one(points(store), "drift", "amount")
    assert drift["n"] == 100
    assert json.loads(drift["detail"])["sampled"] == 100
    run(store, worker, everything=True)
    drift = one(points(store), "drift", "amount")
    assert drift["n"] == 240
    assert "sampled" not in json.loads(drift["detail"])
    assert one(points(store), "rows")["value"] == 240
    accuracy = one(points(store), "accuracy")
    assert (accuracy["n"], accuracy["value"]) == (240, sum(call["prediction"] == call["label"] for call in made) / 240)


def test_a_range_is_one_window_from_since_to_until(store: Store, worker: EvidentlyWorker) -> None:
    log(store, "binary", [call for day in range(3) for call in calls("binary", 30, seed=day, start=START + day * DAY)])
    assert run(store, worker, window="range", since=START, until=START + 2 * DAY).windows == 1
    assert one(points(store, window="range"), "rows")["value"] == 60


def test_an_engine_error_is_one_of_ours() -> None:
    assert issubclass(EngineError, StorageError)
