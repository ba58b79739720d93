"""The disk of the database fills up: before a batch, in the write-ahead log, at a checkpoint. Freed, everything is there once."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from storage import _disk_reserve
from storage.collector import Collector
from storage.errors import StoreError
from storage.home import Home
from storage.store import Store, _database
from tests.faults.accounts import settled
from tests.faults.promised import allowed, seconds
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
@pytest.mark.parametrize("when", ["write-ahead log", "automatic checkpoint", "explicit checkpoint"])
def test_a_full_disk_costs_no_row_and_no_second_one(small_disk: Path, when: str, leave: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And within 5 s of there being room, all of it is there."""
    monkeypatch.setattr(_disk_reserve, "shortage", lambda *_: None)  # as where another process takes the room after the look at it
    if when == "automatic checkpoint":
        monkeypatch.setattr(_database, "SETTINGS", (*_database.SETTINGS, "SET checkpoint_threshold = '1MB'"))
        leave += 2_900 << 10  # room for the commit's own log
    home = Home(small_disk.parent)
    log = Log(home)
    with Store.open(home) as store:
        store.register_model(FRAUD)
        collector, failures = _Telling(store), []
        large(log, range(2_500))
        _, undisturbed = seconds(collector.once)
        large(log, range(2_500, 5_000))
        ballast = fill(small_disk, leave)
        collector.failures = failures
        collector.start()
        _until(lambda: bool(failures), within=60)
        if when == "explicit checkpoint":
            with pytest.raises(StoreError) as refusal, store.reading() as cursor:
                cursor.execute("FORCE CHECKPOINT")
            failures.append(str(refusal.value))
        ballast.unlink()
        _, waited = seconds(lambda: _until(lambda: _rows(store) == 5_000, within=60))
        assert waited < allowed(5, undisturbed=undisturbed)
        collector.stop()
        account = settled(store)
        assert (account["ingested"], account["duplicates"], account["in_spool"]) == (5_000, 0, 0)
        assert store.predictions("fraud").num_rows == 5_000
        assert any(EXPECTED[when] in text for text in failures), failures
    with Store.open(home) as store:
        assert _rows(store) == 5_000


EXPECTED = {"write-ahead log": "Failed to commit", "automatic checkpoint": "autocheckpoint failed",
            "explicit checkpoint": "Failed to create checkpoint"}  # fmt: skip


class _Telling(Collector):
    """A collector that tells of its failures."""

    failures: list[str] | None = None

    def once(self) -> dict[str, int]:
        try:
            return super().once()
        except StoreError as error:
            if self.failures is not None:
                self.failures.append(str(error))
            raise


def large(log: Log, numbers: Sequence[int]) -> None:
    """Rows of a kilobyte that no compression makes smaller."""
    log.write(*(("pred", prediction(number, f={"country": secrets.token_hex(450)})) for number in numbers))


def _rows(store: Store) -> int:
    """Of the model; 0 where the database cannot be asked now."""
    with suppress(StoreError):
        return int(store.versions("fraud").to_pylist()[0]["rows"])
    return 0


def _until(true: Callable[[], bool], *, within: float) -> None:
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.05)
