"""What a spool may hold, who may enter it and what the disk confirms: limits that bind, and are counted."""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from pathlib import Path

import orjson
import pytest

from storage._counts import Limits
from storage._places import _type_of, make_folder, modes_in, network_filesystem
from storage._room import Room, halvings_at, room_in
from storage._segment_writer import SegmentWriter
from storage.spool import open_spool, read_segment, segments

BODY = orjson.dumps({"m": "fraud", "id": "a", "f": {"amount": 1.5}, "pad": "x" * 900})
CAP = 300_000


def accepted_lines(folder: Path) -> int:
    return sum(bool(line.record and line.record["k"] == "pred") for path in segments(folder) for line in read_segment(path))


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_a_full_spool_takes_nothing_more_and_says_how_much_it_did_not_take(folder: Path) -> None:
    writer = SegmentWriter(folder, limits=Limits(max_spool_bytes=CAP, min_free_bytes=0))
    reasons = {writer.append("pred", BODY) for _ in range(1_000)}
    counts = writer.counts()
    assert reasons == {None, "spool full"}
    assert counts.offered == 1_000 and counts.refused == {"spool full": 1_000 - counts.accepted}
    assert size_of(folder) < CAP + 2 * 65_536
    writer.close()
    assert accepted_lines(folder) == counts.accepted
    last = [line.record for path in segments(folder) for line in read_segment(path) if line.record and line.record["k"] == "stat"][-1]
    assert last is not None and last["refused"] == counts.refused  # a full spool still says what became of the rest


def test_a_spool_that_is_emptied_takes_records_again(folder: Path) -> None:
    writer = SegmentWriter(folder, limits=Limits(max_spool_bytes=CAP, min_free_bytes=0))
    while writer.append("pred", BODY) is None:
        pass
    for path in segments(folder):
        assert list(read_segment(path))[-1].record["k"] == "end"  # type: ignore[index]  # the owner can take all of it away
        path.unlink()
    writer._room_at -= 1_000_000  # half a second later
    assert writer.append("pred", BODY) is None
    writer.close()


def test_a_nearly_full_disk_is_left_to_others(folder: Path) -> None:
    writer = SegmentWriter(folder, limits=Limits(min_free_bytes=1 << 60))
    make_folder(folder)
    assert writer.append("pred", BODY) == "disk nearly full"
    assert writer.counts().refused == {"disk nearly full": 1}
    writer.close()


def test_the_disk_keeps_free_what_the_specification_says(folder: Path) -> None:
    make_folder(folder)
    disk = os.statvfs(folder)
    free, reserve = disk.f_bavail * disk.f_frsize, max(256 << 20, int(disk.f_blocks * disk.f_frsize * 0.02))
    assert room_in(folder, 1 << 62).left == pytest.approx(free - reserve, abs=256 << 20)


@pytest.mark.parametrize(("used", "halvings"), [(0, 0), (499, 0), (500, 1), (749, 1), (750, 2), (875, 3), (999, 9), (1000, 10), (2000, 10)])
def test_pressure_begins_at_half_full_and_doubles_with_each_half_of_the_rest(used: int, halvings: int) -> None:
    assert halvings_at(used, 1000 - used) == Room(1000 - used, used).halvings == halvings


def test_a_batch_job_waits_for_room_and_gives_up_in_time(folder: Path) -> None:
    writer = SegmentWriter(folder, limits=Limits(max_spool_bytes=CAP, min_free_bytes=0, patience=0.2))
    started = time.monotonic()
    done, reason = writer.extend("pred", [BODY] * 1_000)
    assert reason == "spool full" and 0 < done < 1_000
    assert time.monotonic() - started >= 0.2
    assert writer.append("pred", BODY) == "spool full"
    counts = writer.counts()
    assert (counts.accepted, counts.offered) == (done, 1_001)
    writer.close()


def test_a_batch_job_that_waits_goes_on_when_the_owner_makes_room(folder: Path) -> None:
    writer = SegmentWriter(folder, limits=Limits(max_spool_bytes=CAP, min_free_bytes=0, patience=20.0))
    taken: list[int] = []
    ready = threading.Event()

    def owner() -> None:
        while not ready.wait(0.05):
            for path in segments(folder):
                lines = list(read_segment(path))
                if lines and lines[-1].record and lines[-1].record["k"] == "end":
                    taken.append(sum(bool(line.record and line.record["k"] == "pred") for line in lines))
                    path.unlink()

    thread = threading.Thread(target=owner)
    thread.start()
    assert writer.extend("pred", [BODY] * 900) == (900, None)
    ready.set()
    thread.join()
    writer.close()
    assert sum(taken) + accepted_lines(folder) == 900 and len(taken) > 1


def test_the_oldest_gives_way_in_a_queue_that_may_lose_it(folder: Path) -> None:
    spool = open_spool(folder, durability="memory", drop_oldest=True)
    spool._thread = threading.current_thread()  # type: ignore[attr-defined]  # nobody writes meanwhile
    for number in range(10_100):
        assert spool.append("pred", b'{"id":"%d"}' % number) is None
    counts = spool.counts()
    assert (counts.accepted, counts.refused, counts.offered) == (10_000, {"queue full": 100}, 10_100)
    spool.close()
    ids = [line.record["id"] for path in segments(folder) for line in read_segment(path) if line.record and line.record["k"] == "pred"]
    assert ids == [str(number) for number in range(100, 10_100)]


def test_many_threads_share_a_sync(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs = []
    real = os.fdatasync

    def slow(fd: int) -> None:
        syncs.append(fd)
        time.sleep(0.002)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", slow)
    writer = SegmentWriter(folder, sync=True)
    results: list[str | None] = []
    threads = [threading.Thread(target=lambda: results.extend(writer.append("pred", BODY) for _ in range(40))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [None] * 320
    assert len(syncs) < 200  # one each would be 320
    writer.close()
    assert accepted_lines(folder) == writer.counts().accepted == 320


def test_who_shares_a_sync_that_fails_hears_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every record whose sync failed is refused, none of them is found, and the file that failed is never synced again."""
    calls: list[int] = []
    real = os.fdatasync

    def failing_at_times(fd: int) -> None:
        calls.append(os.fstat(fd).st_ino)
        time.sleep(0.001)
        if len(calls) % 5 == 3:
            raise OSError(errno.EIO, "as planned")
        real(fd)

    monkeypatch.setattr(os, "fdatasync", failing_at_times)
    writer = SegmentWriter(folder, sync=True)
    results: list[str | None] = []
    threads = [threading.Thread(target=lambda: results.extend(writer.append("pred", BODY) for _ in range(30))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    failed = {calls[number] for number in range(2, len(calls), 5)}
    assert all(inode not in calls[calls.index(inode) + 1 :] for inode in failed if calls.count(inode) == 1)
    counts = writer.counts()
    assert counts.offered == 180 == len(results)
    assert results.count("disk sync failed") == counts.refused["disk sync failed"] > 0
    assert accepted_lines(folder) == counts.accepted == results.count(None)


def test_what_the_level_process_wrote_is_synced_within_moments(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the keeper, not by the call."""
    writer, synced = SegmentWriter(folder), []
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append((fd, threading.current_thread().name)))
    writer.append("pred", BODY)
    deadline = time.monotonic() + 10
    while not synced and time.monotonic() < deadline:
        time.sleep(0.02)
    assert {name for _, name in synced} == {"prediction-log-keeper"}
    writer.close()


def test_a_background_sync_that_fails_ends_the_segment_and_is_counted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = SegmentWriter(folder)
    assert writer.append("pred", BODY) is None

    def failing(fd: int) -> None:
        raise OSError(errno.EIO, "as planned")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing)
        writer.flush()
    assert writer.append("pred", BODY) is None
    writer.close()
    counts = writer.counts()
    assert (counts.accepted, counts.segments, counts.sync_failures) == (2, 2, 1)
    assert accepted_lines(folder) == 2  # they survived the process, which is what was promised


def test_a_group_shares_a_home_whose_folder_says_so(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o2770)
    before = os.umask(0o077)
    try:
        writer = SegmentWriter(home / "spool")
        writer.append("pred", BODY)
    finally:
        os.umask(before)
    assert stat.S_IMODE((home / "spool").stat().st_mode) == 0o2770
    assert {stat.S_IMODE(path.stat().st_mode) for path in (home / "spool").iterdir()} == {0o660}
    writer.close()
    home.chmod(0o2775)  # others may read it: not what a group asks for
    assert modes_in(home).file == 0o600


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_missing_folders_are_made_private(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        make_folder(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "c")} == {0o700}


MOUNTS = b"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
31 22 0:45 / /data rw,relatime shared:9 master:2 - nfs4 server:/data rw,vers=4.2
32 22 0:46 /x /mnt\\040a rw - fuse.sshfs user@host: rw
33 22 0:47 / /dev/shm rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("device", "found"), [(b"0:45", "nfs4"), (b"0:46", "fuse.sshfs"), (b"254:0", None), (b"0:47", None), (b"9:9", None), (b"0:4", None)]
)
def test_network_file_systems_are_known_by_their_type(device: bytes, found: str | None) -> None:
    assert _type_of(device, MOUNTS) == found


def test_a_network_file_system_is_refused_unless_allowed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder(folder)
    assert network_filesystem(folder.stat().st_dev) is None
    monkeypatch.setattr("storage._segment_file.network_filesystem", lambda _: "nfs4")
    writer = SegmentWriter(folder)
    assert writer.append("pred", BODY) == "spool on a network file system"
    writer.close()
    allowed = SegmentWriter(folder, limits=Limits(allow_network_fs=True))
    assert allowed.append("pred", BODY) is None
    allowed.close()
