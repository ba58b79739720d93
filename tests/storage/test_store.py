"""The house: opening, closing, runs, reports, health, and a database that reaches nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import storage
from storage.collector import Collector
from storage.errors import StorageError, StoreError
from storage.home import Home
from storage.store import Store, _database
from tests.storage.conftest import FRAUD, T0, Log, hour, prediction, truth


def test_everything_is_there_after_closing_and_opening(home: Home, log: Log) -> None:
    with Store.open(home) as store:
        store.register_model(FRAUD)
        log.write(("pred", prediction(1)), ("label", truth(1, 1)))
        Collector(store).once()
        before = store.frame("fraud", "1")
        run = store.run_started(model="fraud", window="1d", total=4)
        store.run_progress(run, done=1, note="first")
    with pytest.raises(StoreError, match="closed: open it again"):
        store.models()
    with Store.open(home) as store:
        assert store.frame("fraud", "1") == before
        (interrupted,) = store.runs().to_pylist()
        assert (interrupted["run"], interrupted["state"], interrupted["done"], interrupted["total"]) == (run, "interrupted", 1, 4)


def test_a_run_is_told_from_beginning_to_end(store: Store) -> None:
    run = store.run_started(model="fraud", window="1d", total=3)
    assert store.runs().to_pylist()[0]["state"] == "running"
    store.run_progress(run, done=2, total=5, note="2 of 5")
    store.run_finished(run, state="failed", points=7, failed=1, insufficient=2, reason="the worker died")
    other = store.run_started(run="mine")
    newest, first = store.runs().to_pylist()
    assert newest["run"] == other == "mine"
    assert (first["state"], first["reason"], first["note"]) == ("failed", "the worker died", "2 of 5")
    assert (first["done"], first["total"], first["points"], first["failed"], first["insufficient"]) == (2, 5, 7, 1, 2)
    assert store.runs(limit=1).num_rows == 1


def test_a_report_is_replaced_by_one_of_the_same_window_and_kind(store: Store) -> None:
    row = {"model": "fraud", "version": "1", "kind": "drift", "window": "1d", "window_start": T0, "path": "1/a.json"}
    first = store.save_report({**row, "parts": 3})
    assert store.save_report({**row, "path": "1/b.json"}) == first
    other = store.save_report({**row, "kind": "summary", "model": "price"})
    assert store.reports().num_rows == 2
    (found,) = store.reports("fraud").to_pylist()
    assert (found["report_id"], found["path"], found["detail"]) == (first, "1/b.json", None)
    mine = store.report(other)
    assert mine is not None
    assert mine["kind"] == "summary"
    assert store.report("unknown") is None
    with pytest.raises(StoreError, match='at least its "model", "kind" and "path"'):
        store.save_report({"model": "fraud"})


def test_health_tells_sizes_backlog_and_the_newest_rows(fraud: Store, log: Log, collector: Collector) -> None:
    log.write(("pred", prediction(1)), ("pred", prediction(5)), ("label", truth(1, 1)))
    before = fraud.health()
    assert before["spool"]["backlog_segments"] == 1
    assert before["spool"]["backlog_bytes"] > 500
    assert before["newest_prediction"] is None
    collector.once()
    after = fraud.health()
    assert after["spool"] == {"segments": 0, "backlog_segments": 0, "backlog_bytes": 0}
    assert after["newest_prediction"] == hour(5).isoformat()
    assert after["newest_label"] is not None
    assert (after["archive"]["files"], after["database"]["engine"]) == (1, "2.0.0")
    assert after["database"]["schema_version"] == len(list((Path(storage.__file__).parent / "migrations").glob("*.sql")))
    (model,) = after["models"]
    assert (model["model"], model["predictions"], model["labels"], model["versions"]) == ("fraud", 2, 1, 1)


def test_a_database_of_a_newer_version_is_refused_in_a_sentence(home: Home) -> None:
    with Store.open(home) as store, store.writing() as cursor:
        cursor.execute("INSERT INTO migrations VALUES (9999, 'from the future', now())")
    with pytest.raises(StoreError, match="written by a newer version"):
        Store.open(home)


def _refusing(monkeypatch: pytest.MonkeyPatch, error: duckdb.Error) -> None:
    """Let the next opening of a file fail, and that alone."""
    connect = duckdb.connect

    def refuse(*given: Any, **options: Any) -> Any:
        monkeypatch.setattr(duckdb, "connect", connect)
        raise error

    monkeypatch.setattr(duckdb, "connect", refuse)


@pytest.mark.parametrize("said", ["No space left on device", "Could not set lock on file: Conflicting lock is held (PID 4711)"])
def test_a_file_that_could_not_be_opened_again_is_opened_by_the_next_call(
    fraud: Store, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setattr(_database, "_PATIENCE", 0)
    _refusing(monkeypatch, duckdb.IOException(said))
    with pytest.raises(StorageError, match=r"cannot be opened|is being read by process 4711"):
        fraud.reopen()
    assert fraud.models() == ["fraud"]


def test_a_collector_goes_on_after_a_commit_and_the_reopening_after_it_failed(
    fraud: Store, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.predictions(range(5))
    full = [duckdb.IOException("No space left on device")]

    def at(place: str) -> None:
        if place == "before commit" and full:
            _refusing(monkeypatch, full[0])
            raise full.pop()

    collector = Collector(fraud, at=at)
    with pytest.raises(StoreError, match="cannot be opened"):
        collector.once()
    assert collector.once()["ingested"] == 5


def test_what_was_closed_on_purpose_is_not_opened_again(fraud: Store) -> None:
    fraud.close()
    for call in (fraud.reopen, fraud.models):
        with pytest.raises(StoreError, match="closed: open it again"):
            call()


def test_sql_of_the_store_reaches_no_file_and_no_local_variable(store: Store, home: Home) -> None:
    secret = pa.table({"a": [1]})
    assert secret.num_rows == 1
    for sql in (
        "SELECT * FROM secret",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        f"COPY models TO '{home.path}/leak.csv'",
        f"ATTACH '{home.path}/other.duckdb'",
        "INSTALL httpfs",
        "SET enable_external_access = true",
    ):
        with pytest.raises(StoreError), store.reading() as cursor:
            cursor.execute(sql)
    assert not (home.path / "leak.csv").exists()


def test_reports_are_counted_filtered_and_read_a_page_at_a_time(store: Store) -> None:
    hours = [datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in range(10)]
    for at in hours:
        for kind in ("drift", "summary"):
            store.save_report({"model": "fraud", "version": "3", "kind": kind, "format": "snapshot", "path": f"{at:%H}/{kind}",
                               "window": "1h", "window_start": at, "window_end": at + timedelta(hours=1)})  # fmt: skip
    only = {"kinds": ["drift"], "since": hours[2], "until": hours[8]}
    assert store.count_reports("fraud", **only) == 6
    assert store.count_reports("other") == 0
    paths = [store.reports("fraud", **only, limit=4, offset=offset)["path"].to_pylist() for offset in (0, 4)]
    assert paths == [["07/drift", "06/drift", "05/drift", "04/drift"], ["03/drift", "02/drift"]]
    windows = store.report_windows("fraud", limit=3)
    assert [row["window_start"] for row in windows] == hours[:-4:-1]
    assert store.reports("fraud", version="4").num_rows == store.reports("fraud", format="html").num_rows == 0


def test_a_write_within_a_read_is_refused_where_it_would_wait_for_itself(store: Store) -> None:
    with store._database.read(), pytest.raises(StoreError, match="leave the read first"):
        store.add_event(level="info", kind="test", text="never")
    with store.writing():
        assert store.events().num_rows == 0  # a read within a write, and a write within a write, wait for nobody
        store.add_event(level="info", kind="test", text="once")
    assert store.events().column("text").to_pylist() == ["once"]
