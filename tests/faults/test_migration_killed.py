"""Fault 28: a migration that is killed by the kernel leaves the old schema or the new one, never something between."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from storage.home import Home
from storage.store import Store
from tests.faults.conftest import Trials
from tests.storage.fixtures.make import facts
from tests.storage.test_migrations import WRITTEN, unpack

pytestmark = pytest.mark.slow

_MIGRATE = """
import os, sys
from pathlib import Path
from storage.home import Home
from storage.store import Store, _migrating
known = _migrating._known()
extra = Path(sys.argv[2])
place = sys.argv[3]
_migrating._known = lambda: [*known, *sorted(extra.iterdir())]
def at(step):
    if step.startswith(place):
        os.kill(os.getpid(), 9)
_migrating.at = at
print("ready", flush=True)
Store.open(Home(Path(sys.argv[1]))).close()
"""
_STEPS = (
    "CREATE TABLE made AS SELECT range AS a, hash(range) AS b FROM range(300000); UPDATE points SET value = value + 1000;",
    "ALTER TABLE made ADD COLUMN c DOUBLE DEFAULT 1.5; DELETE FROM made WHERE a % 3 = 0; UPDATE points SET value = value + 1000;",
)


def migrate(home: Home, extra: Path, place: str, *, after: float | None = None) -> int:
    """Open the home with two more steps than there are, killed at a place or after some seconds; the exit code."""
    process = subprocess.Popen([sys.executable, "-c", _MIGRATE, str(home.path), str(extra), place], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    if after is not None:
        time.sleep(after)
        process.kill()
    code = process.wait(timeout=240)
    process.stdout.close()
    return code


def steps_done(home: Home, present: int) -> int:
    """How many of the extra steps the file has; asserts that each is there as a whole."""
    import duckdb  # as a user would look into the file, without this project

    with duckdb.connect(str(home.database)) as file:
        tables = {row[0] for row in file.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main'").fetchall()}
        (number,) = file.execute("SELECT max(number) FROM migrations").fetchone() or (0,)
        (value,) = file.execute("SELECT min(value) FROM points").fetchone() or (0,)
        done = int(number) - present
        assert int(value) // 1000 == done
        if "made" in tables:
            shape = file.execute("SELECT count(*) FROM made").fetchone(), len(file.execute("DESCRIBE made").fetchall())
            assert shape == [None, ((300_000,), 2), ((200_000,), 3)][done]
        else:
            assert done == 0
    return done


def test_a_killed_migration_leaves_the_old_or_the_new_and_goes_on(tmp_path: Path, trials: Trials) -> None:
    seeded = random.Random(28)
    extra = tmp_path / "steps"
    extra.mkdir()
    first = Home(tmp_path / "first")
    unpack(WRITTEN[0], first)
    with Store.open(first) as store:
        present = store.health()["database"]["schema_version"]
    for number, sql in enumerate(_STEPS):
        (extra / f"{present + 1 + number:04d}_step.sql").write_text(sql)
    first_step, second_step = f"{present + 1:04d}", f"{present + 2:04d}"
    places = [("after snapshot", 0), (f"before {first_step}", 0), (f"within {first_step}", 0), (f"before {second_step}", 1),
              (f"within {second_step}", 1)]  # fmt: skip
    for trial in range(trials(40, 8)):
        home = Home(tmp_path / f"home{trial}")
        unpack(WRITTEN[trial % len(WRITTEN)], home)
        Store.open(home).close()  # at today's schema
        if trial < len(places):
            place, done = places[trial]
            assert migrate(home, extra, place) == -signal.SIGKILL
            assert steps_done(home, present) == done
        else:
            migrate(home, extra, "nowhere", after=seeded.uniform(0, 0.5))
            steps_done(home, present)
        assert migrate(home, extra, "nowhere") == 0
        assert steps_done(home, present) == 2


def test_what_was_there_is_there_after_a_kill(tmp_path: Path) -> None:
    extra = tmp_path / "steps"
    extra.mkdir()
    home = Home(tmp_path / "home")
    unpack(WRITTEN[-1], home)
    with Store.open(home) as store:
        before, present = facts(store), store.health()["database"]["schema_version"]
    (extra / f"{present + 1:04d}_step.sql").write_text("DELETE FROM points; DROP TABLE events;")
    assert migrate(home, extra, "within") == -signal.SIGKILL
    with Store.open(home) as store:
        assert facts(store) == before
