"""Collectors and writers are killed by the kernel, each by itself and both at once: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from storage.collector import Collector
from storage.home import Home
from storage.store import Store
from tests.faults.accounts import settled
from tests.faults.conftest import Trials
from tests.faults.processes import CRASH_POINTS, WAYS, collect, start_writer
from tests.storage.conftest import FRAUD, Log, truth

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("place", CRASH_POINTS)
def test_a_killed_collector_loses_and_doubles_nothing(tmp_path: Path, place: str, trials: Trials) -> None:
    for seed in range(trials(20, 2)):
        seeded = random.Random(f"{place} {seed}")  # str seeds are the same in every process
        home = Home(tmp_path / str(seed))
        log = Log(home)
        with Store.open(home) as store:
            store.register_model(FRAUD)
        size = seeded.randint(20, 150)
        for part in range(3):
            log.predictions(range(part * size, part * size + size))
        log.write(*(("label", truth(number, number % 2)) for number in range(0, 3 * size, 3)))
        assert collect(home, die=place, batch_bytes=20_000) == signal.SIGKILL
        for _ in range(seeded.randint(0, 2)):  # it may be through before it has passed the place so often
            assert collect(home, die=place, passing=seeded.randint(1, 3), batch_bytes=20_000) in (signal.SIGKILL, 0)
        assert collect(home) == 0
        with Store.open(home) as store:
            ids = store.predictions("fraud").column("id").to_pylist()
            assert sorted(ids) == sorted(f"p{number}" for number in range(3 * size)), f"seed {seed}"
            assert store.labels("fraud").num_rows == size
            account = settled(store)
            assert account["ingested"] == account["accepted"] == 4 * size
            assert Collector(store).once() == {"ingested": 0, "duplicates": 0, "quarantined": 0, "pending": 0}
        assert list(home.spool.iterdir()) == []


@pytest.mark.parametrize("way", WAYS)
def test_every_prediction_that_a_killed_writer_had_acknowledged_is_found(tmp_path: Path, way: str, trials: Trials) -> None:
    for seed in range(trials(20, 2)):
        seeded = random.Random(f"{way} {seed}")
        home = Home(tmp_path / str(seed))
        with Store.open(home) as store:
            store.register_model(FRAUD)
            collector = Collector(store)
            writers = [start_writer(home, tmp_path / f"{seed}-{number}.ids", way=way) for number in range(2)]
            for writer in writers:
                _wait_for_notes(writer.notes)
            for writer in writers:
                if seeded.random() < 0.5:
                    collector.once()  # while they write
                time.sleep(seeded.uniform(0, 0.03))
                writer.kill()
            collector.once()
            ids = store.predictions("fraud").column("id").to_pylist()
            assert len(ids) == len(set(ids))
            for writer in writers:
                missing = set(writer.acknowledged()) - set(ids)
                assert not missing, f"seed {seed}: {len(missing)} acknowledged predictions are gone"
            account = settled(store)
            assert account["torn"] == store.quarantine().num_rows <= len(writers)
            assert account["accepted"] == len(ids)
            assert list(home.spool.glob("[!.]*")) == []


def test_writers_and_collectors_killed_at_the_same_time(tmp_path: Path, trials: Trials) -> None:
    """The worst day: everything dies at random, again and again, in one home."""
    seeded = random.Random(11)
    home = Home(tmp_path / "home")
    with Store.open(home) as store:
        store.register_model(FRAUD)
    writers = []
    for turn in range(trials(20, 3)):
        pair = [start_writer(home, tmp_path / f"{turn}-{number}.ids", way=seeded.choice(list(WAYS))) for number in range(2)]
        for writer in pair:
            _wait_for_notes(writer.notes)
        collect(home, die=seeded.choice(CRASH_POINTS), passing=seeded.randint(1, 2), batch_bytes=100_000)
        for writer in pair:
            writer.kill()
        writers += pair
    assert collect(home) == 0
    with Store.open(home) as store:
        ids = store.predictions("fraud").column("id").to_pylist()
        assert len(ids) == len(set(ids))
        assert {noted for writer in writers for noted in writer.acknowledged()} <= set(ids)
        assert settled(store)["accepted"] == len(ids)
    assert list(home.spool.glob("[!.]*")) == []


def _wait_for_notes(notes: Path, *, seconds: float = 30) -> None:
    """Until a writer has begun: what is killed before is no trial."""
    end = time.monotonic() + seconds
    while not notes.exists() or not notes.stat().st_size:
        assert time.monotonic() < end, "the writer does not begin"
        time.sleep(0.002)
