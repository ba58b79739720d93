"""Faults 7 and 8: the database's write-ahead log cut short, bytes of it or of the file flipped. Nothing that was acknowledged is lost."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storage.custody import facts
from storage.custody.rebuilding import rebuild
from storage.errors import StoreError
from storage.home import Home
from storage.store import Store
from tests.faults.conftest import Trials
from tests.storage.custody.conftest import content, fill

pytestmark = pytest.mark.slow

_MORE = """
import os, sys
from pathlib import Path
from storage.collector import Collector
from storage.home import Home
from storage.store import Store
from tests.storage.conftest import Log, prediction, truth
home = Home(Path(sys.argv[1]))
log = Log(home)
with Store.open(home) as store:
    for part in range(4):
        log.predictions(range(1000 + part * 50, 1050 + part * 50))
        log.write(*(("label", truth(number, 1)) for number in range(1000 + part * 50, 1050 + part * 50, 7)))
        Collector(store).once()
    os.kill(os.getpid(), 9)  # so that the last transactions are in the write-ahead log alone
"""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, dict[str, Any]]:
    """A home whose owner was killed: exported facts, a file, a write-ahead log, an archive; and what it holds."""
    home = Home(tmp_path_factory.mktemp("killed") / "home")
    fill(home)
    with Store.open(home) as store, store.reading() as cursor:
        facts.write(home, cursor)
    assert subprocess.run([sys.executable, "-c", _MORE, str(home.path)], timeout=240, check=False).returncode == -signal.SIGKILL
    assert wal(home).stat().st_size > 10_000
    whole = Home(home.path.with_name("whole"))
    shutil.copytree(home.path, whole.path)
    return home, content(whole)


def wal(home: Home) -> Path:
    return home.database.with_name(home.database.name + ".wal")


def copy_of(home: Home, place: Path) -> Home:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(home.path, place)
    return Home(place)


def restored(home: Home) -> dict[str, Any]:
    """What a home holds; where it cannot be opened or read, it says so, names the file and the way out, and the way out leads there."""
    try:
        return content(home)
    except StoreError as error:
        assert str(home.database) in str(error)
        assert "python -m monitoring rebuild" in str(error)
    rebuild(home)
    return content(home)


def test_a_write_ahead_log_cut_short_anywhere_costs_nothing(
    killed: tuple[Home, dict[str, Any]], tmp_path: Path, trials: Trials
) -> None:
    home, expected = killed
    seeded = random.Random(7)
    size = wal(home).stat().st_size
    for cut in [0, size - 1, *(seeded.randrange(size) for _ in range(trials(98, 8)))]:
        hurt = copy_of(home, tmp_path / "home")
        with wal(hurt).open("r+b") as file:
            file.truncate(cut)
        assert restored(hurt) == expected, f"cut at {cut} of {size}"


def test_a_lost_write_ahead_log_costs_nothing(killed: tuple[Home, dict[str, Any]], tmp_path: Path) -> None:
    home, expected = killed
    hurt = copy_of(home, tmp_path / "home")
    wal(hurt).unlink()
    assert restored(hurt) == expected


def test_a_write_ahead_log_with_a_tail_of_zeros_costs_nothing(killed: tuple[Home, dict[str, Any]], tmp_path: Path) -> None:
    home, expected = killed
    hurt = copy_of(home, tmp_path / "home")
    with wal(hurt).open("ab") as file:
        file.write(bytes(8192))
    assert restored(hurt) == expected


@pytest.mark.parametrize("which", [wal, lambda home: home.database], ids=["write-ahead log", "file"])
def test_a_flipped_byte_costs_nothing(
    killed: tuple[Home, dict[str, Any]], tmp_path: Path, trials: Trials, which: Callable[[Home], Path]
) -> None:
    home, expected = killed
    seeded = random.Random(8)
    for _ in range(trials(100, 8)):
        hurt = copy_of(home, tmp_path / "home")
        path = which(hurt)
        raw = bytearray(path.read_bytes())
        used = [place for place, byte in enumerate(raw) if byte] if path == hurt.database else range(len(raw))
        place = seeded.choice(used)  # most of a young file is zeros that mean nothing
        raw[place] ^= 1 << seeded.randrange(8)
        path.write_bytes(raw)
        assert restored(hurt) == expected, f"flipped at {place} of {len(raw)}"
