"""One owner per home."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from storage.errors import OwnerBusy, StoreError
from storage.home import Home
from storage.store import Store

_OWN = """
import sys, time
from pathlib import Path
from storage.home import Home
from storage.store import Store
store = Store.open(Home(Path(sys.argv[1])))
print("mine", flush=True)
time.sleep(60)
"""


def test_a_second_owner_is_told_the_first_ones_pid_and_takes_over_when_it_is_killed(home: Home) -> None:
    first = subprocess.Popen([sys.executable, "-c", _OWN, str(home.path)], stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "mine\n"
        with pytest.raises(OwnerBusy, match=f"in use by process {first.pid}: ask that process, or stop it first") as refusal:
            Store.open(home)
        assert refusal.value.pid == first.pid
        assert "\n" not in str(refusal.value)
        first.send_signal(signal.SIGKILL)
        first.wait()
        Store.open(home).close()
    finally:
        first.kill()
        first.communicate()


def test_two_stores_of_one_process_exclude_each_other_too(home: Home) -> None:
    with Store.open(home), pytest.raises(OwnerBusy, match=str(os.getpid())):
        Store.open(home)
    Store.open(home).close()


def test_a_home_that_cannot_be_opened_is_not_left_locked(home: Home) -> None:
    home.make()
    home.database.write_bytes(b"this is no database, but it is long enough to be taken for one" * 100)
    for _ in range(2):
        with pytest.raises(StoreError, match="cannot be opened"):
            Store.open(home)
    home.database.unlink()
    Store.open(home).close()


def test_everything_in_a_home_is_readable_by_its_owner_alone(home: Home) -> None:
    mask = os.umask(0)
    try:
        with Store.open(home):
            modes = {path.relative_to(home.path).as_posix(): path.stat().st_mode & 0o777 for path in home.path.rglob("*")}
    finally:
        os.umask(mask)
    assert modes["db/monitor.duckdb"] == modes["owner.lock"] == 0o600
    assert {mode for name, mode in modes.items() if (home.path / name).is_dir()} == {0o700}


_FORK = """
import os, sys, time
from pathlib import Path
from storage.errors import StoreError
from storage.home import Home
from storage.store import Store
home = Home(Path(sys.argv[1]))
store = Store.open(home)
child = os.fork()
if child == 0:
    try:
        store.models()
    except StoreError as error:
        assert "forked" in str(error)
        store.close()
        os._exit(7)
    os._exit(1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert store.models() == []
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
store.close()
Store.open(home).close()  # though a child lives that had a copy of the lock
os.kill(child, 9)
os.waitpid(child, 0)
print("fine")
"""


def test_a_forked_child_may_not_use_the_store_and_does_not_hold_the_home(home: Home) -> None:
    done = subprocess.run([sys.executable, "-c", _FORK, str(home.path)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("fine\n", 0), done.stderr
