"""One owner per home."""

from __future__ import annotations

import errno
import os

import pytest

from storage.errors import OwnerBusy, StoreError
from storage.home import Home
from storage.owner_lock import OwnerLock
from storage.store import Store


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


def test_a_full_disk_does_not_leave_the_home_locked(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    home.make()
    for call in ("pwrite", "ftruncate"):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, full)
            with pytest.raises(StoreError, match=r"cannot be written \(No space left on device\): make room on the disk"):
                OwnerLock(home)
        OwnerLock(home).release()


def test_everything_in_a_home_is_readable_by_its_owner_alone(home: Home) -> None:
    mask = os.umask(0)
    try:
        with Store.open(home):
            modes = {path.relative_to(home.path).as_posix(): path.stat().st_mode & 0o777 for path in home.path.rglob("*")}
    finally:
        os.umask(mask)
    assert modes["db/monitor.duckdb"] == modes["owner.lock"] == 0o600
    assert {mode for name, mode in modes.items() if (home.path / name).is_dir()} == {0o700}
