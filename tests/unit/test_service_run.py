"""The verbs that compute, with Evidently itself: run, check, report, and the owner's own work."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import monitoring
from monitoring.cli import main
from monitoring.service import House, call, current, export_report, points
from monitoring.service import run as run_due
from storage.errors import StorageError
from tests.unit.cli_data import MODEL, write_files
from tests.unit.test_service import owner

pytestmark = pytest.mark.slow


def filled(folder: Path, home: Path) -> None:
    """A home with the model, its reference and a log whose last day drifted."""
    write_files(folder, shift=15)
    for arguments in (["models", "register", "fraud.yaml"], ["reference", MODEL, "reference.parquet"], ["log", MODEL, "log.parquet"]):
        assert main([*arguments[:-1], str(folder / arguments[-1]), "--home", str(home)]) == 0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home that is computed and open, so that all tests share one worker; none of them changes the findings of its days."""
    folder = tmp_path_factory.mktemp("computed")
    with House.open(folder / "home"):
        filled(folder, folder / "home")
        told = run_due(home=folder / "home")
        assert (told["windows"], told["failed"]) == (5, 0)
        yield folder / "home"


def test_run_prints_the_contracts_keys_and_a_second_run_has_nothing_to_do(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", MODEL, "--json", "--home", str(home)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {"windows", "points", "failed", "insufficient", "seconds"} <= set(told)
    assert told["windows"] == told["points"] == 0


def test_check_finds_the_drift_of_the_last_day_alone(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", MODEL, "--home", str(home), "--json", "--junit", str(tmp_path / "j.xml")]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["window_start"] == "2026-03-06T00:00:00Z"
    assert ("drift", "amount") in {(case["metric"], case["column"]) for case in told["cases"] if case["status"] == "drift"}
    assert main(["check", MODEL, "--home", str(home), "--window", "2026-03-02", "--fail-on", "drift"]) == 0


def test_exported_points_are_the_points_that_python_gives(home: Path, tmp_path: Path) -> None:
    assert main(["export", MODEL, "-o", str(tmp_path / "p.json"), "--home", str(home)]) == 0
    exported = json.loads((tmp_path / "p.json").read_text())
    given = points(MODEL, home=home).to_pylist()
    assert [row["value"] for row in exported] == [row["value"] for row in given]
    assert monitoring.points(MODEL, metric="drift", home=home).num_rows < len(exported)


@pytest.mark.parametrize("kind", ["drift", "performance", "summary"])
def test_a_report_of_the_newest_window_is_written_as_html_and_json(home: Path, tmp_path: Path, kind: str) -> None:
    html = export_report(MODEL, path=tmp_path / "r.html", kind=kind, home=home)
    told = export_report(MODEL, path=tmp_path / "r.json", kind=kind, home=home)
    text = html.read_text()
    assert "<html" in text[:500].lower()
    assert re.findall(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["']?(?:https?:)?//""", text) == []
    assert json.loads(told.read_text())["metrics"]


def test_a_report_of_a_range_that_no_window_covers_is_made_for_it(home: Path, tmp_path: Path) -> None:
    before = points(MODEL, window="1d", home=home)
    arguments = ["report", MODEL, "--kind", "performance", "--from", "2026-03-02", "--to", "2026-03-04T12:00", "--home", str(home)]
    assert main([*arguments, "-o", str(tmp_path / "p.json")]) == 0
    assert json.loads((tmp_path / "p.json").read_text())["metrics"]
    assert points(MODEL, window="1d", home=home).equals(before)
    assert main([*arguments[:4], "--from", "2020-01-01", "--to", "2020-01-02", "--home", str(home), "-o", str(tmp_path / "q.json")]) == 3
    assert not (tmp_path / "q.json").exists()


def test_evidentlys_drift_report_says_the_points_values_and_verdicts(home: Path, tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"since": "2026-03-03", "until": "2026-03-04", "home": home}
    told = json.loads(export_report(MODEL, path=tmp_path / "drift.json", **arguments).read_text())
    found = points(MODEL, metric="drift", window="1d", **arguments).to_pylist()
    ours = {row["column"]: row for row in found if row["value"] is not None and not row["segment"]}
    shown = {metric["config"]["column"]: metric for metric in told["metrics"]}
    assert shown.keys() == ours.keys()
    for column, metric in shown.items():
        assert metric["value"] == ours[column]["value"]
        assert [metric["config"].get(name) for name in ("method", "status", "threshold", "p_value", "n")] == [
            ours[column][name] for name in ("method", "status", "threshold", "p_value", "n")]  # fmt: skip
    passed = {test["metric_config"]["params"]["column"] for test in told["tests"] if test["status"] == "SUCCESS"}
    assert passed == {column for column, row in ours.items() if row["status"] == "ok"}


def test_the_full_preset_judges_the_raw_rows_as_the_drift_report_does(home: Path, tmp_path: Path) -> None:
    arguments = ["report", MODEL, "--kind", "full", "--from", "2026-03-03", "--to", "2026-03-04", "--home", str(home)]
    assert main([*arguments, "-o", str(tmp_path / "full.json")]) == 0
    metrics = json.loads((tmp_path / "full.json").read_text())["metrics"]
    scores = {row["config"]["column"]: row["value"] for row in metrics if "ValueDrift" in row["metric_name"]}
    every = points(MODEL, metric="drift", since="2026-03-03", until="2026-03-04", window="1d", home=home).to_pylist()
    found = [row for row in every if not row["segment"]]
    ours = {row["column"]: row["value"] for row in found if row["value"] is not None}
    assert ours
    assert scores == pytest.approx(ours, rel=1e-9)
    (count,) = (row["value"]["count"] for row in metrics if "DriftedColumnsCount" in row["metric_name"])
    assert count == sum(row["status"] == "drift" for row in found)
    page = export_report(MODEL, path=tmp_path / "full.html", kind="full", since="2026-03-03", until="2026-03-04", home=home)
    assert page.stat().st_size < 5_000_000


def test_our_own_page_says_the_numbers_of_the_points(home: Path, tmp_path: Path) -> None:
    html = export_report(MODEL, path=tmp_path / "f.html", kind="findings", home=home).read_text("utf-8")
    told = json.loads(export_report(MODEL, path=tmp_path / "f.json", kind="findings", home=home).read_text())
    assert len(html) < 1_000_000
    drift = [row for row in told if row["metric"] == "drift" and row["value"] is not None and not row["segment"]]
    assert drift
    assert all(f'<data value="{row["value"]!r}">' in html for row in drift)
    assert points(MODEL, window="1d", metric="drift", since=told[0]["window_start"], home=home)["value"].to_pylist()[0] in [
        row["value"] for row in told]  # fmt: skip
    before = current(home).store.count_reports(MODEL, kinds=["findings"])
    export_report(MODEL, path=tmp_path / "again.html", kind="findings", home=home)
    assert current(home).store.count_reports(MODEL, kinds=["findings"]) == before


def test_a_rendered_report_is_kept_and_listed(home: Path) -> None:
    house = current(home)
    first = house.report(model=MODEL, kind="drift", since="2026-03-03", until="2026-03-04")
    again = house.report(model=MODEL, kind="drift", since="2026-03-03", until="2026-03-04")
    assert first["report_id"] == again["report_id"]
    assert first["file"] == again["file"]
    row = house.store.report(first["report_id"])
    assert row is not None
    assert (house.home.reports / row["path"]).read_text() == Path(first["file"]).read_text()


def test_a_run_in_a_running_owner_tells_its_progress(tmp_path: Path) -> None:
    filled(tmp_path, tmp_path / "home")
    told: list[dict[str, Any]] = []
    with owner(tmp_path / "home", MONITORING_RUN_SECONDS="3600"):
        counts = call(tmp_path / "home", "run", progress=told.append, everything=True)
    assert counts["windows"] == 5
    assert [news["done"] for news in told if news.get("done")] == [1, 2, 3, 4, 5]


def test_an_owner_computes_what_is_due_without_being_asked(tmp_path: Path) -> None:
    with owner(tmp_path / "home", MONITORING_RUN_SECONDS="1", MONITORING_SETTLE_SECONDS="0"):
        filled(tmp_path, tmp_path / "home")
        deadline = time.monotonic() + 120
        while points(MODEL, metric="drift", column="amount", home=tmp_path / "home").num_rows < 5:
            assert time.monotonic() < deadline, "not computed within two minutes"
            time.sleep(0.5)


def test_the_newest_windows_alone_are_computed_on_request(tmp_path: Path) -> None:
    filled(tmp_path, tmp_path / "home")
    told = call(tmp_path / "home", "run_newest", windows=2)
    assert told["windows"] == 2
    starts = points(MODEL, metric="rows", home=tmp_path / "home")["window_start"].to_pylist()
    assert sorted({start.day for start in starts}) == [5, 6]


def _run_until_closed(house: House) -> None:
    with suppress(StorageError):
        house.run(model=MODEL, window="6h")


def _workers() -> set[int]:
    """The Evidently processes that this process has started and that run."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            after = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            ours = int(after[1]) == os.getpid() and after[0] not in "ZX"
            if ours and b"monitoring.evidently_engine" in (folder / "cmdline").read_bytes():
                found.add(int(folder.name))
    return found


def test_closing_in_the_middle_of_a_run_ends_both_evidently_processes(tmp_path: Path) -> None:
    filled(tmp_path, tmp_path / "home")
    house = House.open(tmp_path / "home")
    house.collect()
    before = _workers()  # of the home that the other tests share
    running = threading.Thread(target=_run_until_closed, args=(house,))
    running.start()
    deadline = time.monotonic() + 240
    while len(_workers() - before) < 2:
        assert time.monotonic() < deadline, "the second worker did not start"
        time.sleep(0.05)
    house.close()
    assert _workers() == before
    running.join(30)
    assert not running.is_alive()
    assert _workers() == before, "a worker was started anew after the house had been closed"


def test_closing_in_the_middle_of_a_run_is_quick_and_leaves_the_windows_due(tmp_path: Path) -> None:
    filled(tmp_path, tmp_path / "home")
    house = House.open(tmp_path / "home", background=True)
    deadline = time.monotonic() + 240
    while house.computing.worker.pid is None:
        assert time.monotonic() < deadline, "the background did not begin"
        time.sleep(0.05)
    house.close()
    with House.open(tmp_path / "home") as again:
        statuses = set(again.points(model=MODEL)["status"].to_pylist())
        assert "failed" not in statuses
        assert again.run(model=MODEL)["failed"] == 0
        assert {start.day for start in again.points(model=MODEL, metric="rows")["window_start"].to_pylist()} == {2, 3, 4, 5, 6}
