"""What logging costs a serving process to import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = {
    "asyncio", "duckdb", "evidently", "numpy", "pandas", "plotly", "polars", "pyarrow", "pydantic", "scipy", "sklearn", "streamlit",
    "typer", "yaml",
}  # fmt: skip
CODE = """
import json, sys, time
start = time.process_time()
from monitoring import PredictionLogger
spent = time.process_time() - start
log = PredictionLogger("m", home=sys.argv[1])
assert log.prediction({"amount": 12.0, "missing": None, "odd": float("nan")}, prediction=1, country="FR")
log.ground_truth("a", 1)
with log.track({"amount": 1.0}) as call:
    call.prediction = 1
print(json.dumps({"modules": sorted(sys.modules), "seconds": spent}))
"""


def test_logging_imports_nothing_heavy_and_little_at_all(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    command = [sys.executable, "-c", CODE, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=environment)
    told = json.loads(done.stdout)
    assert not {name.partition(".")[0] for name in told["modules"]} & HEAVY
    assert len([name for name in told["modules"] if name.startswith(("monitoring", "storage"))]) < 25
    assert told["seconds"] < 1.0  # a generous bound on a loaded machine; benchmarks/log_call.py prints the real number
