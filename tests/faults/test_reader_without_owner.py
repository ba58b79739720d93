"""Nobody owns the home, and somebody asks it without becoming its owner: the rows of file and spool, each once; nothing changes."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pytest

from monitoring import service
from monitoring.errors import InputError
from storage import collector
from storage.collector import Collector
from storage.custody import backup
from storage.custody.erasing import erase
from storage.errors import StoreError
from storage.home import Home
from storage.reading import reading
from storage.spool import SegmentWriter
from storage.store import Reader, Store
from storage.store._intake import take_in
from tests.faults.conftest import Trials
from tests.faults.processes import apart, collect
from tests.faults.promised import allowed, seconds
from tests.storage.conftest import FRAUD, T0, Log, day, hour, prediction, truth

_OTHER = {**FRAUD, "name": "churn", "features": {"seats": "numerical"}}
_NOW = ("ingested_at", "quarantined_at", "registered_at")  # when it was taken in, which is later for an owner that comes later


def answers(reader: Reader) -> dict[str, Any]:
    """What a home says of all that its rows can change."""
    account = reader.health()["accounting"]
    account.pop("open_segments")  # not archived yet, which is for an owner to do
    found: dict[str, Any] = {"models": reader.models(), "accounting": account}
    for model in reader.models():
        tables = {
            "predictions": reader.predictions(model), "labels": reader.labels(model), "versions": reader.versions(model),
            "activity": reader.activity(model, [(day(number).start, day(number).end) for number in range(40)]),
            "reference": reader.reference(model) or pa.table({}), "spec": reader.schema_history(model),
        }  # fmt: skip
        for version in tables["versions"]["version"].to_pylist():
            windows = [day(number) for number in range(40)]
            tables |= {
                f"frame {version}": reader.frame(model, version),
                f"rows {version}": reader.row_windows(model, version, 70),
                f"traffic {version}": reader.traffic(model, version, windows),
                f"quality {version}": reader.quality(model, version, windows),
            }
        found |= {f"{model} {name}": _sorted(rows) for name, rows in tables.items()}
    found["quarantine"] = _sorted(reader.quarantine())
    return found


def _sorted(rows: pa.Table) -> list[str]:
    kept = rows.select([name for name in rows.column_names if name not in _NOW])
    return sorted(orjson.dumps(row, default=str).decode() for row in kept.to_pylist())


def contents(home: Home) -> dict[str, str]:
    """Every file of a home, with its bytes and when it was written."""
    files = [path for path in home.path.rglob("*") if path.is_file()]
    return {str(path): f"{path.stat().st_mtime_ns} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files}


def logged(home: Home, seeded: random.Random) -> SegmentWriter:
    """A home whose owner was killed with half of the log taken in, and a writer of it that lives on."""
    log = Log(home)
    with Store.open(home) as store:
        store.register_model(FRAUD)
        store.put_reference("fraud", pa.table({"amount": [1.0, 2.0], "country": ["FR", "DE"], "at": [T0, hour(1)]}), "ref.parquet")
    log.predictions(range(300))
    log.write(*(("label", truth(number, number % 2, known=400)) for number in range(0, 300, 3)))
    assert collect(home, die="after commit") == signal.SIGKILL  # leaves a write-ahead log, and what it took in in the spool
    size = seeded.randint(1, 150)
    log.predictions(range(300 - size // 2, 300 + size))  # ids again, with the same content
    log.predictions(range(10, 13), s=0.99)  # and with another one
    log.write(*(("label", truth(number, seeded.randint(0, 1), known=500 + number)) for number in range(0, 300 + size, 5)))  # corrections
    log.write(("pred", prediction(900, ver="2")), ("pred", {**prediction(901), "m": "nobody told of"}))
    if seeded.random() < 0.7:  # columns that the file's tables do not have; one of them was logged all along
        log.write(("model", {"m": "fraud", "ver": "1", "spec": {**FRAUD, "features": {**FRAUD["features"], "hour": "numerical"}}}),
                  ("pred", prediction(902, f={"amount": 1.0, "hour": 7})))  # fmt: skip
    log.write(("model", {"m": "churn", "ver": "1", "spec": _OTHER}), *(("pred", {**prediction(n), "m": "churn"}) for n in range(7)))
    bad = log.predictions(range(950, 960))
    bad.write_bytes(bad.read_bytes().replace(b'"id":"p955"', b'"id":"p9x5"'))
    writer = SegmentWriter(home.spool)
    for number in range(960, 960 + seeded.randint(1, 20)):
        assert writer.append("pred", orjson.dumps(prediction(number))) is None
    return writer


@pytest.mark.slow
def test_a_reader_says_what_an_owner_would_and_leaves_everything_as_it_is(tmp_path: Path, trials: Trials) -> None:
    for seed in range(trials(20, 3)):
        home = Home(tmp_path / str(seed))
        writer = logged(home, random.Random(f"reader {seed}"))
        before = contents(home)
        with reading(home) as reader:
            told = answers(reader)
            with pytest.raises(StoreError):
                reader.select("DELETE FROM models")
        assert contents(home) == before
        with Store.open(home) as store:
            Collector(store).once()
            expected = answers(store)
        for name, rows in expected.items():
            assert told[name] == rows, f"seed {seed}: {name}"
        assert told.keys() == expected.keys()
        writer.close()


def test_a_reader_beside_an_owner_is_told_at_once_who_has_the_home(home: Home) -> None:
    with Store.open(home) as store:
        store.register_model(FRAUD)
        process = subprocess.run([sys.executable, "-c", _ASK, str(home.path)], capture_output=True, text=True, check=True, timeout=240)
    told, waited = process.stdout.split("|")
    assert f"in use by process {os.getpid()}: ask that process" in told
    assert float(waited) < 1
    with reading(home) as reader:
        assert reader.models() == ["fraud"]


_ASK = """
import sys, time
from pathlib import Path
from storage.errors import OwnerBusy
from storage.home import Home
from storage.reading import reading
begin = time.process_time()
try:
    with reading(Home(Path(sys.argv[1]))):
        pass
except OwnerBusy as error:
    print(error, time.process_time() - begin, sep="|", end="")
"""

_READ = """
import sys, time
from pathlib import Path
from storage.errors import OwnerBusy
from storage.home import Home
from storage.reading import reading
home, how = Home(Path(sys.argv[1])), sys.argv[2]
count = 0
try:
    while True:
        with reading(home) as reader:
            assert reader.predictions("fraud").num_rows == 300
            if not count:
                print("reading", flush=True)
            count += 1
            if how == "once":
                sys.stdin.readline()
                break
except OwnerBusy:
    pass
"""


def _reader(home: Home, how: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", _READ, str(home.path), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "reading\n"
    return process


def test_an_owner_that_starts_while_somebody_reads_waits_for_that_answer_and_no_longer(home: Home, log: Log) -> None:
    with Store.open(home) as store:
        store.register_model(FRAUD)
    log.predictions(range(300))
    _, undisturbed = seconds(lambda: Store.open(home).close())
    reader = _reader(home, "once")
    opened: list[float] = []

    def own() -> None:
        with Store.open(home):
            opened.append(time.monotonic())

    owner = threading.Thread(target=own)
    owner.start()
    time.sleep(0.5)
    assert opened == []
    assert reader.stdin is not None
    reader.stdin.write("enough\n")
    reader.stdin.flush()
    assert reader.wait(30) == 0
    gone = time.monotonic()
    owner.join(60)
    reader.communicate()
    assert opened[0] - gone < allowed(0.5, undisturbed=undisturbed)


@pytest.mark.slow
def test_readers_that_never_stop_do_not_keep_an_owner_out(home: Home, log: Log) -> None:
    with Store.open(home) as store:
        store.register_model(FRAUD)
    log.predictions(range(300))
    _, alone = seconds(lambda: apart(_ask_once, home.path))
    readers = [_reader(home, "again and again") for _ in range(4)]
    try:
        store, waited = seconds(lambda: Store.open(home))
        with store:
            assert waited < allowed(2, undisturbed=len(readers) * alone)
            assert Collector(store).once()["ingested"] == 300
            for reader in readers:
                assert reader.wait(60) == 0  # each was told that there is an owner now
    finally:
        for reader in readers:
            reader.kill()
            reader.communicate()


def _ask_once(path: Path) -> None:
    with reading(Home(path)) as reader:
        reader.predictions("fraud")


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_reader_that_fails_on_a_batch_once_has_the_others_all_the_same(
    half_collected: Home, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    turn = itertools.count()

    def failing_once(*given: Any) -> Any:
        if next(turn) == failing:
            raise duckdb.OutOfMemoryException("once")
        return take_in(*given)

    monkeypatch.setattr(collector, "_BATCH_ROWS", 4)
    monkeypatch.setattr(collector, "take_in", failing_once)
    with reading(half_collected) as reader:
        assert reader.predictions("fraud").num_rows == 20
        assert reader.health()["accounting"]["ingested"] == 20


def test_a_reader_that_lost_what_it_took_in_says_so_and_answers_nothing(
    half_collected: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: Any) -> Any:
        raise duckdb.FatalException("database has been invalidated")

    monkeypatch.setattr(collector, "take_in", lost)
    with pytest.raises(StoreError, match="was lost to an error of the memory or the disk: ask again"), reading(half_collected):
        pass


def test_rows_of_an_erased_subject_count_for_a_reader_as_for_an_owner(half_collected: Home, log: Log) -> None:
    log.write(("pred", prediction(30, x={"channel": "gone"})), ("pred", prediction(31)))
    with Store.open(half_collected) as store:
        Collector(store).once()
        log.write(("pred", prediction(32, x={"channel": "gone"})))
        erase(store, Collector(store), "channel", ["gone"], taken_in=True)
    log.predictions(range(40, 45))
    with reading(half_collected) as reader:
        told = answers(reader)
    with Store.open(half_collected) as store:
        Collector(store).once()
        assert store.versions("fraud").column("rows").to_pylist() == [27]
        assert answers(store) == told


def test_what_cannot_be_read_is_said_in_a_sentence(home: Home) -> None:
    with pytest.raises(StoreError, match=r"There is no database .*: run python -m monitoring collect --once"), reading(home):
        pass
    with Store.open(home) as store, store.writing() as cursor:
        cursor.execute("INSERT INTO migrations VALUES (9999, 'from the future', now())")
    with pytest.raises(StoreError, match="has schema 9999 and this version"), reading(home):
        pass
    home.database.write_bytes(b"this is no database, but it is long enough to be taken for one" * 100)
    with pytest.raises(StoreError, match=r"is damaged .* run python -m monitoring rebuild"), reading(home):
        pass


@pytest.fixture
def sealed(home: Home, tmp_path: Path) -> Iterator[Home]:
    """A home that was written, on a file system that is read-only now."""
    place = tmp_path / "sealed"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m,mode=700", "tmpfs", place], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a file system of its own needs mount(8), so root")
    try:
        shutil.copytree(home.path, place / "home")
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        yield Home(place / "home")
    finally:
        subprocess.run(["umount", place], check=True)


@pytest.fixture
def half_collected(home: Home, log: Log) -> Home:
    """Ten predictions in the database, ten more in the spool."""
    with Store.open(home) as store:
        store.register_model(FRAUD)
        log.predictions(range(10))
        Collector(store).once()
    log.predictions(range(10, 20))
    return home


def test_commands_answer_from_a_file_system_that_cannot_be_written(half_collected: Home, sealed: Home, tmp_path: Path) -> None:
    rows = service.call(sealed.path, "table", model="fraud", what="predictions")
    assert sorted(rows["id"].to_pylist()) == sorted(f"p{number}" for number in range(20))
    assert service.call(sealed.path, "models")[0]["predictions"] == 20
    told = service.call(sealed.path, "export", model="fraud", what="predictions", format="csv", path=tmp_path / "rows.csv")
    assert told["rows"] == 20
    assert service.doctor(sealed.path)["accounting"]["in_spool"] == 10
    with pytest.raises(InputError, match='cannot be written here, which "run" has to do: copy it, or ask check, describe, export'):
        service.run(home=sealed.path)


def test_a_backup_is_looked_into_without_changing_it_until_it_gets_an_owner(half_collected: Home, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    with Store.open(half_collected) as store:
        backup.back_up(store, Collector(store), target)
    Log(Home(target)).predictions(range(20, 25))
    before = contents(Home(target))
    assert service.call(target, "table", model="fraud", what="predictions").num_rows == 25
    assert contents(Home(target)) == before
    assert service.call(target, "collect")["ingested"] == 15
    assert not (target / backup.LIST).exists()
    assert service.call(target, "models")[0]["predictions"] == 25
