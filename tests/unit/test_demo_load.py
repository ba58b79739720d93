"""Loading the demo: through the real logger, collector and store; what a second load does; what is refused."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from monitoring.demo import load
from monitoring.demo.diagnosis import diagnosis_case
from monitoring.demo.ledger import Ledger
from monitoring.demo.planted import MODELS, planted
from monitoring.demo.serving import log_labels, log_release
from monitoring.errors import InputError
from monitoring.service import House
from monitoring.windows import Window

END = datetime(2026, 6, 10, tzinfo=UTC)
ROWS = 2_000
DOCS = Path(__file__).parents[2] / "docs" / "demo.md"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    home = tmp_path_factory.mktemp("demo") / "home"
    return home, load(home, rows=ROWS, end=END, compute=False)


def tables(home: Path) -> dict[str, pa.Table]:
    with House.open(home) as house:
        return {f"{model} {what}": house.table(model=model, what=what) for model in MODELS.values() for what in ("predictions", "labels")}


def test_everything_served_is_in_the_home_and_nothing_was_refused(loaded: tuple[Path, dict[str, Any]]) -> None:
    home, told = loaded
    assert told["end"] == END.isoformat()
    assert told["run"] is None
    assert {model: counts["predictions"] for model, counts in told["models"].items()} == dict.fromkeys(MODELS.values(), ROWS)
    with House.open(home) as house:
        assert {line["model"]: line["predictions"] for line in house.models()} == dict.fromkeys(MODELS.values(), ROWS)
        assert all(house.table(model=model, what="quarantine").num_rows == 0 for model in MODELS.values())
        assert [line["versions"] for line in house.models() if line["model"] == "card-fraud"] == [["1", "2"]]
    for name, table in tables(home).items():
        if name.endswith("labels"):
            assert table.num_rows == told["models"][name.removesuffix(" labels")]["labels"] > 0


def test_failed_calls_are_logged_as_errors(tmp_path: Path) -> None:
    load(tmp_path, models=["fraud"], rows=4_000, end=END, compute=False)
    with House.open(tmp_path) as house:
        window = Window(END - timedelta(days=60), END)
        errors = sum(
            row["errors"] for version in ("1", "2") for row in house.store.traffic("card-fraud", version, [window]).to_pylist()
        )
    assert 1 <= errors <= 25


def test_a_second_load_changes_nothing(loaded: tuple[Path, dict[str, Any]]) -> None:
    home, _ = loaded
    before = tables(home)
    again = load(home, compute=False)
    assert again["end"] == END.isoformat()
    assert all(count == 0 for counts in again["models"].values() for count in counts.values())
    for name, table in tables(home).items():
        assert table.num_rows == before[name].num_rows


def test_an_interrupted_load_goes_on_where_it_stopped(tmp_path: Path) -> None:
    world = diagnosis_case(END, rows=600)
    schema = world.releases[0].schema
    Ledger.open(tmp_path, END).note("diagnosis", rows=600, calls=600, done=False)
    log_release(tmp_path, schema, world.releases[0].served.slice(0, 250))
    log_labels(tmp_path, schema, world.labels.slice(0, 40))
    told = load(tmp_path, models=["diagnosis"], compute=False)
    assert told["models"]["diagnosis-triage"] == {"predictions": 350, "labels": world.labels.num_rows - 40, "reference": 6_000}
    with House.open(tmp_path) as house:
        assert house.models()[0]["predictions"] == 600
        assert house.table(model="diagnosis-triage", what="labels").num_rows == world.labels.num_rows
        assert house.collect()["duplicates"] == 0


def test_a_torn_ledger_is_named_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "demo.json").write_text('{"end": ')
    with pytest.raises(InputError, match="cannot be read: load the demo into an empty home"):
        load(tmp_path, models=["diagnosis"], compute=False)


def test_an_owner_that_runs_already_is_asked(tmp_path: Path) -> None:
    program = f"from monitoring.demo import load; load({str(tmp_path)!r}, models=['diagnosis'], rows=300, compute=False)"
    with House.open(tmp_path) as house:
        subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
        assert [line["predictions"] for line in house.models()] == [300]
        assert load(house, models=["diagnosis"], compute=False)["models"]["diagnosis-triage"]["predictions"] == 0
        assert house.models()  # `load` leaves a House that is not its own open


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"models": ["frod"]}, 'no case study "frod": did you mean "fraud"?'),
        ({"rows": 5}, "at least 100 rows"),
        ({"end": datetime(2026, 6, 10)}, "has no time zone"),  # noqa: DTZ001 – a naive moment is what is refused
    ],
)
def test_what_cannot_be_loaded_is_refused_in_one_sentence(tmp_path: Path, arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence.replace("?", r"\?")):
        load(tmp_path, compute=False, **arguments)


def test_another_end_or_size_wants_an_empty_home(loaded: tuple[Path, dict[str, Any]]) -> None:
    home, _ = loaded
    with pytest.raises(InputError, match="demo ends on 2026-06-10"):
        load(home, end=END + timedelta(days=1), compute=False)
    with pytest.raises(InputError, match=f"fraud with {ROWS} rows"):
        load(home, rows=ROWS + 1, compute=False)


def test_progress_names_each_case_study(tmp_path: Path) -> None:
    told: list[str] = []
    load(tmp_path, models=["diagnosis"], rows=300, end=END, compute=False, progress=lambda step: told.append(step["message"]))
    assert told[0] == "diagnosis: simulating and training"
    assert all(line.startswith("diagnosis: ") for line in told)


def test_the_document_names_everything_that_is_planted() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for change in planted(END):
        assert f"`{change.model}`" in text
        assert f"`{change.column if change.metric == 'drift' else change.metric}`" in text


def test_asking_what_is_planted_imports_nothing_heavy() -> None:
    program = "import sys, monitoring.demo.planted; print(sorted({'numpy', 'pyarrow', 'sklearn', 'duckdb'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_the_simulated_labels_are_known_before_the_end(loaded: tuple[Path, dict[str, Any]]) -> None:
    home, _ = loaded
    for name, table in tables(home).items():
        if name.endswith("labels"):
            assert pc.max(table["labelled_at"]).as_py() < END


@pytest.mark.slow
def test_a_second_load_computes_nothing_anew(tmp_path: Path) -> None:
    first = load(tmp_path, models=["diagnosis"], rows=300)
    again = load(tmp_path, models=["diagnosis"], rows=300)
    assert first["run"]["windows"] >= 8
    assert first["run"]["failed"] == 0
    assert again["run"]["windows"] == 0
