"""What the Overview costs the server with many models. Run: `python benchmarks/overview.py [--models N --windows N --features N]`.

A home is filled with findings alone – as many models and daily windows as asked for, each window with drift of every feature, latency,
errors and performance; one model in fifty drifts at its end. Printed are CPU seconds (user and system, all threads) and wall milliseconds
of the whole page script, by Streamlit's own test runner: the first view after a start, a view again, and one after a model got a window.
`data-ms` is what the page itself says at its end.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

from streamlit.testing.v1 import AppTest

from monitoring.service import House
from storage.points import POINTS
from storage.store import Store
from tests.storage.conftest import Span

ROOT = Path(__file__).parents[1]
FIRST = datetime(2025, 11, 1, tzinfo=UTC)
_SERVED = {"rows": None, "error_rate": 0.05, "latency_p50": 20.0, "latency_p95": 50.0, "latency_p99": 80.0, "latency_mean": 30.0,
           "drift_share": None}  # fmt: skip
_MEASURED = ("accuracy", "precision", "recall", "f1", "roc_auc", "average_precision", "log_loss", "brier",
             "expected_calibration_error")  # fmt: skip


def template(features: int) -> pa.Table:
    """One calm window's findings: metric, column, method, value, threshold."""
    rows = [(name, "", "", 0.01 if limit else 1000.0, limit) for name, limit in _SERVED.items()]
    rows += [(name, "", "", 0.9, 0.5 if name in ("accuracy", "recall") else None) for name in _MEASURED]
    columns = [*(f"feature_{number:02d}" for number in range(features)), "prediction", "score"]
    rows += [("drift", column, "wasserstein", 0.05, 0.1) for column in columns]
    return pa.table(dict(zip(("metric", "column", "method", "value", "threshold"), zip(*rows, strict=True), strict=True)))


def fill(store: Store, models: int, windows: int, features: int) -> int:
    """The points saved."""
    kinds = {f"feature_{number:02d}": "numerical" for number in range(features)}
    for number in range(models):
        store.register_model({"name": f"model-{number:04d}", "version": "1", "task": "binary", "positive_label": 1, "window": "1d",
                              "features": kinds})  # fmt: skip
    with store.writing() as cursor:
        cursor.register("template", template(features))
        bad = "m % 50 = 0 AND d >= $windows - 3 AND metric = 'drift' AND \"column\" = 'feature_00'"
        cursor.execute(
            f"""
            INSERT INTO points BY NAME
            SELECT printf('model-%04d', m) AS model, '1' AS version, '' AS segment,
                   CAST($first AS TIMESTAMPTZ) + to_days(d) AS window_start,
                   CAST($first AS TIMESTAMPTZ) + to_days(d + 1) AS window_end, metric, "column", method,
                   CASE WHEN {bad} THEN 0.5 ELSE value END AS value, value * 0.9 AS lower, value * 1.1 AS upper, threshold, 1000 AS n,
                   900 AS n_labelled, 0.9 AS label_coverage, CASE WHEN {bad} THEN 'drift' ELSE 'ok' END AS status, '' AS reason,
                   'realised' AS kind, CAST($first AS TIMESTAMPTZ) + to_days(d + 1) AS computed_at, 'r' AS run, '1d' AS "window",
                   false AS partial
            FROM (SELECT CAST(range AS INTEGER) AS m FROM range($models)), (SELECT CAST(range AS INTEGER) AS d FROM range($windows)),
                 template
            ORDER BY d, m
            """,
            {"first": FIRST, "models": models, "windows": windows},
        )
        cursor.execute(
            """
            INSERT INTO window_states
            SELECT printf('model-%04d', m), '1', '1d', CAST($first AS TIMESTAMPTZ) + to_days(d),
                   CAST($first AS TIMESTAMPTZ) + to_days(d + 1), NULL, NULL, 'f', 'done', CAST($first AS TIMESTAMPTZ) + to_days(d + 1), 'r'
            FROM (SELECT CAST(range AS INTEGER) AS m FROM range($models)), (SELECT CAST(range AS INTEGER) AS d FROM range($windows))
            ORDER BY 4, 1
            """,
            {"first": FIRST, "models": models, "windows": windows},
        )
        cursor.unregister("template")
    return int(store.select("SELECT count(*) AS n FROM points")["n"][0].as_py())


def another_window(store: Store, windows: int, features: int) -> None:
    """One more day of the first model."""
    start = FIRST + timedelta(days=windows)
    common = {"model": "model-0000", "version": "1", "segment": "", "window": "1d", "window_start": start, "lower": 0.8, "upper": 1.0,
              "window_end": start + timedelta(days=1), "n": 1000, "status": "ok", "reason": "", "kind": "realised",
              "computed_at": datetime.now(UTC), "run": "r", "partial": False}  # fmt: skip
    found = pa.Table.from_pylist([{**common, **row} for row in template(features).to_pylist()], schema=POINTS)
    store.save_window("model-0000", "1", Span(start, start + timedelta(days=1)), found, window_name="1d", run="r", fingerprint="f")


def view(label: str, **params: str) -> None:
    """Draw the page once and print what it took."""
    test = AppTest.from_file(str(ROOT / "pages" / "watch" / "overview.py"), default_timeout=600)
    for name, value in params.items():
        test.query_params[name] = value
    began, cpu = perf_counter(), process_time()
    test.run()
    wall, cpu = perf_counter() - began, process_time() - cpu
    assert not test.exception, test.exception
    marks = [re.search(r'data-ms="([0-9.]+)"', str(element.value)) for element in test.get("html")]  # type: ignore[union-attr]
    said = next((mark[1] for mark in marks if mark), "?")
    print(f"{label:<34}{said:>12}{wall * 1000:>12.0f}{cpu:>12.2f}", flush=True)


def main() -> None:
    """Print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--models", type=int, default=800)
    asked.add_argument("--windows", type=int, default=365)
    asked.add_argument("--features", type=int, default=20)
    options = asked.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MONITORING_HOME"] = folder
        with House.open(folder) as house:
            points = fill(house.store, options.models, options.windows, options.features)
            for name in house.store.models():
                house.store.count(name)  # as a run does
            print(f"{options.models} models × {options.windows} windows, {points:,} points\n")
            print(f"{'':<34}{'data-ms':>12}{'wall ms':>12}{'CPU s':>12}")
            view("first view, last 90 days")
            for _ in range(3):
                view("again")
            view("all time", range="all")
            view("again, all time", range="all")
            another_window(house.store, options.windows, options.features)
            view("after a model got a window")
            view("again")


if __name__ == "__main__":
    main()
