"""Erasing, pruning, exporting, compacting, backing up and rebuilding, each killed by the kernel at random: nothing lost, and the same
call again finishes the work."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from storage.collector import Collector
from storage.custody import facts
from storage.custody.backup import back_up, check_backup
from storage.custody.compacting import compact
from storage.custody.erasing import erase
from storage.custody.rebuilding import rebuild
from storage.home import Home
from storage.store import Store
from tests.faults.conftest import Trials
from tests.storage.conftest import hour
from tests.storage.custody.conftest import content
from tests.storage.custody.test_erase import SUBJECT, fill, found_in

pytestmark = pytest.mark.slow

_ACT = """
import sys
from pathlib import Path
from storage.home import Home
from tests.faults import test_custody_killed as acts
print("ready", flush=True)
getattr(acts, sys.argv[2])(Home(Path(sys.argv[1])))
"""


def do_compact(home: Home) -> None:
    with Store.open(home) as store:
        compact(store)


def do_export(home: Home) -> None:
    with Store.open(home) as store, store.reading() as cursor:
        facts.write(home, cursor)


def do_erase(home: Home) -> None:
    with Store.open(home) as store:
        erase(store, Collector(store), "customer", [SUBJECT])


def do_prune(home: Home) -> None:
    with Store.open(home) as store:
        store.prune("fraud", "1", hour(48))
        compact(store)


def do_back_up(home: Home) -> None:
    copy = home.path.with_name("copy")
    if not copy.exists():
        with Store.open(home) as store:
            back_up(store, Collector(store), copy)


def do_rebuild(home: Home) -> None:
    rebuild(home)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("filled") / "home")
    fill(home)
    return home


def killed(home: Home, act: str, after: float) -> None:
    """Start an act in a process of its own and kill it some seconds after it is ready."""
    process = subprocess.Popen([sys.executable, "-c", _ACT, str(home.path), act], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(after)
    process.kill()
    process.wait(timeout=120)
    process.stdout.close()


@pytest.mark.parametrize("act", ["do_compact", "do_export", "do_erase", "do_prune", "do_back_up", "do_rebuild"])
def test_what_was_killed_is_finished_by_the_next_call_and_nothing_is_lost(filled: Home, tmp_path: Path, trials: Trials, act: str) -> None:
    seeded = random.Random(act)
    expected = Home(tmp_path / "expected" / "home")
    shutil.copytree(filled.path, expected.path)
    began = time.monotonic()
    globals()[act](expected)
    whole = content(expected)
    longest = time.monotonic() - began
    for trial in range(trials(20, 2)):
        home = Home(tmp_path / f"trial{trial}" / "home")
        shutil.copytree(filled.path, home.path)
        killed(home, act, seeded.uniform(0, longest))
        globals()[act](home)
        assert content(home) == whole
        assert list(home.database.parent.glob("*.part*")) == []
        if act == "do_erase":
            assert found_in(home, SUBJECT.encode()) == []
        if act == "do_back_up":
            copy = home.path.with_name("copy")
            assert check_backup(copy) == []
            assert content(Home(copy)) == whole
        shutil.rmtree(home.path.parent)
