"""The archive: whole segments, compressed, once; readable by this project and by anybody's zstd."""

from __future__ import annotations

import errno
import io
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from storage import archive
from storage.collector import Collector
from storage.errors import StorageError
from storage.home import Home
from storage.store import Store
from tests.storage.conftest import Log


def test_an_archived_segment_has_the_bytes_and_the_lines_that_it_had_in_the_spool(home: Home, log: Log) -> None:
    path = log.predictions(range(500))
    path.write_bytes(path.read_bytes() + b"rubbish\n" + b'{"c":"torn')
    content = path.read_bytes()
    place = archive.put(home, path)
    assert not path.exists()
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.stat().st_size < len(content) / 3
    assert pa.CompressedInputStream(pa.OSFile(str(place)), "zstd").read() == content
    lines = list(archive.read_archived(place))
    assert b"".join(line.raw for line in lines) == content
    assert [line.reason for line in lines if line.reason] == ["not a frame", "torn last line"]
    assert [(line.offset, line.end) for line in lines][-1] == (len(content) - 10, len(content))
    assert archive.archived(home) == [place]
    assert archive.segment_of(place) == path.name


def test_a_segment_that_was_archived_as_it_was_is_read_too(home: Home, log: Log) -> None:
    path = log.predictions(range(5))
    day = home.archive / "2026-03-01"
    day.mkdir()
    plain = path.rename(day / path.name)
    (day / ".half.seg.jsonl.zst.part").write_bytes(b"half")
    assert archive.archived(home) == [plain]
    assert sum(line.record["k"] == "pred" for line in archive.read_archived(plain) if line.record) == 5


def test_equal_content_is_kept_once_and_other_content_under_the_same_name_is_kept_beside_it(home: Home, log: Log, tmp_path: Path) -> None:
    path = log.predictions(range(5))
    copy = shutil.copy(path, tmp_path / "copy")
    first = archive.put(home, path)
    yesterday = first.parent.rename(home.archive / "2026-03-01")
    shutil.copy(copy, path)
    assert archive.put(home, path) == yesterday / first.name
    path.write_bytes(copy.read_bytes() + b"more\n")
    second = archive.put(home, path)
    path.write_bytes(copy.read_bytes() + b"most\n")
    third = archive.put(home, path)
    assert [place.name for place in (second, third)] == [f"{path.name}.zst", f"{path.name}.2.zst"]
    assert {archive.segment_of(place) for place in archive.archived(home)} == {path.name}
    assert {list(archive.read_archived(place))[-1].raw for place in archive.archived(home)} > {b"more\n", b"most\n"}


def test_a_disk_that_refuses_leaves_the_segment_in_the_spool_and_nothing_half_written(home: Home, log: Log) -> None:
    class Full(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(errno.ENOSPC, "no space left")

    with pytest.raises(OSError, match="no space left"):
        archive.put_content(home.archive / "2026-03-01" / "a.seg.jsonl.zst", Full())
    assert list((home.archive / "2026-03-01").iterdir()) == []


def test_a_compressed_file_that_is_cut_short_says_so(home: Home, log: Log) -> None:
    place = archive.put(home, log.predictions(range(500)))
    place.write_bytes(place.read_bytes()[:-20])
    with pytest.raises(OSError, match="Truncated"):
        list(archive.read_archived(place))


def test_a_link_or_a_pipe_is_no_segment(home: Home, log: Log, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret\n")
    link = home.spool / "link-1-2-abcd-00000000.seg.jsonl"
    link.symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        archive.put(home, link)
    with pytest.raises(StorageError, match="not a plain file"):
        archive.put(home, home.spool)
    assert archive.archived(home) == []


def test_a_segment_waits_in_the_spool_until_the_archive_can_take_it(store: Store, log: Log, collector: Collector) -> None:
    path = log.predictions(range(5))
    shutil.rmtree(store.home.archive)
    store.home.archive.write_text("in the way")  # root may write anywhere, so permissions would not do
    assert collector.once()["ingested"] == 5
    assert path.exists()
    store.home.archive.unlink()
    store.home.archive.mkdir()
    assert collector.once() == {"ingested": 0, "duplicates": 0, "quarantined": 0, "pending": 0}
    assert not path.exists()
    assert len(archive.archived(store.home)) == 1
