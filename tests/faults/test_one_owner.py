"""One process owns a home: a second one is refused at once and told by whom, a killed one is followed at once, a forked one is none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from storage.errors import OwnerBusy
from storage.home import Home
from storage.store import Store
from tests.faults.conftest import Trials
from tests.faults.promised import allowed, seconds
from tests.storage.conftest import FRAUD, Log

_OWN = """
import sys, time
from pathlib import Path
from storage.collector import Collector
from storage.home import Home
from storage.store import Store
store = Store.open(Home(Path(sys.argv[1])))
Collector(store).once()
print("mine", flush=True)
time.sleep(600)
"""


def _owner(home: Home) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", _OWN, str(home.path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "mine\n"
    return process


def _refusal(home: Home) -> OwnerBusy:
    with pytest.raises(OwnerBusy) as refusal:
        Store.open(home)
    return refusal.value


@pytest.mark.slow
def test_a_second_owner_is_refused_within_a_second_and_follows_a_killed_one_within_two(home: Home, log: Log, trials: Trials) -> None:
    with Store.open(home) as store:
        store.register_model(FRAUD)
    for turn in range(trials(5, 1)):
        log.predictions(range(turn * 100, turn * 100 + 100))
        _, undisturbed = seconds(lambda: Store.open(home).close())
        first = _owner(home)
        try:
            refusal, waited = seconds(lambda: _refusal(home))
            assert waited < allowed(1, undisturbed=undisturbed)
            assert refusal.pid == first.pid
            assert str(refusal) == f"The home {home.path} is in use by process {first.pid}: ask that process, or stop it first."
            begin = time.monotonic()
            first.send_signal(signal.SIGKILL)
            while True:  # as `service.call` does; the kernel frees the lock when the process is gone
                try:
                    with Store.open(home) as second:
                        waited = time.monotonic() - begin
                        assert second.versions("fraud").to_pylist()[0]["rows"] == turn * 100 + 100
                    break
                except OwnerBusy:
                    time.sleep(0.01)
            assert waited < allowed(2, undisturbed=undisturbed)
        finally:
            first.kill()
            first.communicate()


_FORK = """
import os, sys, time
from contextlib import suppress
from pathlib import Path
from storage.collector import Collector
from storage.errors import StoreError
from storage.home import Home
from storage.store import Store
from tests.storage.conftest import FRAUD, Log, T0, hour

def reading(store):
    with store.reading() as cursor:
        cursor.execute("SELECT 1")

def writing(store):
    with store.writing() as cursor:
        cursor.execute("DELETE FROM models")

ACTS = {
    "models": Store.models, "select": lambda store: store.select("SELECT 1"), "frame": lambda store: store.frame("fraud", "1"),
    "health": Store.health, "register_model": lambda store: store.register_model({**FRAUD, "version": "2"}),
    "add_event": lambda store: store.add_event(level="info", kind="fork", text="from a child"), "reading": reading, "writing": writing,
    "prune": lambda store: store.prune("fraud", "1", hour(10)), "reopen": Store.reopen,
    "exclusively": lambda store: store.exclusively(lambda: None), "collect": lambda store: Collector(store).once(),
}

def child(act):
    pid = os.fork()
    if pid == 0:
        try:
            act()
        except StoreError as error:
            os._exit(7 if "forked" in str(error) else 8)
        except BaseException:
            os._exit(9)
        os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def files():
    # What a write would change. Looked at, not opened: closing another descriptor of the file would drop DuckDB's lock.
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in (home.lock, *sorted(home.database.parent.iterdir()))}

home = Home(Path(sys.argv[1]))
log = Log(home)
store = Store.open(home)
store.register_model(FRAUD)
log.predictions(range(20))
Collector(store).once()
log.predictions(range(20, 30))  # waits in the spool, where a child may not take it
before = files(), sorted(home.spool.iterdir()), store.frame("fraud", "1")
for name, act in ACTS.items():
    code = child(lambda: act(store))
    assert code == 7, (name, code)

with suppress(StoreError), store.writing() as cursor:  # a child forked within a transaction, that runs on to its end
    cursor.execute("DELETE FROM models")
    pid = os.fork()
    if pid:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        raise StoreError("nothing of this")
if not pid:
    with suppress(StoreError):
        store.models()
    store.close()
    os._exit(11)
assert code == 11, code

assert before == (files(), sorted(home.spool.iterdir()), store.frame("fraud", "1"))
assert store.models() == ["fraud"]
assert not store.events().num_rows
assert Collector(store).once()["ingested"] == 10
store.reopen()
assert store.frame("fraud", "1").num_rows == 30

pid = os.fork()
if pid == 0:
    time.sleep(60)
    os._exit(0)
store.close()
Store.open(home).close()  # though a child lives that had a copy of the lock
os.kill(pid, 9)
os.waitpid(pid, 0)
print("fine")
"""


def test_a_forked_child_may_not_use_the_store_and_does_not_hold_the_home(home: Home) -> None:
    """DuckDB itself would let it: inserts in a child return, and are gone."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _FORK, str(home.path)], capture_output=True, text=True, timeout=120, check=False, cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("fine\n", 0), done.stderr
