"""What must never get through the owner: other files, other statements, other people's segments, poisoned records, hostile schemas."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
import pytest

from storage import archive, spool
from storage.collector import Collector
from storage.custody.erasing import erase
from storage.errors import StorageError, StoreError
from storage.frames import compose
from storage.home import Home
from storage.owner_lock import held_by
from storage.spool import SegmentWriter
from storage.store import Store
from tests.faults.accounts import settled
from tests.faults.conftest import Trials
from tests.storage.conftest import Log, prediction


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM '{home}/../secret.csv'", "SELECT * FROM read_csv('{home}/link.csv')",
        "ATTACH '{home}/other.duckdb'", "INSTALL httpfs", "LOAD httpfs", "COPY models TO '{home}/leak.csv'",
        "EXPORT DATABASE '{home}/leak'",
        "SET enable_external_access = true", "RESET lock_configuration", "DELETE FROM models", "DROP TABLE models", "PRAGMA database_list",
        "INSERT INTO collected VALUES (1, 1)", "SELECT 1; DELETE FROM models", "BEGIN", "CHECKPOINT", "CALL pragma_version()",
        "EXPLAIN ANALYZE DELETE FROM models", "CREATE TEMP TABLE t AS SELECT 1", "SELECT * FROM secret", "not SQL", "",
    ],
)  # fmt: skip
def test_only_a_single_select_over_the_tables_is_answered(fraud: Store, tmp_path: Path, sql: str) -> None:
    secret = [1]  # a local variable is no table
    (tmp_path / "secret.csv").write_text("a\n1\n")
    (fraud.home.path / "link.csv").symlink_to(tmp_path / "secret.csv")
    before = sorted(path.name for path in fraud.home.path.rglob("*"))
    with pytest.raises(StoreError):
        fraud.select(sql.format(home=fraud.home.path))
    assert secret == [1]
    assert sorted(path.name for path in fraud.home.path.rglob("*")) == before
    assert fraud.select("SELECT name FROM models WHERE name = $name", {"name": "fraud"}).to_pylist() == [{"name": "fraud"}]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO collected VALUES (1, 1)", "UPDATE models SET name = 'x'", "DELETE FROM models", "CREATE TABLE t (a INTEGER)",
        "CREATE TEMP TABLE t AS SELECT 1", "DROP TABLE models", "ALTER TABLE models ADD COLUMN a INTEGER", "TRUNCATE models",
        "ATTACH ':memory:' AS other", "ATTACH '{home}/other.duckdb'", "COPY models TO '{home}/db/snapshots/leak.csv'",
        "COPY models TO '{home}/leak.csv'", "PRAGMA database_list", "PRAGMA force_checkpoint", "CHECKPOINT", "SET threads = 1", "COMMIT",
        "CALL pragma_version()", "EXPORT DATABASE '{home}/leak'", "SELECT 1; DELETE FROM models",
    ],
)  # fmt: skip
def test_what_a_page_asks_through_refuses_all_that_could_change_anything(fraud: Store, sql: str) -> None:
    fraud.snapshots.mkdir(exist_ok=True)
    before = sorted(path.name for path in fraud.home.path.rglob("*"))
    with pytest.raises(StoreError), fraud.reader()._readable.read() as cursor:
        cursor.sql(sql.format(home=fraud.home.path))
    assert sorted(path.name for path in fraud.home.path.rglob("*")) == before
    assert fraud.reader().models() == ["fraud"]


_WRITES = ["INSERT INTO collected VALUES (1, 1)", "DELETE FROM models", "CREATE TABLE t (a INTEGER)", "DROP TABLE models"]


@pytest.mark.parametrize("sql", _WRITES)
def test_were_a_statement_to_pass_duckdb_itself_would_refuse_to_write_for_a_page(fraud: Store, sql: str) -> None:
    with pytest.raises(StoreError, match="read-only mode"), fraud.reader()._readable.read() as cursor:
        cursor._cursor.execute(sql)  # type: ignore[attr-defined]
    assert fraud.models() == ["fraud"]


def test_a_page_is_given_no_verb_that_writes(fraud: Store) -> None:
    own = {name for name in vars(Store) if not name.startswith("_")}
    assert {"register_model", "writing", "reading", "save_window", "add_event", "prune"} <= own
    assert not own & set(dir(fraud.reader()))


def test_one_call_sees_one_moment(fraud: Store, log: Log, collector: Collector) -> None:
    log.predictions(range(5))
    collector.once()
    count = "SELECT count(*) AS n FROM pred_000001"
    with fraud.reader()._readable.read() as cursor:
        first = cursor.sql(count).fetchall()
        log.predictions(range(5, 9))
        collecting = Thread(target=collector.once)
        collecting.start()
        collecting.join()
        assert cursor.sql(count).fetchall() == first == [(5,)]
    assert fraud.select(count).to_pylist() == [{"n": 9}]


_WATCHED = """
import sys
from pathlib import Path
from storage.collector import Collector
from storage.home import Home
from storage.owner_lock import OwnerLock
from storage.errors import OwnerBusy
from storage.store import Store
from tests.storage.conftest import FRAUD, Log
home = Home(Path(sys.argv[1]))
opened = []
sys.addaudithook(lambda event, found: opened.append(found[0]) if event == "open" else None)
with Store.open(home) as store:
    store.register_model(FRAUD)
    collector = Collector(store)
    for part in range(3):
        Log(home).predictions(range(part * 50, part * 50 + 50))
        collector.once()
    store.health(); store.frame("fraud", "1"); store.quarantine(); store.reopen()
    try:
        OwnerLock(home)
        raise SystemExit("the lock was lost")
    except OwnerBusy:
        pass
print([path for path in map(str, opened) if "monitor.duckdb" in path])
"""


def test_the_owner_never_opens_the_database_by_other_means(home: Home) -> None:
    """Closing any other descriptor of the file would silently drop DuckDB's own lock on it."""
    done = subprocess.run([sys.executable, "-c", _WATCHED, str(home.path)], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file to another user needs root")
def test_a_segment_of_another_user_is_not_read_and_said_so_once(fraud: Store, log: Log, collector: Collector) -> None:
    path = log.predictions(range(5))
    os.chown(path, 65_534, 65_534)
    log.predictions(range(5, 7))
    for _ in range(2):
        assert collector.once()["pending"] == 0
    assert fraud.versions("fraud").to_pylist()[0]["rows"] == 2
    assert [event["kind"] for event in fraud.events().to_pylist()] == ["foreign_segment"]
    assert path.exists()
    os.chown(path, 0, 0)
    assert collector.once()["ingested"] == 5


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file to another user needs root")
def test_a_segment_is_judged_as_it_was_opened_not_as_it_was_listed(
    fraud: Store, log: Log, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the folder and the opening of a file, its name may come to mean another user's file."""
    path, listed = log.predictions(range(5)), spool.segments(fraud.home.spool)
    foreign = path.read_bytes().replace(b'"id":"p0"', b'"id":"px"')
    path.unlink()
    path.write_bytes(foreign)
    os.chown(path, 65_534, 65_534)
    monkeypatch.setattr(spool, "segments", lambda _: listed)
    for _ in range(2):
        assert collector.once() == {"ingested": 0, "duplicates": 0, "quarantined": 0, "pending": 0}
    assert fraud.versions("fraud").num_rows == 0
    (event,) = [event for event in fraud.events().to_pylist() if event["kind"] == "segment_unreadable"]
    assert "belongs to another user" in event["text"]
    with pytest.raises(StorageError, match="belongs to another user"):
        archive.put(fraud.home, path)
    erase(fraud, collector, "country", ["FR"])
    assert path.read_bytes() == foreign


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "another user's"])
def test_a_lock_that_somebody_else_could_hold_is_none(home: Home, tmp_path: Path, kind: str) -> None:
    home.make()
    if kind == "link":
        (tmp_path / "elsewhere").touch()
        home.lock.symlink_to(tmp_path / "elsewhere")
    elif kind == "pipe":
        os.mkfifo(home.lock)
    elif kind == "folder":
        home.lock.mkdir()
    elif os.geteuid() == 0:
        home.lock.touch()
        os.chown(home.lock, 65_534, 65_534)
    else:
        pytest.skip("giving a file to another user needs root")
    for act in (lambda: Store.open(home), lambda: held_by(home)):
        with pytest.raises(StoreError, match=r"The lock .*owner.lock (cannot be opened|is no plain file of this user).*: remove it"):
            act()
    assert not (tmp_path / "elsewhere").exists() or (tmp_path / "elsewhere").read_bytes() == b""


def test_poisoned_records_are_set_aside_one_by_one_and_nothing_waits_for_them(fraud: Store, log: Log, collector: Collector) -> None:
    path = log.predictions(range(20))
    lines = path.read_bytes().splitlines(keepends=True)
    now, good = time.time_ns() // 1000, orjson.dumps(prediction(100))
    twice = good.replace(b'"id":"p100"', b'"id":"p100","id":"p101"')  # the last one counts, as in every JSON reader
    poison = [
        compose("pred", 21, now, b'{"m":"fraud","id":"deep","f":{"amount":' + b"[" * 5_000 + b"]" * 5_000 + b"}}"),
        compose("pred", 22, now, orjson.dumps(prediction(102, f={"amount": "x" * 10_000_000}))),
        compose("pred", 23, now, good).replace(b'"v":1', b'"v":2'),
        compose("pred", 24, now, twice),
        compose("pred", 25, now, orjson.dumps(prediction(103, p={"a": 1}, s=[1], lat="soon", w={}, err=[[]]))),
    ]
    path.write_bytes(b"".join([*lines[:10], *poison, *lines[10:]]))
    found = collector.once()
    assert found["ingested"] + found["quarantined"] == 25
    ids = set(fraud.frame("fraud", "1").column("@id").to_pylist())
    assert {f"p{number}" for number in range(20)} | {"p101", "p103"} <= ids
    assert {"line too long", "checksum does not match"} <= set(fraud.quarantine().column("reason").to_pylist())
    assert log.predictions([30]).exists()
    assert collector.once()["ingested"] == 1


@pytest.mark.slow
def test_features_that_come_go_and_change_their_type_lose_no_value(store: Store, collector: Collector, trials: Trials) -> None:
    seeded, names = random.Random(27), trials(500, 120)
    hostile = ['"; DROP TABLE models; --', "../../x", "select", "Amount", "amount", "🎭", "é" * 200, "a.b", "a/b~c", "nul\\u0000"]
    features = [*hostile, *(f"feature {number}" for number in range(names - len(hostile)))]
    kinds: list[Any] = [lambda n: n, lambda n: n + 0.5, lambda n: f"text {n}", lambda n: {"object": n}, lambda n: [n], lambda _: None]
    counts: dict[str, int] = dict.fromkeys(features, 0)
    written = 0
    for part in range(12):
        writer = SegmentWriter(store.home.spool)
        present = seeded.sample(features, names // 2)
        make = {name: seeded.choice(kinds) for name in present}
        for _ in range(20):
            values = {name: make[name](written) for name in present}
            assert writer.append("pred", orjson.dumps({"m": "churn", "ver": "1", "id": f"c{written}", "p": part % 2, "f": values})) is None
            for name, value in values.items():
                counts[name] += value is not None
            written += 1
        writer.close()
        assert collector.once() == {"ingested": 20, "duplicates": 0, "quarantined": 0, "pending": 0}
    rows = store.predictions("churn").to_pylist()
    assert len(rows) == written
    for name, count in counts.items():
        kept = sum(row.get(name) is not None or orjson.loads(row["extra"] or "{}").get(name) is not None for row in rows)
        assert kept == count, name
    assert settled(store)["ingested"] == written
