"""One owner per home."""

from __future__ import annotations

import os

import pytest

from storage.errors import OwnerBusy, StoreError
from storage.home import Home
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


def test_everything_in_a_home_is_readable_by_its_owner_alone(home: Home) -> None:
    mask = os.umask(0)
    try:
        with Store.open(home):
            modes = {path.relative_to(home.path).as_posix(): path.stat().st_mode & 0o777 for path in home.path.rglob("*")}
    finally:
        os.umask(mask)
    assert modes["db/monitor.duckdb"] == modes["owner.lock"] == 0o600
    assert {mode for name, mode in modes.items() if (home.path / name).is_dir()} == {0o700}
