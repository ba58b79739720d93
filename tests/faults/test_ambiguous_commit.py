"""A commit that raises may have lasted. The file is opened anew and asked: nothing is lost, and nothing is written a second time."""

from __future__ import annotations

import json
import os
import random
import resource
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from storage.collector import Collector
from storage.errors import StoreError
from storage.home import Home
from storage.store import Store, _database
from tests.faults.accounts import settled
from tests.faults.conftest import Trials
from tests.faults.processes import apart
from tests.storage.conftest import FRAUD, Log, prediction, truth

pytestmark = pytest.mark.slow


class _Liar:
    """A cursor that commits, and then may say that it did not."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection, lies: Iterator[bool]) -> None:
        self._cursor, self._lies = cursor, lies

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def execute(self, sql: str, *parameters: Any) -> Any:
        done = self._cursor.execute(sql, *parameters)
        if sql == "COMMIT" and next(self._lies):
            raise duckdb.IOException("IO Error: Could not sync the write-ahead log")
        return done


def test_whatever_commit_raises_after_it_lasted_nothing_is_doubled(tmp_path: Path, trials: Trials, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every commit of the owner may be it: of rows, of an archived segment, of an event."""
    enter, lied = _database.Database._enter, 0
    for seed in range(trials(20, 3)):
        seeded = random.Random(f"liar {seed}")
        home = Home(tmp_path / str(seed))
        log = Log(home)
        with Store.open(home) as store:
            store.register_model(FRAUD)
            answers: list[bool] = []

            def lies(seeded: random.Random = seeded, answers: list[bool] = answers) -> Iterator[bool]:
                while True:
                    answers.append(seeded.random() < 0.4)
                    yield answers[-1]

            told = lies()
            monkeypatch.setattr(_database.Database, "_enter", lambda self, told=told: _Liar(enter(self), told))
            collector = Collector(store)
            for part in range(4):
                log.predictions(range(part * 25, part * 25 + 30))  # of which five are logged again with the next part
                log.write(*(("label", truth(number, number % 2)) for number in range(part * 25, part * 25 + 25)))
                _patiently(collector)
            monkeypatch.setattr(_database.Database, "_enter", enter)
            lied += sum(answers)
            _is_exact(store, predictions=105, labels=100, repeats=15)
    assert lied > 0


@pytest.mark.parametrize("then", ["goes on", "is killed"])
def test_a_checkpoint_that_fails_after_the_commit_doubles_nothing(tmp_path: Path, trials: Trials, then: str) -> None:
    """The size of files is limited, so that the write-ahead log or the checkpoint after it fails, at places that the seed chooses."""
    said: list[str] = []
    for seed in range(trials(20, 4)):
        home = Home(tmp_path / str(seed))
        notes = tmp_path / f"{seed}.json"
        assert apart(_owner_with_little_room, home.path, seed, then == "is killed", notes) == 0
        said += json.loads(notes.read_text())
        with Store.open(home) as store:
            _patiently(Collector(store))
            _is_exact(store, predictions=2_100, labels=700)
    assert any("is durable" in text and "all of it was written" in text for text in said), said
    assert any("Failed to commit" in text and "may stand or not" in text for text in said), said


def _owner_with_little_room(path: Path, seed: int, dies: bool, notes: Path) -> None:
    seeded = random.Random(f"room {seed}")
    _database.SETTINGS = (*_database.SETTINGS, "SET checkpoint_threshold = '1MB'")
    home, failures = Home(path), []
    log = Log(home)
    with Store.open(home) as store:
        store.register_model(FRAUD)
        collector = Collector(store)
        log.predictions(range(100))
        collector.once()
        for part in range(100, 2_100, 1_000):
            log.write(*(("pred", prediction(number, f={"country": secrets.token_hex(450)})) for number in range(part, part + 1_000)))
        log.write(*(("label", truth(number, 1)) for number in range(0, 2_100, 3)))
        room = (1_500, 2_600)[seed % 2] + seeded.randrange(300)  # too little for the log of the commit; for the checkpoint alone
        resource.setrlimit(resource.RLIMIT_FSIZE, (room << 10, resource.RLIM_INFINITY))
        for _ in range(3):
            try:
                collector.once()
                store.add_event(level="info", kind="test", text="x" * 1_000)
            except StoreError as error:
                failures.append(str(error))
        notes.write_text(json.dumps(failures))
        if dies:
            os._exit(0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        store.models()  # it was given up by DuckDB, and is opened anew without being told to
        _patiently(collector)
        _is_exact(store, predictions=2_100, labels=700)


def _patiently(collector: Collector) -> None:
    """As the owner's thread does: what fails is tried again."""
    for _ in range(60):
        try:
            if collector.once()["pending"] == 0:
                return
        except StoreError:
            continue
    raise AssertionError("the collector does not come to an end")


def _is_exact(store: Store, *, predictions: int, labels: int, repeats: int = 0) -> None:
    rows = store.predictions("fraud")
    assert rows.num_rows == predictions + repeats
    assert len(set(rows["id"].to_pylist())) == predictions
    assert store.labels("fraud").num_rows == labels
    account = settled(store)
    assert account["ingested"] == predictions + labels
    assert account["duplicates"] == repeats
    assert Collector(store).once() == {"ingested": 0, "duplicates": 0, "quarantined": 0, "pending": 0}
