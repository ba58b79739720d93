"""A collector that is killed by the kernel, at each of its crash points, while writers are killed too. Real processes."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from storage.collector import Collector
from storage.home import Home
from storage.store import Store
from tests.storage.conftest import FRAUD, T0, Log, hour, truth

pytestmark = pytest.mark.slow

_COLLECT = """
import os, sys
from pathlib import Path
from storage import collector
from storage.home import Home
from storage.store import Store
collector._BATCH_BYTES, collector._TURN_BYTES = 20_000, 2_000
left = int(sys.argv[3])
def at(place):
    global left
    if place == sys.argv[2]:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), 9)
with Store.open(Home(Path(sys.argv[1]))) as store:
    collector.Collector(store, at=at).once()
"""

_WRITE = """
import sys
import orjson
from pathlib import Path
from storage.spool import SegmentWriter
from tests.storage.conftest import prediction
writer = SegmentWriter(Path(sys.argv[1]), max_bytes=30_000)
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 100_000):
    assert writer.append("pred", orjson.dumps(prediction(number))) is None
    print(number, flush=True)  # acknowledged
"""


def collect(home: Home, place: str, after: int) -> int:
    return subprocess.run([sys.executable, "-c", _COLLECT, str(home.path), place, str(after)], timeout=120, check=False).returncode


@pytest.mark.parametrize("place", ["before insert", "before commit", "after commit", "before archiving"])
def test_a_killed_collector_loses_and_doubles_nothing(home: Home, log: Log, place: str) -> None:
    seeded = random.Random(place)  # str seeds are the same in every process
    with Store.open(home) as store:
        store.register_model(FRAUD)
    for part in range(3):
        log.predictions(range(part * 100, part * 100 + 100))
    log.write(*(("label", truth(number, number % 2)) for number in range(0, 300, 3)))
    for _ in range(2):
        assert collect(home, place, seeded.randint(1, 3)) == -signal.SIGKILL
    assert collect(home, "nowhere", 1) == 0
    with Store.open(home) as store:
        rows = store.predictions("fraud")
        assert sorted(rows.column("id").to_pylist()) == sorted(f"p{number}" for number in range(300))
        assert store.labels("fraud").num_rows == 100
        assert store.health()["accounting"]["ingested"] == 400
        assert Collector(store).once() == {"ingested": 0, "duplicates": 0, "quarantined": 0, "pending": 0}
    assert list(home.spool.iterdir()) == []


def test_every_prediction_that_a_killed_writer_had_acknowledged_is_found(home: Home, log: Log) -> None:
    seeded = random.Random(7)
    acknowledged: set[str] = set()
    with Store.open(home) as store:
        store.register_model(FRAUD)
        collector = Collector(store)
        for turn in range(4):
            writer = subprocess.Popen(
                [sys.executable, "-c", _WRITE, str(home.spool), str(turn * 1_000_000)],
                stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
            )  # fmt: skip
            assert writer.stdout is not None
            last = seeded.randint(50, 400)
            for line in writer.stdout:
                acknowledged.add(f"p{line.strip()}")
                if int(line) % 1_000_000 == last:
                    collector.once()  # while it writes
                    writer.kill()
                    break
            acknowledged |= {f"p{line.strip()}" for line in writer.communicate()[0].splitlines(keepends=True) if line.endswith("\n")}
            collector.once()
        found = store.frame("fraud", "1").column("@id").to_pylist()
        assert acknowledged <= set(found)
        assert len(found) == len(set(found)) == store.predictions("fraud").num_rows
        assert store.quarantine().num_rows <= 4  # one torn line per kill at most
        assert list(home.spool.glob("[!.]*")) == []
        (whole,) = store.activity("fraud", [(T0, hour(10_000_000))]).to_pylist()
        assert whole["rows"] == len(found)
