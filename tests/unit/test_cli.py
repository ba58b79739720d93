"""The command line: exit codes, one sentence for an error, JSON that a script can rely on; without Evidently."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from monitoring.cli import main
from storage.points import POINTS
from tests.unit.cli_data import DAY_ONE, MODEL, PER_DAY, log_table, write_files

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs one command in an empty folder that is the home's parent too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MONITORING_HOME", raising=False)

    def command(*arguments: str) -> Done:
        code = main(arguments)
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return command


@pytest.fixture
def logged(run: Run, tmp_path: Path) -> Run:
    """The same, with the model registered and its log collected."""
    write_files(tmp_path)
    assert run("models", "register", "fraud.yaml").code == 0
    assert run("log", MODEL, "log.parquet").code == 0
    return run


def is_one_sentence(text: str) -> bool:
    return text.count("\n") == 1 and "Traceback" not in text and len(text) > 10


def test_without_a_command_it_prints_help_and_succeeds(run: Run) -> None:
    done = run()
    assert done.code == 0
    assert "Commands:" in done.out


def test_help_imports_none_of_the_heavy_packages() -> None:
    code = (
        "import sys; from monitoring.cli import main; main(['--help']); main(['run', '--help'])\n"
        "heavy = {'duckdb', 'pandas', 'pyarrow', 'streamlit', 'evidently', 'plotly', 'yaml', 'sklearn', 'numpy', 'rich'}\n"
        "sys.exit(' '.join(heavy & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["nonsense"], ["run", "--wndow", "1d"], ["report", MODEL], ["log"], ["serve", "--port", "0"]])
def test_wrong_usage_is_one_sentence_and_3_because_2_means_drift(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (3, "")
    assert is_one_sentence(done.err)


@pytest.mark.parametrize("name", ["alerts"])
def test_later_verbs_say_so_and_stand_in_no_help(run: Run, name: str) -> None:
    done = run(name, "list", "--subject", "email=a@b.c", "--json")
    assert (done.code, done.out) == (3, "")
    assert "not yet available" in done.err
    assert name not in run("--help").out


def test_an_unexpected_error_is_a_sentence_and_a_traceback_only_on_request(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("monitoring.service.call", broken)
    done = run("models", "list")
    assert done.code == 3
    assert "Unexpected ZeroDivisionError: of all things" in done.err
    assert is_one_sentence(done.err)
    monkeypatch.setenv("MONITORING_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        run("models", "list")


def test_a_model_is_registered_listed_and_shown(run: Run, tmp_path: Path) -> None:
    write_files(tmp_path)
    assert run("models", "register", "fraud.yaml", "--json").json == {"model": MODEL, "version": "3", "changed": True}
    assert run("models", "register", "fraud.yaml", "--json").json["changed"] is False
    (line,) = run("models", "list", "--json").json
    assert (line["model"], line["task"], line["version"], line["predictions"], line["newest"]) == (MODEL, "binary", "3", 0, None)
    shown = run("models", "show", MODEL, "--json").json
    assert shown["spec"]["features"] == {"amount": "numerical", "country": "categorical"}
    assert len(shown["history"]) == 1
    assert "amount" in run("models", "show", MODEL).out


def test_an_unknown_model_names_the_nearest(logged: Run) -> None:
    done = logged("models", "show", "card-fruad")
    assert (done.code, done.err) == (3, 'There is no model "card-fruad": did you mean "card-fraud"?\n')


def test_a_wrong_description_names_line_and_key(run: Run, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("name: x\ntask: binary\nfeaturs: {a: numerical}\n")
    done = run("models", "register", "wrong.yaml")
    assert done.code == 3
    assert "line 3" in done.err
    assert "features" in done.err


def test_a_log_with_labels_is_collected_and_logging_it_twice_changes_nothing(logged: Run) -> None:
    before = logged("export", MODEL, "--what", "predictions", "-o", "before.csv").code
    again = logged("log", MODEL, "log.parquet", "--json")
    assert (before, again.code, again.json["ingested"], again.json["duplicates"]) == (0, 0, 0, 10 * PER_DAY)
    assert logged("models", "list", "--json").json[0]["predictions"] == 5 * PER_DAY


def test_labels_come_later_and_correct_earlier_ones(logged: Run, tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["t0", "t1"], "label": [1, 1], "labelled_at": [DAY_ONE, DAY_ONE]}), tmp_path / "labels.parquet")
    done = logged("label", MODEL, "labels.parquet", "--json")
    assert (done.code, done.json["labels"], done.json["quarantined"]) == (0, 2, 0)


def test_collect_once_prints_the_contracts_keys(logged: Run) -> None:
    assert logged("collect", "--once", "--json").json == {"ingested": 0, "duplicates": 0, "quarantined": 0, "pending": 0}


@pytest.mark.parametrize("what", ["predictions", "labels", "points", "quarantine"])
@pytest.mark.parametrize("format_", ["parquet", "csv", "json"])
def test_every_table_is_exported_in_every_format(logged: Run, tmp_path: Path, what: str, format_: str) -> None:
    done = logged("export", MODEL, "--what", what, "--format", format_, "-o", "out", "--json")
    assert done.code == 0
    rows = {"predictions": 5 * PER_DAY, "labels": 5 * PER_DAY}.get(what, 0)
    assert done.json == {"what": what, "path": str(tmp_path / "out"), "rows": rows, "format": format_}


def test_exported_predictions_hold_exactly_what_was_logged(logged: Run, tmp_path: Path) -> None:
    assert logged("export", MODEL, "--what", "predictions", "-o", "p.csv").code == 0
    exported = pc.read_csv(tmp_path / "p.csv").to_pydict()
    source = log_table().to_pydict()
    found = dict(zip(exported[next(name for name in exported if name.strip("@") == "id")], exported["amount"], strict=True))
    assert found == dict(zip(source["transaction_id"], source["amount"], strict=True))


def test_what_cannot_be_exported_is_one_sentence(logged: Run) -> None:
    for arguments in (["--what", "point", "-o", "x.csv"], ["-o", "x.exe"], ["-o", "x"], ["-o", "nowhere/x.csv"]):
        done = logged("export", MODEL, *arguments)
        assert done.code == 3
        assert is_one_sentence(done.err)


def test_a_file_that_is_not_there_or_not_readable_is_one_sentence(logged: Run, tmp_path: Path) -> None:
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 but no more")
    (tmp_path / "rows.xlsx").write_bytes(b"")
    for command in ("log", "label", "reference"):
        for file in ("nowhere.parquet", "torn.parquet", "rows.xlsx"):
            done = logged(command, MODEL, file)
            assert (command, file, done.code) == (command, file, 3)
            assert is_one_sentence(done.err)


def test_a_reference_is_loaded_from_parquet_csv_and_json_lines_alike(logged: Run, tmp_path: Path) -> None:
    table = pq.read_table(tmp_path / "reference.parquet")
    pc.write_csv(table, tmp_path / "reference.csv")
    lines = [json.dumps({**row, "event_time": row["event_time"].isoformat()}) for row in table.to_pylist()]
    (tmp_path / "reference.jsonl").write_text("\n".join(lines) + "\n")
    told = [logged("reference", MODEL, f"reference.{ending}", "--json").json for ending in ("parquet", "csv", "jsonl")]
    assert [one["rows"] for one in told] == [5 * PER_DAY] * 3
    assert len({one["hash"] for one in told}) == 1


def test_the_rows_of_a_reference_are_deleted_when_it_is_loaded_or_later(logged: Run, tmp_path: Path) -> None:
    done = logged("reference", MODEL)
    assert done.code == 3
    assert is_one_sentence(done.err)
    assert "--forget-rows" in done.err
    told = logged("reference", MODEL, "reference.parquet", "--forget-rows", "--json").json
    assert told["rows"] == 5 * PER_DAY
    assert told["left"] == []
    again = logged("reference", MODEL, "--forget-rows", "--json").json
    assert {key: again[key] for key in ("hash", "forgotten_at", "bytes")} == {key: told[key] for key in ("hash", "forgotten_at", "bytes")}
    assert f"rows deleted on {told['forgotten_at'][:10]}" in logged("models", "show", MODEL).out
    assert not list((tmp_path / "monitoring-data" / "export" / "references").iterdir())


def test_a_name_with_blanks_slashes_and_quotes_works_everywhere(run: Run, tmp_path: Path) -> None:
    name = '../fraud "v1"; drop table x -- 🦉'
    write_files(tmp_path)
    text = (tmp_path / "fraud.yaml").read_text().replace("name: card-fraud", "name: " + json.dumps(name, ensure_ascii=False))
    (tmp_path / "odd.yaml").write_text(text)
    assert run("models", "register", "odd.yaml").code == 0
    assert run("log", name, "log.parquet").code == 0
    assert run("export", name, "--what", "predictions", "-o", "out.parquet").code == 0
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 5 * PER_DAY
    assert {path.name for path in tmp_path.iterdir()} == {
        "fraud.yaml", "odd.yaml", "log.parquet", "reference.parquet", "out.parquet", "monitoring-data",
    }


def test_check_gates_on_the_newest_complete_window(logged: Run, tmp_path: Path) -> None:
    from monitoring.service import House

    done = logged("check", MODEL)
    assert (done.code, done.out) == (3, "")
    assert "python -m monitoring run" in done.err
    with House.open(tmp_path / "monitoring-data") as house:
        house.store.save_window(MODEL, "3", a_day(), findings("ok", "drift"), window_name="1d", run="r")
    done = logged("check", MODEL, "--junit", "out.xml", "--json")
    assert (done.code, done.json["verdict"], done.json["counts"]) == (2, "drift", {"drift": 1, "ok": 1})
    assert (tmp_path / "out.xml").read_bytes().startswith(b"<?xml")
    assert "because of drift" in logged("check", MODEL).out
    assert logged("check", MODEL, "--window", "2020-01-01").code == 3
    assert logged("check", MODEL, "--junit", "nowhere/out.xml").code == 3


def a_day() -> Any:
    from datetime import timedelta

    from monitoring.windows import Window

    return Window(DAY_ONE, DAY_ONE + timedelta(days=1))


def findings(*statuses: str) -> pa.Table:
    window = a_day()
    common = {
        "model": MODEL, "version": "3", "segment": "", "window_start": window.start, "window_end": window.end, "metric": "drift",
        "method": "ks", "kind": "realised", "computed_at": window.end, "run": "r", "window": "1d", "partial": False,
    }
    rows = [{**common, "column": f"c{place}", "status": status, "reason": f"because of {status}"} for place, status in enumerate(statuses)]
    return pa.Table.from_pylist(rows, schema=POINTS)


def test_doctor_reads_only_and_makes_no_home(run: Run, tmp_path: Path) -> None:
    done = run("doctor")
    assert done.code == 3
    assert "There is no home" in done.err
    assert list(tmp_path.iterdir()) == []


def test_doctor_says_what_there_is_and_what_to_do(logged: Run, tmp_path: Path) -> None:
    told = logged("doctor", "--json")
    assert told.code == 0
    assert told.json["status"] == "ok"
    assert told.json["accounting"]["ingested"] == 10 * PER_DAY
    assert told.json["packages"]["duckdb"].startswith("2.")
    assert told.json["holder"] is None  # nobody owns it while it is only looked at
    (tmp_path / "monitoring-data" / "spool" / "junk.seg.jsonl").write_text("this is no record\n")
    logged("collect", "--once")
    told = logged("doctor")
    assert told.code == 1
    assert "quarantin" in told.out


def test_a_variable_that_cannot_be_used_is_one_sentence_and_leaves_the_home_free(logged: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_RUN_SECONDS", "never")
    done = logged("models", "list")
    assert done.code == 3
    assert "MONITORING_RUN_SECONDS" in done.err
    monkeypatch.delenv("MONITORING_RUN_SECONDS")
    assert logged("models", "list").code == 0


def test_home_is_an_option_of_every_command(run: Run, tmp_path: Path) -> None:
    write_files(tmp_path)
    assert run("models", "register", "fraud.yaml", "--home", "elsewhere").code == 0
    assert run("models", "list", "--home", "elsewhere", "--json").json[0]["model"] == MODEL
    assert run("models", "list", "--json").json == []


def test_output_to_a_reader_that_went_away_is_no_traceback(tmp_path: Path) -> None:
    command = f"'{sys.executable}' -m monitoring --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
