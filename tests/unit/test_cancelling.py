"""A run that somebody ends keeps what it has done, says so, and goes on where it stood: in a process of its own, and in an owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from monitoring.cli import main
from monitoring.service import House, call, cancel, points
from storage.home import Home
from storage.store import Store
from tests.unit.cli_data import MODEL
from tests.unit.test_service import QUIET, ROOT, owner
from tests.unit.test_service_run import filled

pytestmark = pytest.mark.slow

WINDOWS = 10  # of twelve hours, in the five days of the log
RUN = [sys.executable, "-m", "monitoring", "run", MODEL, "--window", "12h"]


def states(home: Path) -> list[str]:
    """Of the windows that were computed."""
    with Store.open(Home(home)) as store:
        found: list[str] = store.window_states(MODEL, "3", "12h").column("state").to_pylist()
        return found


def values(home: Path) -> list[dict[str, Any]]:
    """The points of all windows, without the times and names of runs."""
    found: list[dict[str, Any]] = points(MODEL, window="12h", home=home).drop_columns(["computed_at", "run"]).to_pylist()
    return found


def interrupted(process: subprocess.Popen[str], *, after: str) -> str:
    """Ctrl-C once the process has told of `after`; all that it told."""
    assert process.stderr is not None
    told = ""
    while after not in told:
        line = process.stderr.readline()
        assert line, told
        told += line
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    return told + rest


def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(tmp_path: Path) -> None:
    filled(tmp_path, tmp_path / "home")
    filled(tmp_path, tmp_path / "other")
    process = subprocess.Popen([*RUN, "--home", str(tmp_path / "home")], cwd=ROOT, env={**os.environ, **QUIET}, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
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
        process = subprocess.Popen([*RUN, "--home", str(home)], cwd=ROOT, env={**os.environ, **QUIET}, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
        told = interrupted(process, after=f"of {WINDOWS}")
        assert process.returncode == 3, told
        deadline = time.monotonic() + 60
        while cancel(home):  # the window that it was at
            assert time.monotonic() < deadline, "the owner still computes"
            time.sleep(0.2)
    assert 1 <= len(states(home)) < WINDOWS


def test_a_cancelled_run_stays_cancelled_until_somebody_asks(tmp_path: Path) -> None:
    filled(tmp_path, tmp_path / "home")
    with House.open(tmp_path / "home") as house:
        told: list[dict[str, Any]] = []
        running = threading.Thread(target=lambda: told.append(house.run(model=MODEL, window="12h", progress=lambda _: house.cancel())))
        waiting = threading.Thread(target=lambda: told.append(house.run(model=MODEL, window="12h")))
        running.start()
        while not house.computing._alone.locked():
            time.sleep(0.01)
        waiting.start()
        running.join(120)
        waiting.join(120)
        first, second = told
        assert 1 <= first["windows"] < WINDOWS
        assert first["left"] == WINDOWS - first["windows"]
        assert second["windows"] == 0, "the run that waited for the cancelled one began"
        assert house.store.runs(1).column("state").to_pylist() == ["cancelled"]
        assert house.computing.run_if_free() is None
        assert house.computing.rests_until() is not None
        assert house.resume() == {"resumed": True}
        assert house.computing.rests_until() is None
        assert house.store.runs(1).column("state").to_pylist() == ["interrupted"]
        assert house.run(model=MODEL, window="12h")["windows"] == first["left"]
        assert not house.cancel()["cancelled"], "nothing is under way"


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
