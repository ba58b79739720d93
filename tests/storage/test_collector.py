"""Spool to database: everything once, nothing lost, what cannot be used set aside with its reason."""

from __future__ import annotations

import os
import shutil
import threading
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from storage import collector as collector_module
from storage.collector import Collector
from storage.errors import StoreError
from storage.frames import encode
from storage.home import Home
from storage.spool import SegmentWriter
from storage.store import Store, _intake
from tests.storage.conftest import FRAUD, T0, Log, hour, micros, prediction, truth


def ids(store: Store, model: str = "fraud", version: str = "1") -> list[str]:
    return [str(found) for found in store.frame(model, version).column("@id").to_pylist()]


def archived(home: Home) -> list[str]:
    return sorted(path.name for path in home.archive.rglob("*.seg.jsonl*"))


def test_what_was_logged_is_found_once_and_its_segment_is_archived(fraud: Store, log: Log, collector: Collector) -> None:
    path = log.write(*(("pred", prediction(number)) for number in range(3)), ("label", truth(1, 1)))
    assert collector.once() == {"ingested": 4, "duplicates": 0, "quarantined": 0, "pending": 0}
    assert ids(fraud) == ["p0", "p1", "p2"]
    assert not path.exists()
    assert archived(fraud.home) == [path.name + ".zst"]
    assert collector.once() == {"ingested": 0, "duplicates": 0, "quarantined": 0, "pending": 0}


def test_a_model_frame_registers_the_model_before_its_predictions(store: Store, log: Log, collector: Collector) -> None:
    log.write(("pred", prediction(1)), ("model", {"m": "fraud", "ver": "1", "spec": FRAUD}))
    collector.once()
    assert store.spec("fraud")["segments"] == ["channel"]
    assert store.events().num_rows == 0  # nothing had to be inferred, though the description was read after the row


def test_a_live_segment_is_read_as_far_as_it_is_whole_and_stays_in_the_spool(fraud: Store, log: Log, collector: Collector) -> None:
    writer = SegmentWriter(fraud.home.spool)
    writer.append("pred", orjson.dumps(prediction(1)))
    assert collector.once()["ingested"] == 1
    writer.append("pred", orjson.dumps(prediction(2)))
    assert archived(fraud.home) == []
    assert collector.once() == {"ingested": 1, "duplicates": 0, "quarantined": 0, "pending": 0}
    writer.close()
    collector.once()
    assert len(archived(fraud.home)) == 1
    assert ids(fraud) == ["p1", "p2"]


def test_bad_lines_are_set_aside_with_their_reasons_and_cost_no_good_line(fraud: Store, log: Log, collector: Collector) -> None:
    path = log.predictions([1, 2, 3])
    lines = path.read_bytes().splitlines(keepends=True)
    flipped = lines[2].replace(b"amount", b"amoumt")
    path.write_bytes(b"".join([lines[0], lines[1], flipped, b"\n", b"hello\n", *lines[3:], b'{"c":"torn']))
    assert collector.once() == {"ingested": 2, "duplicates": 0, "quarantined": 4, "pending": 0}
    assert ids(fraud) == ["p1", "p3"]
    found = {row["reason"]: row["line"] for row in fraud.quarantine().to_pylist()}
    assert found.keys() == {"checksum does not match", "blank line", "not a frame", "torn last line"}
    assert found["torn last line"] == '{"c":"torn'
    (kept,) = fraud.home.quarantine.glob("*.bad")
    assert kept.read_bytes() == flipped + b"\n" + b"hello\n" + b'{"c":"torn\n'
    reasons = orjson.loads(kept.with_suffix(".json").read_bytes())["lines"]
    assert [line["reason"] for line in reasons] == ["checksum does not match", "blank line", "not a frame", "torn last line"]


@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        ("pred", {"m": None}, "no model name"),
        ("pred", {"m": ["fraud"]}, "no model name"),
        ("pred", {"id": None}, "no prediction id"),
        ("pred", {"id": ""}, "no prediction id"),
        ("pred", {"e": "yesterday"}, "the time is no moment of the calendar"),
        ("pred", {"e": 10**18}, "the time is no moment of the calendar"),
        ("pred", {"e": True}, "the time is no moment of the calendar"),
        ("pred", {"f": [1, 2]}, "features are not a mapping"),
        ("pred", {"x": "web"}, "features are not a mapping"),
        ("label", {"y": None}, "no ground truth value"),
        ("label", {"y": [1]}, "no ground truth value"),
        ("model", {"spec": "fraud.yaml"}, "no model description"),
        ("model", {"spec": {"features": {"a": "colour"}}}, 'The kind "colour" is unknown'),
        ("model", {"spec": {"features": ["a"]}}, "the model description cannot be used"),
    ],
)
def test_a_record_that_makes_no_sense_is_set_aside_and_its_neighbours_are_not(
    fraud: Store, log: Log, collector: Collector, kind: str, changes: dict[str, Any], reason: str
) -> None:
    payload = {**prediction(7), "y": 1, **changes}
    log.write(("pred", prediction(1)), (kind, payload), ("pred", prediction(2)))
    assert collector.once() == {"ingested": 2, "duplicates": 0, "quarantined": 1, "pending": 0}
    (row,) = fraud.quarantine().to_pylist()
    assert reason in row["reason"]
    assert ids(fraud) == ["p1", "p2"]
    assert fraud.spec("fraud")["features"] == FRAUD["features"]


def test_a_segment_that_comes_back_under_its_own_or_another_name_changes_nothing(
    fraud: Store, log: Log, collector: Collector, tmp_path: Path
) -> None:
    path = log.write(("pred", prediction(1)), ("pred", prediction(2)), ("label", truth(1, 0)))
    copy = shutil.copy(path, tmp_path / path.name)
    collector.once()
    before = (fraud.frame("fraud", "1"), fraud.activity("fraud", [(T0, hour(24))]))
    shutil.copy(copy, path)
    assert collector.once() == {"ingested": 0, "duplicates": 0, "quarantined": 0, "pending": 0}
    shutil.copy(copy, path.with_name("elsewhere-1-2-abcd-00000000.seg.jsonl"))
    assert collector.once() == {"ingested": 0, "duplicates": 3, "quarantined": 0, "pending": 0}
    assert (fraud.frame("fraud", "1"), fraud.activity("fraud", [(T0, hour(24))])) == before
    assert archived(fraud.home) == sorted([path.name + ".zst", "elsewhere-1-2-abcd-00000000.seg.jsonl.zst"])  # its equal is there already


def test_many_segments_and_more_rows_than_one_transaction_takes(
    fraud: Store, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector_module, "_BATCH_ROWS", 7)
    monkeypatch.setattr(collector_module, "_BATCH_BYTES", 4_000)
    monkeypatch.setattr(collector_module, "_TURN_BYTES", 500)
    for part in range(5):
        log.predictions(range(part * 10, part * 10 + 10))
    commits: list[str] = []
    collector = Collector(fraud, at=lambda place: commits.append(place) if place == "after commit" else None)
    assert collector.once() == {"ingested": 50, "duplicates": 0, "quarantined": 0, "pending": 0}
    assert sorted(ids(fraud), key=lambda found: int(found[1:])) == [f"p{number}" for number in range(50)]
    assert len(commits) >= 9
    assert len(archived(fraud.home)) == 5


def test_one_busy_writer_does_not_starve_the_others(fraud: Store, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector_module, "_BATCH_BYTES", 4_000)
    monkeypatch.setattr(collector_module, "_TURN_BYTES", 1_000)
    log.predictions(range(100))
    log.predictions(range(200, 202))
    found: list[int] = []

    def look(place: str) -> None:
        if place == "after commit":
            found.append(len({"p200", "p201"} & set(ids(fraud))))

    Collector(fraud, at=look).once()
    assert found[0] == 2


def test_what_is_new_does_not_wait_for_a_backlog(fraud: Store, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector_module, "_BATCH_BYTES", 4_000)
    monkeypatch.setattr(collector_module, "_TURN_BYTES", 4_000)
    paths = [log.predictions(range(part * 60, part * 60 + 60)) for part in range(3)]
    new = log.predictions(range(400, 402))
    new.rename(new.with_name("z" + new.name))  # the last by name
    assert all(path.stat().st_size > 2 * 4_000 for path in paths)
    found: list[int] = []

    def look(place: str) -> None:
        if place == "after commit":
            found.append(len({"p400", "p401"} & set(ids(fraud))))

    assert Collector(fraud, at=look).once()["ingested"] == 182
    assert found[0] == 2 and len(found) > 6


class _Trouble:
    """Raises `error` the first `times` times the collector comes to `place`."""

    def __init__(self, place: str, error: Exception, times: int) -> None:
        self.place, self.error, self.times = place, error, times

    def __call__(self, place: str) -> None:
        if place == self.place and self.times:
            self.times -= 1
            raise self.error


@pytest.mark.parametrize("place", ["before insert", "before commit", "after commit"])
def test_a_failure_before_or_after_the_commit_neither_loses_nor_doubles(fraud: Store, log: Log, place: str) -> None:
    log.predictions(range(20))
    Collector(fraud, at=_Trouble(place, duckdb.IOException("disk full"), 2)).once()
    assert len(ids(fraud)) == 20
    assert fraud.predictions("fraud").num_rows == 20  # not even flagged ones
    assert fraud.health()["accounting"]["ingested"] == 20


def test_a_disk_that_stays_full_is_waited_out_and_no_row_is_blamed(fraud: Store, log: Log) -> None:
    log.predictions(range(20))
    trouble = _Trouble("before commit", duckdb.IOException("No space left on device"), 1_000)
    collector = Collector(fraud, at=trouble)
    with pytest.raises((StoreError, duckdb.Error), match="No space left"):
        collector.once()
    assert ids(fraud) == []
    assert fraud.quarantine().num_rows == 0
    trouble.times = 0
    assert collector.once()["ingested"] == 20


def test_a_row_that_the_database_refuses_is_found_and_set_aside(fraud: Store, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    take_in = _intake.take_in

    def choosy(cursor: Any, known: Any, entries: Any, groups: Any) -> Any:
        if any(entry.record.get("id") == "p13" for entry in [*entries, *(entry for placed in groups for entry in placed.entries())]):
            raise duckdb.ConversionException("this row, for once")
        return take_in(cursor, known, entries, groups)

    monkeypatch.setattr(collector_module, "take_in", choosy)
    log.predictions(range(30))
    assert Collector(fraud).once() == {"ingested": 29, "duplicates": 0, "quarantined": 1, "pending": 0}
    assert "p13" not in ids(fraud)
    (row,) = fraud.quarantine().to_pylist()
    assert "the database refuses this row: " in row["reason"]
    assert "this row, for once" in row["reason"]
    assert '"id":"p13"' in row["line"]


def test_a_file_that_is_no_segment_is_reported_once_and_left_alone(fraud: Store, log: Log, collector: Collector, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("root:x:0:0\n")
    (fraud.home.spool / "a-1-2-abcd-00000000.seg.jsonl").symlink_to(tmp_path / "secret")
    log.predictions([1])
    assert collector.once() == {"ingested": 1, "duplicates": 0, "quarantined": 0, "pending": 0}
    collector.once()
    (event,) = fraud.events().to_pylist()
    assert (event["level"], event["kind"]) == ("error", "segment_unreadable")
    assert (tmp_path / "secret").exists()


def test_what_a_writer_left_before_it_gave_it_a_name_is_removed_once_it_is_old(fraud: Store, collector: Collector) -> None:
    old, new = (fraud.home.spool / f".a-{number}-2-abcd-00000000.seg.jsonl" for number in (1, 2))
    for path in (old, new):
        path.write_bytes(b"half a head")
    os.utime(old, (1, 1))
    collector.once()
    assert (old.exists(), new.exists()) == (False, True)


def test_lost_lines_are_counted_and_every_line_is_accounted_for(fraud: Store, log: Log, collector: Collector) -> None:
    path = log.predictions(range(10))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"rubbish\n", *lines[6:]]))  # of three lines, one left rubbish and two left nothing
    collector.once()
    accounting = fraud.health()["accounting"]
    assert (accounting["ingested"], accounting["quarantined"], accounting["lost"]) == (7, 1, 2)
    assert (accounting["accepted"], accounting["refused"], accounting["offered"]) == (10, {}, 10)


def test_refusals_of_the_loggers_are_summed_by_reason(fraud: Store, log: Log, collector: Collector) -> None:
    for refused in ({"disk full": 2}, {"disk full": 1, "naive timestamp": 4}):
        writer = SegmentWriter(fraud.home.spool)
        writer.append("pred", orjson.dumps(prediction(1)))
        for reason, count in refused.items():
            writer.refuse(reason, count)
        writer.close()
    collector.once()
    accounting = fraud.health()["accounting"]
    assert accounting["refused"] == {"disk full": 3, "naive timestamp": 4}
    assert (accounting["offered"], accounting["accepted"]) == (9, 2)


def test_the_thread_takes_in_what_comes(fraud: Store, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector_module, "_PAUSE", 0.01)
    taken = threading.Event()
    collector = Collector(fraud, at=lambda place: taken.set() if place == "after commit" else None)
    collector.start()
    collector.start()
    log.predictions([1, 2])
    assert taken.wait(20)
    collector.stop()
    collector.stop()
    assert ids(fraud) == ["p1", "p2"]


def test_frames_with_odd_payloads_never_stop_the_collector(fraud: Store, log: Log, collector: Collector) -> None:
    odd: list[Any] = [None, True, -1, 2**70, 1e308, "", "x" * 10_000, [], [1, [2]], {}, {"a": {"b": 1}}, "\u0000", "\u2028"]
    path = log.predictions([1])
    keys = ("ver", "e", "f", "p", "s", "lat", "err", "x", "nf", "w", "t", "n", "id", "m", "y", "spec")
    kinds = ("pred", "label", "model", "stat", "hdr", "end")
    records = [
        {"v": 1, "k": kind, "n": 5 + number, "t": micros(T0), **prediction(number), key: value}
        for number, (kind, key, value) in enumerate(product(kinds, keys, odd))
    ]
    with path.open("ab") as file:
        file.writelines(orjson_or_nothing(record) for record in records)
    result = collector.once()
    assert result["pending"] == 0
    assert "p1" in ids(fraud)
    reasons = {row["reason"] for row in fraud.quarantine().to_pylist()}
    assert not [reason for reason in reasons if "database refuses" in reason], reasons


def orjson_or_nothing(record: dict[str, Any]) -> bytes:
    try:
        return encode(record)
    except TypeError:  # 2**70: no logger can write it
        return b""


def test_collecting_within_a_read_of_the_same_thread_is_refused_and_loses_nothing(fraud: Store, log: Log, collector: Collector) -> None:
    """It cannot write, and cannot open the file anew: it must say so, not wait for the read that waits for it."""
    log.predictions(range(5))
    with fraud.window_columns("fraud", "1", []), pytest.raises(StoreError, match="within a read"):
        collector.once()
    assert collector.once()["ingested"] == 5
