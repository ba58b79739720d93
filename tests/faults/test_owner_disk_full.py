"""The disk of the database fills up: before a batch, in the write-ahead log, at a checkpoint. Freed, everything is there once."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import _disk_reserve
from storage.collector import Collector
from storage.errors import StoreError
from storage.home import Home
from storage.store import Store
from tests.faults.accounts import settled
from tests.storage.conftest import FRAUD, Log, prediction


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 40 MiB for the database alone."""
    place = tmp_path / "home" / "db"
    place.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m,mode=700", "tmpfs", place], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a disk of its own needs mount(8), so root")
    yield place
    subprocess.run(["umount", place], check=True)


def fill(disk: Path, leave: int) -> Path:
    """Take all of a disk but `leave` bytes."""
    ballast = disk / "ballast"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - leave)
    return ballast


def test_nothing_is_taken_in_while_the_disk_is_nearly_full_and_loggers_go_on(store: Store, log: Log) -> None:
    store.register_model(FRAUD)
    collector = Collector(store, reserve_bytes=1 << 60)
    log.predictions(range(10))
    for _ in range(3):
        assert collector.once() == {"ingested": 0, "duplicates": 0, "quarantined": 0, "pending": 13}
    log.predictions(range(10, 20))
    assert store.health()["accounting"]["in_spool"] == 20
    assert [event["kind"] for event in store.events().to_pylist()] == ["disk_nearly_full"]
    collector.reserve_bytes = 0
    assert collector.once()["ingested"] == 20
    assert sorted(event["kind"] for event in store.events().to_pylist()) == ["disk_has_room", "disk_nearly_full"]
    assert settled(store)["ingested"] == 20


@pytest.mark.slow
@pytest.mark.parametrize("leave", [0, 300 << 10])
@pytest.mark.parametrize("when", ["write-ahead log", "explicit checkpoint"])
def test_a_full_disk_costs_no_row_and_no_second_one(small_disk: Path, when: str, leave: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_disk_reserve, "shortage", lambda *_: None)  # as where another process takes the room after the look at it
    home = Home(small_disk.parent)
    log = Log(home)
    with Store.open(home) as store:
        store.register_model(FRAUD)
        collector = Collector(store)
        log.predictions(range(500))
        collector.once()
        log.write(*(("pred", prediction(number, f={"country": secrets.token_hex(450)})) for number in range(500, 3_000)))
        ballast = fill(small_disk, leave)
        failures = 0
        for _ in range(2):
            try:
                collector.once()
                if when == "explicit checkpoint":
                    with store.reading() as cursor:
                        cursor.execute("FORCE CHECKPOINT")
            except StoreError:
                failures += 1
        ballast.unlink()
        collector.once()
        assert store.versions("fraud").to_pylist()[0]["rows"] == 3_000
        account = settled(store)
        assert (account["ingested"], account["duplicates"], account["in_spool"]) == (3_000, 0, 0)
        assert failures > 0
    with Store.open(home) as store:
        assert store.versions("fraud").to_pylist()[0]["rows"] == 3_000
