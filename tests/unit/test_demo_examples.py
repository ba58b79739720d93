"""The examples run as they stand, in an empty folder, and end with findings."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitoring.service import House

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "model", "metric"),
    [
        ("fraud/serve.py", "example-fraud", "latency_p95"),
        ("recommendations/weekly.py", "example-recommendations", "ndcg_at_k"),
        ("diagnosis/triage.py", "example-triage", "accuracy"),
    ],
)
def test_an_example_logs_and_finds(tmp_path: Path, script: str, model: str, metric: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    with House.open(tmp_path / "monitoring-data") as house:
        found = house.points(model=model, metric=metric).to_pylist()
        assert house.table(model=model, what="quarantine").num_rows == 0
    assert len([point for point in found if point["value"] is not None]) >= 3
    assert metric.partition("_at")[0].upper() in done.stdout.upper()
