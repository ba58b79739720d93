"""Every record that a logger accepted is accounted for, at all times: accepted = ingested + duplicates + quarantined + in_spool + lost."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.collector import Collector
from storage.frames import decode, encode
from storage.home import Home
from storage.spool import SegmentWriter
from storage.store import Store
from tests.storage.conftest import FRAUD, Log, micros, prediction, truth


def balanced(store: Store) -> dict[str, Any]:
    """The account, once its two sums were checked."""
    found: dict[str, Any] = store.health()["accounting"]
    places = ("ingested", "duplicates", "quarantined", "in_spool", "lost")
    assert min(found[place] for place in places) >= 0, found
    assert found["accepted"] == sum(found[place] for place in places), found
    assert found["offered"] == found["accepted"] + found["sampled_out"] + sum(found["refused"].values()), found
    return found


def facts(store: Store, *names: str) -> dict[str, int]:
    found = balanced(store)
    return {name: found[name] for name in names}


def append(writer: SegmentWriter, numbers: Sequence[int], **changes: Any) -> None:
    for number in numbers:
        assert writer.append("pred", orjson.dumps(prediction(number, **changes))) is None


def abandon(writer: SegmentWriter) -> None:
    """As a kill leaves it: no counters, no end."""
    writer._abandon()
    writer._closed = True


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_records_of_a_live_writer_are_in_the_spool_until_they_are_read(fraud: Store, collector: Collector) -> None:
    writer = SegmentWriter(fraud.home.spool)
    append(writer, range(3))
    assert facts(fraud, "accepted", "ingested", "in_spool", "lost") == {"accepted": 3, "ingested": 0, "in_spool": 3, "lost": 0}
    collector.once()
    append(writer, [1, 7])
    assert facts(fraud, "accepted", "ingested", "in_spool", "lost") == {"accepted": 5, "ingested": 3, "in_spool": 2, "lost": 0}
    collector.once()
    assert facts(fraud, "accepted", "ingested", "duplicates", "in_spool") == {"accepted": 5, "ingested": 4, "duplicates": 1, "in_spool": 0}
    writer.close()
    collector.once()
    assert facts(fraud, "accepted", "ingested", "duplicates", "lost") == {"accepted": 5, "ingested": 4, "duplicates": 1, "lost": 0}


def test_a_killed_writers_torn_line_was_never_accepted(fraud: Store, collector: Collector, log: Log) -> None:
    writer = SegmentWriter(fraud.home.spool)
    append(writer, range(5))
    abandon(writer)
    (path,) = fraud.home.spool.iterdir()
    path.write_bytes(path.read_bytes() + lines_of(path)[-1][:100])
    assert facts(fraud, "accepted", "in_spool", "torn") == {"accepted": 5, "in_spool": 5, "torn": 0}
    collector.once()
    assert facts(fraud, "accepted", "ingested", "quarantined", "lost", "torn") == {
        "accepted": 5, "ingested": 5, "quarantined": 0, "lost": 0, "torn": 1,
    }  # fmt: skip


def test_a_tail_of_zeros_as_power_loss_leaves_it_costs_nothing(fraud: Store, collector: Collector, log: Log) -> None:
    writer = SegmentWriter(fraud.home.spool)
    append(writer, range(5))
    abandon(writer)
    (path,) = fraud.home.spool.iterdir()
    content = path.read_bytes()
    path.write_bytes(content + b"\0" * 5_000)
    assert collector.once() == {"ingested": 5, "duplicates": 0, "quarantined": 1, "pending": 0}
    assert facts(fraud, "accepted", "lost", "torn", "foreign") == {"accepted": 5, "lost": 0, "torn": 1, "foreign": 0}
    assert fraud.quarantine().column("reason").to_pylist() == ["zero-filled tail"]


def test_a_hole_of_zeros_costs_the_lines_in_it_and_not_the_one_after_it(fraud: Store, collector: Collector, log: Log) -> None:
    path = log.predictions(range(10))
    lines = lines_of(path)
    lines[3] = b"\0" * len(lines[3])
    lines[4] = b"\0" * len(lines[4])
    path.write_bytes(b"".join(lines))
    collector.once()
    assert facts(fraud, "accepted", "ingested", "lost") == {"accepted": 10, "ingested": 8, "lost": 2}


@pytest.mark.parametrize("ended", [True, False])
def test_a_gap_in_the_numbers_is_exactly_what_was_lost(fraud: Store, collector: Collector, log: Log, ended: bool) -> None:
    path = log.predictions(range(10))
    lines = lines_of(path)
    del lines[4:7]
    path.write_bytes(b"".join(lines if ended else lines[:-2]))
    collector.once()
    assert facts(fraud, "accepted", "ingested", "lost") == {"accepted": 10, "ingested": 7, "lost": 3}


def test_damaged_lines_are_quarantined_and_neither_lost_nor_counted_twice(fraud: Store, collector: Collector, log: Log) -> None:
    path = log.predictions(range(10))
    lines = lines_of(path)
    lines[2] = lines[2].replace(b"amount", b"amoumt")  # its head says still that it is a prediction
    lines[5] = b"x" + lines[5]  # this one's does not
    lines.insert(7, b"somebody's own line\n")
    lines[-3] = lines[-3][:30] + b"\n"  # the last prediction
    path.write_bytes(b"".join(lines))
    collector.once()
    assert facts(fraud, "accepted", "ingested", "quarantined", "lost", "foreign") == {
        "accepted": 10, "ingested": 7, "quarantined": 3, "lost": 0, "foreign": 1,
    }  # fmt: skip
    assert fraud.quarantine().num_rows == 4


def test_damaged_counters_and_headers_are_no_records(fraud: Store, collector: Collector) -> None:
    writer = SegmentWriter(fraud.home.spool)
    append(writer, range(4))
    writer._end()
    append(writer, range(4, 6))
    writer.close()
    for path in fraud.home.spool.iterdir():
        lines = [line if decode(line)["k"] == "pred" else line[:-3] + b" }\n" for line in lines_of(path)]
        path.write_bytes(b"".join(lines))
    collector.once()
    assert facts(fraud, "accepted", "ingested", "quarantined", "lost") == {"accepted": 6, "ingested": 6, "quarantined": 0, "lost": 0}


def test_records_that_make_no_sense_are_quarantined(fraud: Store, collector: Collector, log: Log) -> None:
    log.write(("pred", prediction(1)), ("pred", prediction(2, f=[1])), ("label", truth(1, None)))
    collector.once()
    assert facts(fraud, "accepted", "ingested", "quarantined", "lost") == {"accepted": 3, "ingested": 1, "quarantined": 2, "lost": 0}


def test_a_whole_segment_that_never_came_is_lost_as_soon_as_a_later_one_is_seen(fraud: Store, collector: Collector) -> None:
    writer = SegmentWriter(fraud.home.spool)
    for part in range(3):
        append(writer, range(part * 10, part * 10 + 10))
        writer._end()
    append(writer, [30])
    paths = sorted(fraud.home.spool.iterdir())
    paths[1].unlink()
    assert facts(fraud, "accepted", "in_spool", "lost") == {"accepted": 31, "in_spool": 21, "lost": 10}
    collector.once()
    assert facts(fraud, "accepted", "ingested", "lost") == {"accepted": 31, "ingested": 21, "lost": 10}
    writer.close()


def test_a_lost_segment_that_turns_up_is_lost_no_more(fraud: Store, collector: Collector, tmp_path: Path) -> None:
    writer = SegmentWriter(fraud.home.spool)
    for part in range(3):
        append(writer, range(part * 10, part * 10 + 10))
        writer._end()
    writer.close()
    paths = sorted(fraud.home.spool.iterdir())
    away = paths[1].rename(tmp_path / "away")
    collector.once()
    assert facts(fraud, "lost") == {"lost": 10}
    shutil.move(away, fraud.home.spool / "restored-1.seg.jsonl")
    assert facts(fraud, "in_spool", "lost") == {"in_spool": 10, "lost": 0}
    collector.once()
    assert facts(fraud, "accepted", "ingested", "lost", "replayed") == {"accepted": 30, "ingested": 30, "lost": 0, "replayed": 0}


def test_a_segment_that_comes_again_accounts_for_nothing_new(fraud: Store, collector: Collector, log: Log, tmp_path: Path) -> None:
    path = log.predictions(range(10))
    copy = shutil.copy(path, tmp_path / "copy")
    collector.once()
    shutil.copy(copy, fraud.home.spool / "other.seg.jsonl")
    assert facts(fraud, "accepted", "in_spool") == {"accepted": 10, "in_spool": 0}
    collector.once()
    shutil.copy(copy, path)
    collector.once()
    assert facts(fraud, "accepted", "ingested", "duplicates", "replayed", "lost") == {
        "accepted": 10, "ingested": 10, "duplicates": 0, "replayed": 10, "lost": 0,
    }  # fmt: skip


def test_segments_of_a_logger_that_says_nothing_of_what_came_before(fraud: Store, collector: Collector, log: Log) -> None:
    path = log.predictions(range(10))
    records = [decode(line) for line in lines_of(path)]
    for record in records:
        record.pop("acc", None)
        record.pop("seq", None)
    del records[5]
    path.write_bytes(b"".join(encode(record) for record in records if record["k"] != "stat"))
    path.rename(path.with_name(path.name.replace("00000000.seg", "00000004.seg")))
    collector.once()
    assert facts(fraud, "accepted", "ingested", "lost") == {"accepted": 11, "ingested": 9, "lost": 2}  # the line, and the counters'


def test_a_clock_that_is_off_is_said_once_and_changes_no_time(fraud: Store, collector: Collector, log: Log) -> None:
    path = log.predictions(range(6))
    records = [decode(line) for line in lines_of(path)]
    for record, off in zip(records[1:5], (0, 3_600_000_000, -3_600_000_000, 299_000_000), strict=True):
        record["t"] += off
    path.write_bytes(b"".join(encode(record) for record in records))
    collector.once()
    assert facts(fraud, "accepted", "ingested", "skewed") == {"accepted": 6, "ingested": 6, "skewed": 2}
    assert [row["kind"] for row in fraud.events().to_pylist()] == ["clock_skew"]
    written = sorted(fraud.predictions("fraud").column("written_at").to_pylist())
    assert [micros(at) for at in written] == sorted(record["t"] for record in records if record["k"] == "pred")


def test_what_was_read_before_records_were_counted_stays_accounted_for(fraud: Store, collector: Collector, log: Log) -> None:
    """A segment half read by the version before, then read on by this one."""
    writer = SegmentWriter(fraud.home.spool)
    append(writer, [*range(5), 0])
    collector.once()
    with fraud.writing() as cursor:  # as the migration leaves it
        cursor.execute(
            "UPDATE ingest_offsets SET counted = false, records = 0, accepted = NULL, sequence = NULL, bad_records = bad, began = NULL"
        )
    fresh = Collector(fraud)
    assert facts(fraud, "accepted", "ingested", "duplicates", "lost") == {"accepted": 6, "ingested": 5, "duplicates": 1, "lost": 0}
    append(writer, range(5, 8))
    writer.close()
    fresh.once()
    assert facts(fraud, "accepted", "ingested", "duplicates", "lost") == {"accepted": 9, "ingested": 8, "duplicates": 1, "lost": 0}


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_the_sums_hold_after_every_step_of_any_sequence(seed: int) -> None:
    """Against a model that knows what was accepted and what was done to it."""
    seeded = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, Store.open(Home(Path(folder) / "home")) as store:
        store.register_model(FRAUD)
        collector, writers = Collector(store), [SegmentWriter(store.home.spool, max_bytes=2_000) for _ in range(2)]
        accepted = lost = number = 0
        for _ in range(seeded.randint(5, 25)):
            step = seeded.choice(("log", "log", "rotate", "collect", "kill", "lose"))
            place = seeded.randrange(len(writers))
            if step == "log":
                many = seeded.randint(1, 12)
                append(writers[place], range(number, number + many))
                accepted, number = accepted + many, number + many
            elif step == "rotate":
                writers[place]._end()
            elif step == "collect":
                collector.once()
            elif step == "kill":
                abandon(writers[place])
                writers[place] = SegmentWriter(store.home.spool, max_bytes=2_000)
            else:
                lost += _lose_an_unread_segment(store, seeded)
            found = balanced(store)
            assert found["accepted"] + found["duplicates"] <= accepted
        for writer in writers:
            append(writer, [number])
            number, accepted = number + 1, accepted + 1
            writer.close()
        collector.once()
        found = balanced(store)
        assert found["in_spool"] == 0
        assert found["ingested"] == accepted - lost
        assert found["lost"] <= lost


def _lose_an_unread_segment(store: Store, seeded: random.Random) -> int:
    """Delete a segment of which nothing was read and that has a successor; how many records that costs."""
    paths = sorted(store.home.spool.glob("[!.]*"))
    with store.reading() as cursor:
        read = {row[0] for row in cursor.execute("SELECT segment FROM ingest_offsets").fetchall()}
    unread = [path for path in paths if path.name not in read and lines_of(path)[-1:] and decode(lines_of(path)[-1])["k"] == "end"]
    if not unread:
        return 0
    path = seeded.choice(unread)
    records = sum(decode(line)["k"] == "pred" for line in lines_of(path))
    path.unlink()
    return records
