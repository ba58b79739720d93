"""One owner per home: who asks, who answers, and what happens when there are two; without Evidently."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitoring.errors import InputError, NotFound
from monitoring.schema import ModelSchema
from monitoring.service import House, call, current, points
from storage.errors import OwnerBusy, StorageError
from storage.home import Home
from tests.unit.cli_data import MODEL, PER_DAY, write_files

ROOT = Path(__file__).parents[2]
QUIET = {"MONITORING_RUN_SECONDS": "3600", "MONITORING_SETTLE_SECONDS": "3600"}  # an owner that computes nothing of itself


def spec(folder: Path) -> dict[str, object]:
    write_files(folder)
    return ModelSchema.from_file(folder / "fraud.yaml").to_dict()


@contextmanager
def owner(home: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """`python -m monitoring serve --headless`, ready to answer; ended at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "monitoring", "serve", "--headless", "--json", "--home", str(home)],
        cwd=ROOT, env={**os.environ, **QUIET, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        assert json.loads(line) == {"home": str(home), "pid": process.pid}
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=240)


def test_a_call_without_an_owner_opens_the_home_and_gives_it_back(tmp_path: Path) -> None:
    assert call(tmp_path / "home", "register", spec=spec(tmp_path)) == {"model": MODEL, "version": "3", "changed": True}
    with House.open(tmp_path / "home") as house:
        assert house.store.models() == [MODEL]


def test_a_call_in_the_owning_process_uses_its_house(tmp_path: Path) -> None:
    with House.open(tmp_path) as house:
        assert call(tmp_path, "models") == []
        assert current(tmp_path) is house
        assert House.open(tmp_path) is house


def test_current_opens_one_house_however_many_threads_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_HOME", str(tmp_path))
    found: list[House] = []
    threads = [threading.Thread(target=lambda: found.append(current())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len({id(house) for house in found}) == 1
    found[0].close()
    found[0].close()
    assert current() is not found[0]
    current().close()


def test_another_process_asks_the_owner_and_gets_the_same(tmp_path: Path) -> None:
    call(tmp_path / "home", "register", spec=spec(tmp_path))
    alone = call(tmp_path / "home", "describe", model=MODEL)
    with owner(tmp_path / "home"):
        assert call(tmp_path / "home", "describe", model=MODEL) == alone
        assert points(MODEL, home=tmp_path / "home").num_rows == 0
        with pytest.raises(NotFound, match='There is no model "nobody"'):
            call(tmp_path / "home", "describe", model="nobody")


@pytest.mark.slow
def test_log_label_and_export_work_while_another_process_owns_the_home(tmp_path: Path) -> None:
    from monitoring.cli import main

    home = str(tmp_path / "home")
    write_files(tmp_path)
    with owner(tmp_path / "home"):
        assert main(["models", "register", str(tmp_path / "fraud.yaml"), "--home", home]) == 0
        assert main(["log", MODEL, str(tmp_path / "log.parquet"), "--home", home]) == 0
        assert main(["reference", MODEL, str(tmp_path / "reference.parquet"), "--home", home]) == 0
        assert main(["export", MODEL, "--what", "predictions", "-o", str(tmp_path / "p.csv"), "--home", home]) == 0
        assert main(["doctor", "--home", home]) == 0
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 5 * PER_DAY + 1


def test_a_second_owner_is_told_the_first_ones_pid(tmp_path: Path) -> None:
    with owner(tmp_path) as first:
        with pytest.raises(OwnerBusy, match=str(first.pid)) as caught:
            House.open(tmp_path)
        assert caught.value.pid == first.pid


def test_an_owner_that_holds_the_home_and_never_answers_is_named_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_BUSY_SECONDS", "0.5")
    Home(tmp_path).make()
    with Home(tmp_path).lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4242\n")
        lock.flush()
        with pytest.raises(OwnerBusy, match="4242"):
            call(tmp_path, "models")
    assert call(tmp_path, "models") == []


def test_a_call_waits_for_an_owner_that_is_just_stopping(tmp_path: Path) -> None:
    Home(tmp_path).make()
    with Home(tmp_path).lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        threading.Timer(0.6, lambda: fcntl.flock(lock, fcntl.LOCK_UN)).start()
        assert call(tmp_path, "models") == []


@pytest.mark.slow
def test_an_owner_that_is_killed_leaves_a_home_that_the_next_call_can_open(tmp_path: Path) -> None:
    call(tmp_path / "home", "register", spec=spec(tmp_path))
    with owner(tmp_path / "home") as process:
        process.kill()
        process.wait()
        assert [line["model"] for line in call(tmp_path / "home", "models")] == [MODEL]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_headless_owner_ends_cleanly_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    with owner(tmp_path) as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=240)
        assert (process.returncode, err) == (0, "Stopped; the home is free.\n")
    assert not Home(tmp_path).socket.exists()


@pytest.mark.slow
def test_a_headless_owner_ends_on_ctrl_c_after_a_library_took_that_signal_over(tmp_path: Path) -> None:
    """Polars, which others import when they meet a frame, installs a handler that restarts what the signal interrupts."""
    code = """
import sys, threading
from monitoring.__main__ import main
def later():
    import polars
    print("imported", flush=True)
threading.Timer(2, later).start()
sys.argv[1:] = ["serve", "--headless", "--home", sys.argv[1]]
main()
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **QUIET}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        while process.stdout.readline() != "imported\n":
            assert process.poll() is None
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, "Stopped; the home is free.\n")
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_an_owner_collects_what_others_log_without_being_asked(tmp_path: Path) -> None:
    from monitoring.logger import PredictionLogger

    home = tmp_path / "home"
    schema = ModelSchema.from_dict(spec(tmp_path))
    with owner(home), PredictionLogger(MODEL, schema=schema, home=home) as log:
        assert log.prediction({"amount": 12.0, "country": "FR"}, prediction=1, score=0.9)
        deadline = time.monotonic() + 120
        while not (lines := call(home, "models")) or not lines[0]["predictions"]:
            assert time.monotonic() < deadline, "not collected within two minutes"
            time.sleep(0.1)
    assert lines[0]["predictions"] == 1


def test_a_verb_that_is_none_and_parameters_that_do_not_fit_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no verb"):
        call(tmp_path, "close")
    with House.open(tmp_path) as house:
        with pytest.raises(InputError, match="There is no verb"):
            house.do("__init__", {})
        with pytest.raises(InputError, match='"describe" does not take these parameters'):
            house.do("describe", {"modell": "x"})
        with pytest.raises(InputError, match='did you mean "labels"'):
            register_and(house, tmp_path).table(model=MODEL, what="label")
        with pytest.raises(NotFound, match="No complete 1d window"):
            house.check(model=MODEL)


def register_and(house: House, folder: Path) -> House:
    house.register(spec=spec(folder))
    return house


def test_reports_that_cannot_be_are_sentences(tmp_path: Path) -> None:
    with House.open(tmp_path / "home") as house:
        register_and(house, tmp_path)
        for wrong, said in (
            ({"kind": "drifft"}, 'did you mean "drift"'),
            ({"kind": "drift", "format": "pdf"}, "cannot be"),
            ({"kind": "drift", "since": "2026-03-01"}, "needs both --from and --to"),
            ({"kind": "drift", "since": "2026-03-02", "until": "2026-03-01"}, "must be before"),
            ({"kind": "drift", "since": "2026-03-01", "until": "soon"}, "is not a time"),
            ({"kind": "drift"}, "No window"),
        ):
            with pytest.raises(StorageError, match=said):
                house.report(model=MODEL, **wrong)  # type: ignore[arg-type]


def test_without_any_model_the_sentence_says_how_to_get_one(tmp_path: Path) -> None:
    with House.open(tmp_path) as house, pytest.raises(NotFound, match="No model is registered yet: python -m monitoring models register"):
        house.describe(model="fraud")
