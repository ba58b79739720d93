"""`doctor` verifies a home and changes nothing: no file of it, not even its database, is another one afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from monitoring.cli import main
from monitoring.service import House
from storage.custody import facts
from storage.home import Home
from storage.store import Store
from tests.storage.conftest import Log
from tests.storage.custody.conftest import fill


def examined(home: Home, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = main(["doctor", "--json", "--home", str(home.path)])
    return code, json.loads(capsys.readouterr().out)


def files(home: Home) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in home.path.rglob("*") if path.is_file() and path != home.lock}


@pytest.fixture
def filled(home: Home) -> Home:
    fill(home)
    with Store.open(home) as store, store.reading() as cursor:
        facts.write(home, cursor)
    Log(home).predictions(range(500, 510))
    return home


def test_it_counts_and_checks_and_changes_nothing(filled: Home, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(filled)
    code, told = examined(filled, capsys)
    assert files(filled) == before
    assert (code, told["status"], told["holder"]) == (1, "warn", None), told["advice"]  # for the lines in quarantine
    account = told["accounting"]
    assert account["accepted"] == sum(account[place] for place in ("ingested", "duplicates", "quarantined", "in_spool", "lost"))
    assert account["in_spool"] == 10
    assert told["checked"]["archived_segments"] == len(list(filled.archive.rglob("*.zst")))
    assert told["checked"]["exported_files"] > 10


def test_each_damage_is_named_with_what_to_do(filled: Home, capsys: pytest.CaptureFixture[str]) -> None:
    segment = next(filled.archive.rglob("*.zst"))
    segment.write_bytes(segment.read_bytes()[:-20])
    exported = next((filled.export / "house").glob("quarantine-*"))
    exported.write_bytes(b"")
    (filled.path / "privacy.key").write_bytes(b"short")
    raw = bytearray(filled.database.read_bytes())
    for place in range(20_000, len(raw), 5_000):
        raw[place] ^= 255
    filled.database.write_bytes(raw)
    code, told = examined(filled, capsys)
    said = {item["what"]: item["do"] for item in told["advice"] if item["level"] == "error"}
    assert (code, told["status"]) == (3, "error")
    assert len(said) == 4
    for name, do in ((segment.name, "backup"), (exported.name, "backup"), ("privacy.key", "backup"), (filled.database.name, "rebuild")):
        assert any(name in what and do in todo for what, todo in said.items()), name


def test_with_an_owner_it_asks_the_owner(filled: Home, capsys: pytest.CaptureFixture[str]) -> None:
    with House.open(filled.path):
        _, told = examined(filled, capsys)
    assert told["holder"]["pid"] > 0
    assert told["checked"]["exported_files"] > 10
