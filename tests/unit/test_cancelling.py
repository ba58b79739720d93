"""A run that somebody ends keeps what it has done, says so, and goes on where it stood: in a process of its own, and in an owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitoring import PredictionLogger
from monitoring import house as house_module
from monitoring.cli import main
from monitoring.errors import Cancelled
from monitoring.evidently_worker import EvidentlyWorker
from monitoring.schema import ModelSchema
from monitoring.service import House, call, cancel, points
from storage.home import Home
from storage.store import Store
from tests.no_pages import NoPages
from tests.unit.cli_data import MODEL, PER_DAY
from tests.unit.test_service import QUIET, ROOT, owner
from tests.unit.test_service_run import filled

pytestmark = pytest.mark.slow

WINDOWS = 10  # of twelve hours, in the five days of the log
RUN = ["-m", "monitoring", "run", MODEL, "--window", "12h"]


@pytest.fixture(autouse=True)
def no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process's runs leave Evidently alone; those of other processes have it."""
    monkeypatch.setattr(EvidentlyWorker, "analyse", NoPages.analyse)


def states(home: Path) -> list[str]:
    """Of the windows that were computed."""
    with Store.open(Home(home)) as store:
        found: list[str] = store.window_states(MODEL, "3", "12h").column("state").to_pylist()
        return found


def values(home: Path) -> list[dict[str, Any]]:
    """The points of all windows, without the times and names of runs."""
    found: list[dict[str, Any]] = points(MODEL, window="12h", home=home).drop_columns(["computed_at", "run"]).to_pylist()
    return found


def started(*command: str, home: Path) -> subprocess.Popen[str]:
    """Python with these arguments, in a process of its own."""
    return subprocess.Popen([sys.executable, *command, "--home", str(home)], cwd=ROOT, env={**os.environ, **QUIET}, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def run_under_way(home: Path, window: str, *, within: float) -> tuple[threading.Thread, list[dict[str, Any]]]:
    """A run in the home's owner, begun `within` seconds, in a thread that waits for it; what it told is in the list once it has ended.

    It may have to wait for one that the owner began by itself, and is told of that first.
    """
    told: list[dict[str, Any]] = []
    begun = threading.Event()

    def counted(news: dict[str, Any]) -> None:
        if "total" in news:
            begun.set()

    waits = threading.Thread(target=lambda: told.append(call(home, "run", model=MODEL, window=window, progress=counted)))
    waits.start()
    assert begun.wait(within)
    return waits, told


def interrupted(process: subprocess.Popen[str], *, after: str) -> str:
    """Ctrl-C once the process has told of `after`; all that it told."""
    assert process.stderr is not None
    told = ""
    while after not in told:
        line = process.stderr.readline()
        assert line, told
        told += line
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=240)
    return told + rest


def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(tmp_path: Path) -> None:
    filled(tmp_path, tmp_path / "home")
    filled(tmp_path, tmp_path / "other")
    process = started(*RUN, home=tmp_path / "home")
    told = interrupted(process, after=f"of {WINDOWS}")
    assert process.returncode == 3, told
    assert f"of {WINDOWS} windows: what was computed is kept, and the same command goes on from there." in told
    assert "Traceback" not in told
    kept = states(tmp_path / "home")
    assert 1 <= len(kept) < WINDOWS
    assert set(kept) == {"done"}
    rest = call(tmp_path / "home", "run", model=MODEL, window="12h")
    assert rest["windows"] == WINDOWS - len(kept)
    call(tmp_path / "other", "run", model=MODEL, window="12h")
    assert values(tmp_path / "home") == values(tmp_path / "other")


def test_ctrl_c_ends_the_run_of_the_owner_that_was_asked(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(tmp_path, home)
    with owner(home, MONITORING_RUN_SECONDS="3600"):
        process = started(*RUN, home=home)
        told = interrupted(process, after=f"of {WINDOWS}")
        assert process.returncode == 3, told
        deadline = time.monotonic() + 240
        while cancel(home):  # the window that it was at
            assert time.monotonic() < deadline, "the owner still computes"
            time.sleep(0.2)
    assert 1 <= len(states(home)) < WINDOWS


def test_a_cancelled_run_stays_cancelled_until_somebody_asks(tmp_path: Path) -> None:
    filled(tmp_path, tmp_path / "home")
    with House.open(tmp_path / "home") as house:
        first = house.run(model=MODEL, window="12h", progress=lambda _: house.cancel())
        assert 1 <= first["windows"] < WINDOWS
        assert (first["left"], first["cancelled"]) == (WINDOWS - first["windows"], True)
        assert house.store.runs(1).column("state").to_pylist() == ["cancelled"]
        assert house.computing.run_if_free() is None
        assert house.computing.rests_until() is not None
        assert house.resume() == {"resumed": True}
        assert house.computing.rests_until() is None
        assert house.store.runs(1).column("state").to_pylist() == ["interrupted"]
        rest = house.run(model=MODEL, window="12h")
        assert (rest["windows"], rest["cancelled"]) == (first["left"], False)
        assert house.cancel() == {"cancelled": False, "was": ""}, "nothing is under way"
        with house.computing.resting():
            assert not house.cancel()["cancelled"], "nothing is computed while it rests"


def test_a_cancel_while_a_run_collects_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path, tmp_path / "home")
    with House.open(tmp_path / "home") as house:
        collect = house.collector.once

        def interrupted_while_it_collects() -> dict[str, int]:
            assert house.cancel(request="mine") == {"cancelled": True, "was": "under way"}
            return collect()

        monkeypatch.setattr(house.collector, "once", interrupted_while_it_collects)
        told = house.run(model=MODEL, window="12h", request="mine")
        assert (told["windows"], told["left"], told["cancelled"]) == (0, WINDOWS, True)
        assert house.computing.rests_until() is not None


def test_a_cancel_while_the_rest_of_another_is_ended_is_not_wiped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path, tmp_path / "home")
    with House.open(tmp_path / "home") as house:
        resume = house.store.resume_runs

        def cancelled_meanwhile() -> None:
            assert house.cancel()["cancelled"]
            resume()

        monkeypatch.setattr(house.store, "resume_runs", cancelled_meanwhile)
        told = house.run(model=MODEL, window="12h")
        assert (told["windows"], told["cancelled"]) == (0, True)


def test_a_run_that_waits_is_cancelled_alone_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    filled(tmp_path, tmp_path / "home")
    with House.open(tmp_path / "home") as house:
        told: list[dict[str, Any]] = []
        codes: list[int] = []

        def cancel_those_that_wait() -> None:
            for name in list(house.computing._turns._known):
                assert house.cancel(request=name)["was"] == "waiting"

        def commands(_: dict[str, Any]) -> None:
            if not codes:
                waiting = threading.Thread(target=lambda: codes.append(main(["run", MODEL, "--home", str(tmp_path / "home")])))
                waiting.start()
                deadline = time.monotonic() + 240
                while not codes:
                    assert time.monotonic() < deadline, "the run that waits did not end"
                    cancel_those_that_wait()
                    time.sleep(0.01)
                waiting.join()

        running = threading.Thread(target=lambda: told.append(house.run(model=MODEL, window="12h", progress=commands)))
        running.start()
        running.join(120)
        assert codes == [3]
        assert (told[0]["windows"], told[0]["cancelled"]) == (WINDOWS, False), "the run under way was ended with it"
        assert house.computing.rests_until() is None
        said = capsys.readouterr()
        assert "The run was cancelled: it had not begun." in said.err
        assert "Nothing is due" not in said.out


@pytest.fixture
def three(tmp_path: Path) -> Iterator[House]:
    """A house of three models with windows that are due; the others are copies of the first."""
    filled(tmp_path, tmp_path / "home")
    with House.open(tmp_path / "home") as house:
        house.collect()
        spec = house.store.spec(MODEL)
        rows = house.store.frame(MODEL, "3").slice(0, 240).to_pylist()
        for name in ("second", "third"):
            schema = ModelSchema.from_dict({**spec, "name": name})
            house.register(spec=schema.to_dict())
            with PredictionLogger(name, version="3", home=tmp_path / "home", schema=schema) as log:
                for row in rows:
                    assert log.prediction({"amount": row["amount"], "country": row["country"]}, prediction=1, timestamp=row["@t"])
        house.collect()
        yield house


def computed(house: House) -> list[str]:
    """The models of which anything was computed."""
    return sorted(set(house.store.points().column("model").to_pylist()))


def test_a_cancel_ends_the_newest_windows_of_all_models(three: House) -> None:
    told = three.run_newest(windows=2, progress=lambda _: three.cancel())
    assert told["cancelled"]
    assert computed(three) == [MODEL]
    assert three.computing.rests_until() is not None


def test_a_cancel_ends_a_pruning_and_nothing_is_removed(three: House) -> None:
    before = {name: three.store.frame(name, "3").num_rows for name in three.store.models()}
    with pytest.raises(Cancelled, match="nothing was removed"):
        three.prune(older_than="1d", progress=lambda _: three.cancel())
    assert computed(three) == [MODEL]
    assert {name: three.store.frame(name, "3").num_rows for name in three.store.models()} == before
    assert three.computing.rests_until() is not None


def test_the_nightly_pruning_waits_until_the_rest_is_over(three: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_RAW_DAYS", "1")
    monkeypatch.setattr(house_module, "nightly_is_due", lambda _home, _now: True)
    three.run(model=MODEL, progress=lambda _: three.cancel())
    until = three.computing.rests_until()
    assert until is not None
    assert not three._turn()
    assert three.computing.rests_until() == until, "somebody's rest was ended by the owner itself"
    assert computed(three) == [MODEL]


def test_ctrl_c_of_a_run_that_waits_leaves_the_other_and_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    filled(tmp_path, home)
    with owner(home, MONITORING_RUN_SECONDS="3600"):
        other, told = run_under_way(home, "6h", within=240)
        process = started(*RUN, home=home)
        said = interrupted(process, after="another run is under way")
        assert "Interrupted: it had not begun. The owner that was asked goes on with the others" in said
        other.join(120)
        assert (told[0]["windows"], told[0]["cancelled"]) == (2 * WINDOWS, False)
    assert states(home) == []


_DEMO = "import sys, monitoring.demo as d; d.load = lambda *_, **__: {}; from monitoring.cli import main; sys.exit(main(sys.argv[1:]))"
WAITING = {
    "removes nothing": ["-m", "monitoring", "prune", MODEL, "--older-than", "1d"],
    "no report was written": ["-m", "monitoring", "report", MODEL, "--from", "2026-03-02", "--to", "2026-03-05", "-o"],
    "what was done is kept": ["-c", _DEMO, "demo", "--newest"],  # the case studies are as good as there
}


def test_ctrl_c_of_whatever_else_computes_ends_its_request_in_the_owner_and_no_other(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "report.html"
    filled(tmp_path, home)
    with owner(home, MONITORING_RUN_SECONDS="3600"):
        other, told = run_under_way(home, "20min", within=240)
        commands = {left: started(*command, *([str(file)] if command[-1] == "-o" else []), home=home) for left, command in WAITING.items()}
        for left, process in commands.items():
            said = interrupted(process, after="another run is under way")
            assert (process.returncode, left in said, "had not begun" in said or "goes on with the others" in said) == (3, True, True), said
        assert not told, "the run under way was ended with them"
        assert cancel(home) == "under way"
        other.join(240)
        assert told, "the owner did not end the run that nobody waits for any more"
        call(home, "run", model=MODEL, window="1mo")  # meanwhile whoever still waited would have had a turn
    with Store.open(Home(home)) as store:
        assert store.runs(9).num_rows == 2, "it went on with what nobody waits for"
        assert store.frame(MODEL, "3").num_rows == 5 * PER_DAY
    assert not file.exists()


def test_the_command_says_that_somebody_cancelled_its_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"
    filled(tmp_path, home)
    with owner(home, MONITORING_RUN_SECONDS="3600"):
        def soon() -> None:
            while not points(MODEL, window="12h", home=home).num_rows:
                time.sleep(0.1)
            cancel(home)

        threading.Thread(target=soon).start()
        assert main(["run", MODEL, "--window", "12h", "--home", str(home)]) == 3
    assert "windows stay due. The same command goes on from there." in capsys.readouterr().err
