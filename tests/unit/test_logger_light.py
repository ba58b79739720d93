"""What logging costs a serving process to import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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


PEAK = """
{}
from tests.memory import peak
print(peak())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process's peak memory")
def test_the_logger_adds_less_than_16_mb_to_a_bare_interpreter(tmp_path: Path) -> None:
    used = f"from monitoring import PredictionLogger as P; P('m', home={str(tmp_path)!r}).prediction({{'amount': 1.0}}, prediction=1)"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}

    def peak(code: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", PEAK.format(code)], cwd=ROOT, capture_output=True, text=True, check=True, env=environment
        )
        return int(done.stdout)

    bare, logging = peak(""), peak(used)
    assert logging - bare < 16 << 10, f"{(logging - bare) >> 10} MB"


QUIET = """
import sys
from monitoring import PredictionLogger
log = PredictionLogger("m", home=sys.argv[1], durability=sys.argv[2])
before = set(sys.modules)
key = log.prediction({"amount": 12.0, "odd": float("nan")}, prediction=1, timestamp="2026-01-01T00:00Z", error=ValueError("x"))
assert key and log.ground_truth(key, 1) and not log.prediction({"bad": {1}})
with log.track({"amount": 1.0}) as call:
    call.prediction = 1
log.flush(), log.stats(), log.close()
sys.exit(" ".join(set(sys.modules) - before) or 0)
"""


@pytest.mark.parametrize("durability", ["memory", "process", "disk"])
def test_a_call_imports_nothing_because_a_child_forked_during_an_import_waits_for_it_for_ever(tmp_path: Path, durability: str) -> None:
    done = subprocess.run([sys.executable, "-c", QUIET, str(tmp_path), durability], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
