"""MONITORING_MEMORY_LIMIT is kept by a real process, measured by the kernel, on data that take more without it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring.memory import analysable, too_large
from monitoring.service import points
from tests.unit.test_service import ROOT

ROWS = 700_000  # of the second day; the first has a hundredth
FEATURES = 12
LIMIT = 700  # MB

# Runs a command and prints the most memory that its process had: its children are not counted.
_MEASURED = """
import sys
from monitoring.cli import main
from tests.memory import peak
code = main(sys.argv[1:])
print(peak() // 1024)
sys.exit(code)
"""


def test_what_can_be_analysed_follows_from_the_limit() -> None:
    assert too_large(analysable(2 << 30, 20), 2 << 30, 20) == ""
    why = too_large(10**8, 2 * 10**9, 20)
    assert why.startswith("The window has 100,000,000 rows, and MONITORING_MEMORY_LIMIT (2 GB) lets about ")
    assert analysable(2 << 30, 200) < analysable(2 << 30, 20)


def batch(path: Path) -> Path:
    """Two days of a model with twelve features; the second is far larger."""
    random = np.random.default_rng(7)
    rows = ROWS + ROWS // 100
    start = datetime(2026, 3, 1, tzinfo=UTC)
    moments = [start + timedelta(days=1) * (row >= ROWS // 100) + timedelta(microseconds=row) for row in range(rows)]
    columns = {f"f{number}": random.normal(size=rows) for number in range(FEATURES)}
    pq.write_table(pa.table({"id": [f"prediction-number-{row}" for row in range(rows)], "timestamp": moments,
                             "prediction": random.random(rows), **columns}), path)  # fmt: skip
    return path


@pytest.mark.slow
def test_a_run_stays_below_its_limit_and_says_what_it_could_not_analyse(tmp_path: Path) -> None:
    features = "\n".join(f"  f{number}: numerical" for number in range(FEATURES))
    (tmp_path / "m.yaml").write_text(f"name: big\nversion: '1'\ntask: regression\nwindow: 1d\nfeatures:\n{features}\n")

    def run(*arguments: str, limit: str | None = None) -> tuple[int, str]:
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", **({"MONITORING_MEMORY_LIMIT": limit} if limit else {})}
        done = subprocess.run([sys.executable, "-c", _MEASURED, *arguments, "--home", str(tmp_path / "home")], cwd=ROOT, env=environment,
                              capture_output=True, text=True)  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        return int(done.stdout.splitlines()[-1]), done.stdout

    run("models", "register", str(tmp_path / "m.yaml"))
    run("log", "big", str(batch(tmp_path / "log.parquet")))
    taken, told = run("run", "big", "--json", limit=f"{LIMIT}MB")
    assert taken < LIMIT, told
    assert json.loads(told.splitlines()[0])["failed"] > 0
    found = points("big", metric="rows", home=tmp_path / "home").to_pylist()
    assert {row["window_start"].day: row["status"] for row in found}[1] == "ok"
    failed = [row for row in points("big", home=tmp_path / "home").to_pylist() if row["window_start"].day == 2]
    assert {row["status"] for row in failed} == {"failed"}
    assert all("MONITORING_MEMORY_LIMIT (0.7 GB) lets about" in row["reason"] for row in failed)
    without, _ = run("run", "big", "--all", "--json")
    assert without > LIMIT, "the data are too few to show anything"
    assert {row["status"] for row in points("big", metric="rows", home=tmp_path / "home").to_pylist()} == {"ok"}
