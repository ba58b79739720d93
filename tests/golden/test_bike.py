"""Bike demand, registered by YAML, logged and run: our points are Evidently's numbers, and a killed run leaves no trace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from monitoring import ModelSchema, PredictionLogger, runner
from monitoring.evidently_worker import EvidentlyWorker
from storage.collector import Collector
from storage.home import Home
from storage.store import Store
from tests.golden.shared_data import close, needs_shared_data, read

YAML = """\
name: bike-demand
version: "1"
task: regression
features:
  temp: numerical
  atemp: numerical
  hum: numerical
  windspeed: numerical
  hr: numerical
  weekday: numerical
  season: categorical
  holiday: categorical
  workingday: categorical
timestamp: ts
prediction: pred_rf_jan
label: cnt
window: 1mo
timezone: UTC
drift: {method: auto}
"""
WEEKS = {  # [since, until) of the three windows that the table calls tutorial weeks
    "tutorial_week1": (datetime(2011, 1, 29, tzinfo=UTC), datetime(2011, 2, 8, tzinfo=UTC)),
    "tutorial_week2": (datetime(2011, 2, 7, tzinfo=UTC), datetime(2011, 2, 15, tzinfo=UTC)),
    "tutorial_week3": (datetime(2011, 2, 15, tzinfo=UTC), datetime(2011, 2, 22, tzinfo=UTC)),
}
NAMES = {"K-S p_value": "ks", "Z-test p_value": "z", "chi-square p_value": "chisquare"}
REGRESSION = {("MeanError", "mean"): "mean_error", ("MAPE", "mean"): "mape", ("RMSE", ""): "rmse", ("MAE", "mean"): "mae",
              ("R2Score", ""): "r2"}  # fmt: skip
JANUARY_29 = datetime(2011, 1, 29, tzinfo=UTC)


def load(home: Path) -> None:
    """Register by YAML, load the reference, log what came after it, and collect."""
    description = home.parent / "bike.yaml"
    description.write_text(YAML)
    schema = ModelSchema.from_file(description)
    rows = read("bike_hour")
    cut = pa.scalar(JANUARY_29.replace(tzinfo=None), rows.schema.field("ts").type)
    with PredictionLogger(schema.name, version=schema.version, schema=schema, home=home, strict=True) as log:
        log.log_batch(rows.filter(pc.greater_equal(rows["ts"], cut)))
    with Store.open(Home(home)) as store:
        store.register_model(schema.to_dict())
        store.put_reference(schema.name, rows.filter(pc.less(rows["ts"], cut)), "bike_hour.parquet, January 2011")
        Collector(store).once()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bike") / "home"
    load(path)
    return path


@pytest.fixture(scope="module")
def computed(home: Path) -> Iterator[Store]:
    with Store.open(Home(home)) as store, EvidentlyWorker() as worker:
        for since, until in WEEKS.values():
            assert runner.run(store, window="range", since=since, until=until, workers=[worker], jobs=1).windows == 1
        assert runner.run(store, workers=[worker]).failed == 0
        yield store


def expected() -> dict[str, list[dict[str, Any]]]:
    """Rows of the shared table by window."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in read("expected/evidently_bike_tutorial").to_pylist():
        found.setdefault(row["window"], []).append(row | {"config": json.loads(row["config_json"])})
    return found


def window_of(store: Store, name: str) -> list[dict[str, Any]]:
    """Our points of the window that the table calls by this name."""
    if name in WEEKS:
        return [p for p in store.points("bike-demand", window="range").to_pylist() if p["window_start"] == WEEKS[name][0]]
    start = datetime.strptime(name, "%Y-%m").replace(tzinfo=UTC)
    return [p for p in store.points("bike-demand", window="1mo").to_pylist() if p["window_start"] == start]


@needs_shared_data
def test_drift_of_every_column_in_every_window_equals_evidentlys(computed: Store) -> None:
    compared = 0
    for name, rows in expected().items():
        ours = {p["column"]: p for p in window_of(computed, name) if p["metric"] == "drift"}
        for row in rows:
            if row["config"]["type"].endswith(":ValueDrift"):
                column = {"target": "label"}.get(row["config"]["column"], row["config"]["column"])
                assert ours[column]["value"] == close(row["value"]), (name, column)
                assert ours[column]["method"] == NAMES[row["config"]["method"]], (name, column)
                assert (ours[column]["n"], ours[column]["n_reference"]) == (row["n_cur"], row["n_ref"])
                compared += 1
    assert compared == 26 * 11


@needs_shared_data
def test_regression_quality_of_every_window_equals_evidentlys(computed: Store) -> None:
    compared = 0
    for name, rows in expected().items():
        ours = {p["metric"]: p for p in window_of(computed, name)}
        for row in rows:
            metric = REGRESSION.get((row["config"]["type"].rsplit(":", 1)[1], row["key"]))
            if row["preset"] == "regression" and metric:
                assert ours[metric]["value"] == close(row["value"]), (name, metric)
                assert ours[metric]["n"] == row["n_cur"]
                assert ours[metric]["lower"] <= ours[metric]["value"] <= ours[metric]["upper"]
                compared += 1
    assert compared == 26 * 5


@needs_shared_data
def test_february_and_march_are_worse_than_the_reference_and_say_so(computed: Store) -> None:
    for name in ("2011-03", "2011-04"):
        (mae,) = [p for p in window_of(computed, name) if p["metric"] == "mae"]
        assert mae["status"] == "drift"
        assert "worse than the reference" in mae["reason"]


@needs_shared_data
def test_logging_the_same_file_twice_changes_no_number(computed: Store) -> None:
    before = computed.points()
    rows = read("bike_hour")
    cut = pa.scalar(JANUARY_29.replace(tzinfo=None), rows.schema.field("ts").type)
    with PredictionLogger("bike-demand", version="1", schema=ModelSchema.from_dict(computed.spec("bike-demand")),
                          home=computed.home, strict=True) as log:  # fmt: skip
        log.log_batch(rows.filter(pc.greater_equal(rows["ts"], cut)))
    Collector(computed).once()
    assert runner.run(computed).windows == 0
    assert computed.points().equals(before)


RUN = """
import sys
from monitoring import runner
from storage.home import Home
from storage.store import Store
with Store.open(Home(__import__("pathlib").Path(sys.argv[1]))) as store:
    print(runner.run(store, jobs=1, progress=lambda news: print(news["done"], flush=True)).windows, "windows", flush=True)
"""


@needs_shared_data
def test_a_killed_run_goes_on_and_gives_the_same_bytes(computed: Store, tmp_path: Path) -> None:
    load(tmp_path / "home")
    with start_run(tmp_path / "home") as process:
        assert process.stdout is not None
        for line in process.stdout:  # kill it between the third window and the last
            if line.strip() == "3":
                break
        os.killpg(process.pid, signal.SIGKILL)
    with start_run(tmp_path / "home") as again:
        output, _ = again.communicate(timeout=300)
    assert again.returncode == 0
    assert 0 < int(output.split(" windows")[0].split()[-1]) <= 24 - 3
    with Store.open(Home(tmp_path / "home")) as store:
        assert bytes_of(store) == bytes_of(computed)
        assert [run["state"] for run in store.runs().to_pylist()] == ["done", "interrupted"]


def start_run(home: Path) -> subprocess.Popen[str]:
    """A real run in a process group of its own, so that Evidently's process dies with it."""
    root = Path(__file__).resolve().parents[2]
    began = monotonic()
    while True:  # the owner's lock of a killed process is freed by the kernel, a moment later
        process = subprocess.Popen([sys.executable, "-c", RUN, str(home)], stdout=subprocess.PIPE, text=True, start_new_session=True,
                                   env={**os.environ, "PYTHONPATH": str(root)})  # fmt: skip
        sleep(0.5)
        if process.poll() is None or monotonic() - began > 20:
            return process


def bytes_of(store: Store) -> bytes:
    """The points of the monthly windows, but for when and by which run they were computed."""
    table = store.points("bike-demand", window="1mo").drop_columns(["computed_at", "run"]).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())
