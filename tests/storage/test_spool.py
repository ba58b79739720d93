"""The spool: segments that are written by one process and can be read by another at any moment."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import threading
import tomllib
from itertools import pairwise
from pathlib import Path

import orjson
import pytest

from storage._segment_writer import SegmentWriter
from storage._writer_names import _LIBRARY
from storage.errors import StorageError
from storage.spool import DURABILITIES, Line, Spool, count_lines, is_live, open_spool, read_segment, segments

BODY = orjson.dumps({"m": "fraud", "id": "a", "f": {"amount": 1.5}})



def lines(folder: Path) -> list[Line]:
    return [line for path in segments(folder) for line in read_segment(path)]


def records(folder: Path, kind: str = "pred") -> list[dict[str, object]]:
    return [line.record for line in lines(folder) if line.record and line.record["k"] == kind]


def test_a_segment_starts_with_its_writer_and_ends_with_its_count(writer: SegmentWriter, folder: Path) -> None:
    writer.append("pred", BODY)
    writer.close()
    (path,) = segments(folder)
    found = [line.record for line in read_segment(path)]
    assert [record["k"] for record in found if record] == ["hdr", "pred", "stat", "end"]
    assert found[0] is not None and found[0]["pid"] == os.getpid() and found[0]["lib"] == _LIBRARY
    assert found[-1] is not None and found[-1]["count"] == 3
    assert [record["n"] for record in found if record] == [0, 1, 2, 3]


def test_headers_and_counters_account_for_every_record_of_their_writer(folder: Path) -> None:
    """What a reader needs to see that whole segments are missing: each header says which it is and what came before."""
    writer = SegmentWriter(folder, max_bytes=1_000)
    for _ in range(40):
        writer.append("pred", BODY)
    writer.refuse("no such thing", 2)
    writer.close()
    headers, before = records(folder, "hdr"), 0
    assert [header["seq"] for header in headers] == list(range(len(headers))) and len(headers) > 2
    for header, path in zip(headers, segments(folder), strict=True):
        assert header["acc"] == before
        before += sum(line.record["k"] == "pred" for line in read_segment(path) if line.record)
    assert before == 40
    last = records(folder, "stat")[-1]
    assert [last[name] for name in ("accepted", "sampled_out", "refused")] == [40, 0, {"no such thing": 2}]
    assert last["writer"] == headers[0]["writer"]


def test_the_library_in_the_header_is_this_version() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert f"{project['name']} {project['version']}" == _LIBRARY


def test_a_record_can_be_read_before_the_segment_ends(writer: SegmentWriter, folder: Path) -> None:
    assert writer.append("pred", BODY) is None
    (path,) = segments(folder)
    assert is_live(path)
    assert len(records(folder)) == 1
    writer.close()
    assert not is_live(path)


def test_files_and_folders_are_private_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0)
    try:
        with_closed(SegmentWriter(folder)).append("pred", BODY)
        writer = SegmentWriter(folder)
        writer.append("pred", BODY)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    writer.close()


def with_closed(writer: SegmentWriter) -> SegmentWriter:
    writer.close()
    return writer


def test_a_closed_writer_refuses_and_counts(writer: SegmentWriter) -> None:
    writer.append("pred", BODY)
    writer.close()
    writer.close()
    assert writer.append("pred", BODY) == "logger closed"
    assert (writer.counts().accepted, writer.counts().refused, writer.counts().offered) == (1, {"logger closed": 1}, 2)


def test_a_full_segment_is_ended_and_the_next_one_begun(folder: Path) -> None:
    writer = SegmentWriter(folder, max_bytes=1_000)
    for _ in range(100):
        assert writer.append("pred", BODY) is None
    writer.close()
    assert len(segments(folder)) > 5
    assert all(list(read_segment(path))[-1].record["k"] == "end" for path in segments(folder))  # type: ignore[index]
    assert len(records(folder)) == 100
    assert writer.counts().bytes >= sum(line.end - line.offset for line in lines(folder) if line.record and line.record["k"] == "pred")


def test_an_old_segment_is_ended_by_the_next_record(folder: Path) -> None:
    writer = SegmentWriter(folder, max_age=0.0)
    writer.append("pred", BODY)
    writer._check_at = 0
    writer.append("pred", BODY)
    writer.close()
    assert len(segments(folder)) == 2


def test_a_batch_goes_out_in_few_writes_and_in_order(writer: SegmentWriter, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = [orjson.dumps({"id": str(number), "pad": "x" * 500}) for number in range(3_000)]
    sizes: list[int] = []
    real = os.write

    def counting(fd: int, content: bytes) -> int:
        sizes.append(len(content))
        return real(fd, content)

    monkeypatch.setattr("storage._segment_writer.write", counting)
    assert writer.extend("pred", bodies) == (3_000, None)
    assert max(sizes) <= 257 * 1024 and len(sizes) < 12
    assert [record["id"] for record in records(folder)] == [str(number) for number in range(3_000)]


def test_the_preamble_is_written_once_per_process(folder: Path) -> None:
    writer = SegmentWriter(folder, preamble=[("model", b'{"m":"fraud"}')], max_bytes=500)
    for _ in range(20):
        writer.append("pred", BODY)
    writer.close()
    assert len(records(folder, "model")) == 1


def test_threads_share_a_writer(writer: SegmentWriter, folder: Path) -> None:
    threads = [threading.Thread(target=lambda: [writer.append("pred", BODY) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    numbers = [line.record["n"] for line in lines(folder) if line.record]
    assert numbers == list(range(len(numbers)))
    assert len(records(folder)) == 4_000


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("durability", DURABILITIES)
def test_a_forked_child_writes_its_own_segment(folder: Path, durability: str) -> None:
    spool = open_spool(folder, durability=durability, preamble=[("model", b'{"m":"fraud"}')])
    for _ in range(10):
        spool.append("pred", BODY)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for _ in range(5):
                spool.append("pred", BODY)
            code = 0 if spool.counts().accepted == 5 else 2
            spool.close()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    for _ in range(10):
        spool.append("pred", BODY)
    spool.close()
    by_file = {path: [line.record["k"] for line in read_segment(path) if line.record].count("pred") for path in segments(folder)}
    assert sorted(by_file.values()) == [5, 20]
    for path in segments(folder):  # and neither wrote into the other's
        kinds = [(line.record["n"], line.record["k"]) for line in read_segment(path) if line.record]
        assert [number for number, _ in kinds] == list(range(len(kinds)))
        assert [kind for _, kind in kinds].count("end") == 1 and kinds[-1][1] == "end"
    assert len(records(folder, "model")) == 2
    assert not any(line.reason for line in lines(folder))


def _write_in_child(folder: str, count: int) -> None:
    writer = SegmentWriter(Path(folder))
    for _ in range(count):
        writer.append("pred", BODY)


def test_a_spawned_process_writes_its_own_segment_and_ends_it_at_exit(folder: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(target=_write_in_child, args=(str(folder), 3))
    child.start()
    child.join()
    assert len(records(folder)) == 3


def test_the_interpreters_end_ends_the_segment(folder: Path) -> None:
    run_writer(folder, "")
    assert len(records(folder)) == 50
    assert lines(folder)[-1].record["k"] == "end"  # type: ignore[index]


def test_what_was_acknowledged_survives_a_kill(folder: Path) -> None:
    done = run_writer(folder, "os.kill(os.getpid(), 9)")
    assert done == -signal.SIGKILL
    (path,) = segments(folder)
    assert not is_live(path)
    assert len(records(folder)) == 50


def run_writer(folder: Path, last: str) -> int:
    code = f"""
import os, pathlib
from storage.spool import open_spool
spool = open_spool(pathlib.Path({str(folder)!r}))
for _ in range(50):
    assert spool.append("pred", {BODY!r}) is None
{last}
"""
    return subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode


def test_a_writer_that_nobody_holds_lets_its_segment_go(folder: Path) -> None:
    writer = SegmentWriter(folder)
    writer.append("pred", BODY)
    del writer
    gc.collect()
    (path,) = segments(folder)
    assert not is_live(path)


def test_a_torn_tail_is_left_alone_while_the_segment_is_live_and_bad_afterwards(writer: SegmentWriter, folder: Path) -> None:
    writer.append("pred", BODY)
    (path,) = segments(folder)
    with path.open("ab") as file:
        file.write(b'{"c":"0000')
    before = list(read_segment(path))
    assert not any(line.reason for line in before)
    assert before[-1].end == path.stat().st_size - 10
    assert count_lines(path) == len(before)
    writer._abandon()  # as if the process had died
    assert count_lines(path) == len(before) + 1
    assert count_lines(path, before[-1].end) == 1
    assert [line.reason for line in read_segment(path, before[-1].end)] == ["torn last line"]


def test_reading_goes_on_where_it_stopped(writer: SegmentWriter, folder: Path) -> None:
    writer.append("pred", BODY)
    (path,) = segments(folder)
    seen = list(read_segment(path))
    writer.append("pred", BODY)
    later = list(read_segment(path, seen[-1].end))
    assert [line.offset for line in later] == [seen[-1].end]
    assert path.stat().st_size == later[-1].end


def test_damage_costs_the_damaged_line_alone(writer: SegmentWriter, folder: Path) -> None:
    for _ in range(20):
        writer.append("pred", BODY)
    writer.close()
    (path,) = segments(folder)
    whole = path.read_bytes()
    total = len(whole.splitlines())
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        found = list(read_segment(path))
        good = sum(line.record is not None for line in found)
        assert total - 2 <= good <= total - 1
        assert "".join(str(line.offset) for line in found[:1]) == "0" and found[-1].end == len(whole)
        assert all(earlier.end == later.offset for earlier, later in pairwise(found))


def test_every_length_of_a_torn_tail_leaves_the_earlier_lines(writer: SegmentWriter, folder: Path) -> None:
    for _ in range(3):
        writer.append("pred", BODY)
    writer.close()
    (path,) = segments(folder)
    whole = path.read_bytes()
    last = whole[:-1].rindex(b"\n") + 1
    for length in range(last + 1, len(whole)):
        path.write_bytes(whole[:length])
        found = list(read_segment(path))
        assert [line.reason for line in found if line.reason] == ["torn last line"]
        assert len(found) == len(whole.splitlines()) == count_lines(path)


def test_foreign_content_is_named_and_passed_over(writer: SegmentWriter, folder: Path) -> None:
    writer.append("pred", BODY)
    writer.close()
    (path,) = segments(folder)
    good = path.read_bytes()
    path.write_bytes(b"\n" + b"\0" * 100 + b"\n" + b"x" * (5 << 20) + b"\n" + good + b"\0" * 4096)
    reasons = [line.reason for line in read_segment(path) if line.reason]
    assert reasons == ["blank line", "not a frame", "line too long", "zero-filled tail"]
    assert len(records(folder)) == 1
    assert count_lines(path) == len(list(read_segment(path)))


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_no_plain_file_is_not_read(folder: Path, kind: str) -> None:
    folder.mkdir(parents=True)
    path = folder / "trick.seg.jsonl"
    if kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(path)
    with pytest.raises((StorageError, OSError)):
        list(read_segment(path))


def test_memory_accepts_at_once_and_writes_soon(folder: Path) -> None:
    spool = open_spool(folder, durability="memory")
    for _ in range(200):
        assert spool.append("pred", BODY) is None
    assert spool.counts().accepted == 200
    spool.flush()
    assert len(records(folder)) == 200
    spool.append("pred", BODY)
    spool.close()
    assert len(records(folder)) == 201
    assert spool.append("pred", BODY) == "logger closed"


def test_memory_is_bounded_and_what_does_not_fit_is_counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage._queue._GATHER", 60.0)  # the thread sleeps through this test
    spool = open_spool(folder, durability="memory")
    reasons = [spool.append("pred", BODY) for _ in range(10_050)]
    assert reasons.count(None) == 10_000
    assert spool.counts().refused == {"queue full": 50}
    large = orjson.dumps({"pad": "x" * (9 << 20)})
    spool.flush()
    assert spool.append("pred", large) == "queue full"
    spool.close()
    assert len(records(folder)) == 10_000


def test_memory_keeps_the_order_of_kinds(folder: Path) -> None:
    spool: Spool = open_spool(folder, durability="memory")
    for number in range(50):
        spool.append("pred" if number % 2 else "label", orjson.dumps({"id": str(number)}))
    spool.extend("pred", [orjson.dumps({"id": "last"})])
    spool.close()
    written = [line.record["id"] for line in lines(folder) if line.record and line.record["k"] in ("pred", "label")]
    assert written == [*map(str, range(50)), "last"]


def test_disk_syncs_before_it_returns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    spool = open_spool(folder, durability="disk")
    spool.append("pred", BODY)
    assert len(synced) == 1
    spool.close()


def test_the_counters_are_logged_at_the_end(folder: Path) -> None:
    spool = open_spool(folder, about={"m": "fraud"})
    spool.append("pred", BODY)
    spool.refuse("unsupported type", 3)
    spool.close()
    (stat_record,) = records(folder, "stat")
    assert (stat_record["m"], stat_record["accepted"], stat_record["refused"]) == ("fraud", 1, {"unsupported type": 3})
