"""What a serving image has – Python, orjson and this package – logs; what needs more says in one sentence what to install."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

ROOT = Path(__file__).parents[2]
ROW = '{"timestamp": "2026-01-01T00:00Z", "id": "1", "a": 1.5, "c": "x", "prediction": 1, "score": 0.5, "label": 0}\n'
LOGS = """
import sys
from monitoring import Feature, ModelSchema, PredictionLogger, Task
schema = ModelSchema(task=Task.BINARY, features=[Feature("a", "numerical"), Feature("c", "categorical")])
with PredictionLogger("m", schema=schema, home=sys.argv[1], strict=True) as log:
    key = log.prediction({"a": 1.0, "c": "x"}, prediction=1, score=0.9)
    assert log.ground_truth(key, 1)
    done = log.log_batch("rows.jsonl")
    assert (done.rows, done.labels, done.refused) == (1, 1, {}), done
    assert log.log_batch([{"timestamp": "2026-01-01T00:00Z", "a": 2.0}]).rows == 1
    assert log.log_labels([{"id": "1", "label": 1}]).labels == 1
"""


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder to work in, with files of each kind, and beside it all packages that the base install has."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "orjson").symlink_to(Path(orjson.__file__).parent)
    for package in ("monitoring", "storage"):
        (site / package).symlink_to(ROOT / package)
    work = tmp_path / "work"
    work.mkdir()
    (work / "rows.jsonl").write_text(ROW)
    (work / "rows.csv").write_text("timestamp,a\n2026-01-01T00:00Z,1\n")
    (work / "rows.parquet").write_bytes(b"PAR1")
    (work / "m.yaml").write_text("name: m\ntask: regression\n")
    return work


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder.parent / "site")}
    command = [sys.executable, "-S", *arguments]  # -S: nothing of this environment's packages
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_predictions_ground_truth_and_json_lines_need_orjson_alone(bare: Path) -> None:
    done = python(bare, "-c", LOGS, "home")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("log.log_batch('rows.csv')", "rows.csv needs pyarrow to be read; pip install 'driftboard[files]'"),
        ("log.log_batch('rows.parquet')", "rows.parquet needs pyarrow to be read; pip install 'driftboard[files]'"),
        ("ModelSchema.from_file('m.yaml')", "A YAML file needs yaml to be read; pip install 'driftboard[files]'"),
        ("monitoring.run('m')", "monitoring.run needs pyarrow; pip install 'driftboard[dashboard]'"),
    ],
)
def test_what_needs_more_says_what_to_install(bare: Path, code: str, sentence: str) -> None:
    start = "import monitoring; from monitoring import ModelSchema, PredictionLogger; log = PredictionLogger('m'); "
    done = python(bare, "-c", start + code)
    last = done.stderr.strip().splitlines()[-1]
    assert last.endswith(f"Error: {sentence}."), done.stderr
    assert "During handling" not in done.stderr and "direct cause" not in done.stderr


def test_the_command_line_says_what_it_needs(bare: Path) -> None:
    done = python(bare, "-m", "monitoring", "models", "list")
    assert (done.returncode, done.stderr) == (3, "The command line needs typer: pip install 'driftboard[dashboard]'.\n")
