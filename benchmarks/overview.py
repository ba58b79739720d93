"""What the Overview costs the server with many models. Run: `python benchmarks/overview.py [--models N --windows N --features N]`.

A home is filled with findings alone – as many models and daily windows as asked for, each window with drift of every feature, latency,
errors and performance; one model in fifty drifts at its end. A dashboard is started over it, as `streamlit run app.py`, and asked for the
page over its websocket, as a browser asks. Printed are CPU milliseconds of the server's process (user and system, all threads), the
milliseconds by the clock that the page itself says it took, and kilobytes sent: of a view at once after the start, of one when the server
has come to rest, of views again (medians), and of all time. A browser keeps what it was sent and is not sent it again; here it is.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.visiting import Session, Visit, serving, settle
from storage.home import Home
from storage.store import Store

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


def fill(store: Store, models: int, windows: int, features: int) -> None:
    """Save the points, and that their windows were computed."""
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


def views(session: Session, first: str, again: str, times: int, **params: str) -> None:
    """Print what a first view takes, and the median of views again."""
    _line(first, [session.visit(**params)])
    _line(again, [session.visit(**params) for _ in range(times)])


def _line(label: str, seen: list[Visit]) -> None:
    cpu, page = (statistics.median(values) for values in ([one.cpu for one in seen], [one.page for one in seen]))
    print(f"| {label} | {cpu:,.0f} | {page:,.0f} | {seen[-1].bytes / 1000:,.0f} |", flush=True)


def main() -> None:
    """Print the table."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--models", type=int, default=800)
    asked.add_argument("--windows", type=int, default=365)
    asked.add_argument("--features", type=int, default=20)
    asked.add_argument("--times", type=int, default=9)
    asked.add_argument("--home", type=Path, help="a folder for the home, which is kept and used again")
    options = asked.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        home, log = options.home or Path(folder) / "home", Path(folder) / "log"
        if not Home(home).database.exists():
            with Store.open(Home(home)) as store:
                fill(store, options.models, options.windows, options.features)
                settle(store)
        with Store.open(Home(home)) as store:
            points = store.select("SELECT count(*) AS n FROM points")["n"][0].as_py()
        print(f"{options.models} models × {options.windows} windows, {points:,} points\n")
        print("| | CPU ms of the server | the page's own ms | KB sent |\n|---|---:|---:|---:|")
        with serving(home, log) as dashboard, dashboard.session() as session:
            _line("at once after a start", [session.visit()])
        with serving(home, log) as dashboard:
            dashboard.rest()
            with dashboard.session() as session:
                views(session, "first view, last 90 days", "again", options.times)
                views(session, "first view, all time", "again, all time", options.times, range="all")


if __name__ == "__main__":
    main()
