"""The verbs of custody on a home with real findings: nothing shown changes by pruning, erasing, backing up or rebuilding."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from monitoring import ModelSchema, PredictionLogger
from monitoring.cli import main
from monitoring.service import House, call
from tests.unit.cli_data import MODEL, write_files

pytestmark = pytest.mark.slow

FOURTH_DAY = datetime(2026, 3, 5, tzinfo=UTC)  # of five that begin on the second of March


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A closed home with five computed days."""
    folder = tmp_path_factory.mktemp("computed")
    write_files(folder, shift=15)
    with House.open(folder / "home"):
        for arguments in (["models", "register", "fraud.yaml"], ["reference", MODEL, "reference.parquet"], ["log", MODEL, "log.parquet"]):
            assert main([*arguments[:-1], str(folder / arguments[-1]), "--home", str(folder / "home")]) == 0
        assert call(folder / "home", "run")["failed"] == 0
    yield folder / "home"


@pytest.fixture
def home(computed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(computed, tmp_path / "home"))


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*arguments, "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def shown(home: Path) -> dict[str, Any]:
    """What pages and exports of findings show."""
    house = House.open(home)
    store = house.store
    days = [(datetime(2026, 3, day, tzinfo=UTC), datetime(2026, 3, day + 1, tzinfo=UTC)) for day in range(2, 7)]
    health = store.health()
    return {
        "points": store.points(),
        "profiles": store.profiles(MODEL, None, "1d", days[0][0], until=days[-1][1]),
        "models": house.models(),
        "health": {key: health[key] for key in ("models", "newest_prediction", "newest_label")},
        "accounting": health["accounting"],
        "versions": store.versions(MODEL),
        "traffic": store.activity(MODEL, days).drop_columns(["fingerprint"]),
        "reference": store.reference_info(MODEL),
        "check": house.check(model=MODEL),
    }


def age_of(moment: datetime) -> str:
    return f"{int((datetime.now(UTC) - moment).total_seconds() // 3600)}h"


def test_pruning_changes_no_number_that_is_shown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with House.open(home) as house:
        before = shown(home)
        arguments = ("prune", "--older-than", age_of(FOURTH_DAY), "--home", str(home))
        dry = told(capsys, *arguments, "--dry-run")
        assert (dry["rows"], dry["labels"], dry["dry_run"]) == (360, 360, True)
        assert house.store.predictions(MODEL).num_rows == 600
        assert (done := told(capsys, *arguments))["rows"] == 360
        assert done["versions"][0]["before"] == FOURTH_DAY.isoformat()
        assert house.store.predictions(MODEL).num_rows == house.store.labels(MODEL).num_rows == 240
        assert shown(home) == before
        assert told(capsys, *arguments)["rows"] == 0
        assert call(home, "run")["windows"] == 0
        call(home, "run", everything=True)
        after = shown(home)
        assert after["points"].drop_columns(["computed_at", "run"]) == before["points"].drop_columns(["computed_at", "run"])


def test_late_ground_truth_of_pruned_rows_is_kept_and_disturbs_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with House.open(home) as house:
        before = house.store.points()
        told(capsys, "prune", "--older-than", age_of(FOURTH_DAY), "--home", str(home))
        with PredictionLogger(MODEL, version="3", home=home) as log:
            for number in range(10):
                assert log.ground_truth(f"t{number}", 1)
            assert log.prediction({"amount": 1.0, "country": "FR"}, prediction=1, timestamp=datetime(2026, 3, 2, 5, tzinfo=UTC))
        assert call(home, "run")["windows"] == 0
        assert house.store.labels(MODEL).num_rows == 250
        assert house.store.points() == before


def test_windows_of_rows_keep_their_numbers(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with House.open(home) as house:
        call(home, "run", window="rows:100")
        before = {row["window_start"]: row["value"] for row in house.store.points(window="rows:100", metric="rows").to_pylist()}
        told(capsys, "prune", "--older-than", age_of(FOURTH_DAY), "--home", str(home))
        assert house.store.predictions(MODEL).num_rows == 300  # 240 and what keeps the fourth window of a hundred whole
        assert call(home, "run", window="rows:100")["windows"] == 0
        call(home, "run", window="rows:100", everything=True)
        assert {row["window_start"]: row["value"] for row in house.store.points(window="rows:100", metric="rows").to_pylist()} == before


def test_a_pruned_home_is_rebuilt_to_what_it_shows(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, "prune", "--older-than", age_of(FOURTH_DAY), "--home", str(home))
    with House.open(home):
        before = shown(home)
    (home / "db" / "monitor.duckdb").write_bytes(b"damaged")
    assert main(["models", "list", "--home", str(home)]) == 3
    assert "rebuild" in capsys.readouterr().err
    told(capsys, "rebuild", "--home", str(home))
    with House.open(home):
        assert shown(home) == before
        told(capsys, "rebuild", "--home", str(home))  # by the owner, while it serves
        assert shown(home) == before


def test_a_backup_made_while_the_home_is_in_use_is_a_home(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "copy"
    with House.open(home, background=True):
        before = shown(home)
        done = told(capsys, "backup", str(copy), "--home", str(home))
        assert done["rows"] > 600
    assert told(capsys, "models", "list", "--home", str(copy)) == told(capsys, "models", "list", "--home", str(home))
    with House.open(copy):
        assert shown(copy) == before
        assert call(copy, "run")["windows"] == 0
    assert main(["backup", str(copy), "--home", str(home)]) == 3
    assert "exists already" in capsys.readouterr().err


def test_erasing_a_hashed_subject_takes_its_clear_value_and_leaves_the_findings(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = {"name": "shop", "version": "1", "task": "binary", "features": {"amount": "numerical", "customer": "categorical"},
            "privacy": {"customer": "hash"}, "timezone": "UTC"}  # fmt: skip
    with House.open(home) as house:
        house.register(spec=spec)
        with PredictionLogger("shop", version="1", schema=ModelSchema.from_dict(spec), home=home) as log:
            for number in range(200):
                at = datetime(2026, 3, 2, number % 24, tzinfo=UTC)
                pid = log.prediction({"amount": number, "customer": f"c{number % 50}"}, prediction=number % 2, timestamp=at)
                assert pid
                log.ground_truth(pid, number % 2)
        call(home, "run")
        before = house.store.points()
        hashed = {row["customer"] for row in house.store.predictions("shop").to_pylist() if row["amount"] % 50 == 7}
        assert len(hashed) == 1
        done = told(capsys, "erase", "--subject", "customer=c7", "--home", str(home))
        assert (done["predictions"], done["labels"], done["left"]) == (4, 4, [])
        assert call(home, "run")["windows"] == 0
        assert house.store.points().drop_columns(["detail"]) == before.drop_columns(["detail"])
    (digest,) = hashed
    assert [path for path in home.rglob("*") if path.is_file() and digest.encode() in path.read_bytes()] == []


def test_a_mended_quarantine_file_is_replayed_once(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = {"v": 1, "k": "label", "n": 1, "t": 1_772_500_000_000_000, "m": MODEL, "id": "t1", "y": 1}
    bad = json.dumps({"c": "00000000", "d": good}).replace(" ", "")
    (home / "spool" / "damaged-1-0-0-00000000.seg.jsonl").write_text(f"{bad}\nnonsense\n")
    found = told(capsys, "quarantine", "list", "--home", str(home), code=1)
    assert {(row["reason"], row["count"]) for row in found["reasons"]} == {("checksum does not match", 1), ("not a frame", 1)}
    (name,) = (Path(path) for path in found["files"])
    assert main(["quarantine", "replay", name.name, "--home", str(home)]) == 3
    assert "Line 2 is no JSON" in capsys.readouterr().err
    name.write_text(f"{bad}\n")
    before = call(home, "table", model=MODEL, what="labels").num_rows
    done = told(capsys, "quarantine", "replay", name.name, "--home", str(home))
    assert (done["lines"], done["ingested"] + done["duplicates"]) == (1, 1)
    assert call(home, "table", model=MODEL, what="labels").num_rows == before + 1
    assert told(capsys, "quarantine", "list", "--home", str(home))["lines"] == 0
    assert main(["quarantine", "replay", name.name, "--home", str(home)]) == 3
    assert isinstance(call(home, "table", model=MODEL, what="quarantine"), pa.Table)


@pytest.mark.parametrize(
    "arguments", [["erase", "--subject", "nobody"], ["prune", "--older-than", "yesterday"], ["quarantine", "replay", "x.bad"]]
)
def test_what_cannot_be_done_is_said_in_a_sentence(home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main([*arguments, "--home", str(home)]) == 3
    assert capsys.readouterr().err.count("\n") == 1


def test_a_model_s_own_retention_goes_before_the_settings_and_makes_nothing_due(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with House.open(home) as house:
        spec = house.store.spec(MODEL)
        neighbour = {**spec, "name": "neighbour"}
        call(home, "register", spec=neighbour)
        rows = house.store.frame(MODEL, "3").slice(0, 50)
        with PredictionLogger("neighbour", version="3", home=home, schema=ModelSchema.from_dict(neighbour)) as log:
            for row in rows.to_pylist():
                assert log.prediction({"amount": row["amount"], "country": row["country"]}, prediction=1, timestamp=row["@t"])
        call(home, "run")
        before = shown(home)

        assert told(capsys, "prune", "--home", str(home))["rows"] == 0  # nobody said anything: for ever
        call(home, "register", spec={**spec, "retention": {"raw": age_of(FOURTH_DAY)}})
        assert call(home, "run")["windows"] == 0
        done = told(capsys, "prune", "--home", str(home))
        assert [row["model"] for row in done["versions"]] == [MODEL]
        assert done["rows"] == 360
        assert shown(home)["points"] == before["points"]

        monkeypatch.setenv("MONITORING_RAW_DAYS", "1")
        call(home, "register", spec={**spec, "retention": {"raw": "36500d"}})
        assert [row["model"] for row in told(capsys, "prune", "--home", str(home))["versions"]] == ["neighbour"]

        call(home, "register", spec={**spec, "retention": {"raw": "36500d", "hourly": "36500d"}})
        assert told(capsys, "prune", "--home", str(home))["hours"] == 0
        call(home, "register", spec={**spec, "retention": {"hourly": "1h"}})
        hours = house.store.select("SELECT count(*) AS n FROM hourly").to_pylist()[0]["n"]
        dropped = told(capsys, "prune", MODEL, "--older-than", "36500d", "--home", str(home))["hours"]
        assert 0 < dropped < hours  # the neighbour's stay
        assert shown(home)["points"] == before["points"]
