"""What the disk does to a writer: nothing of it is raised, everything is counted, and what was accepted is found."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from storage._segment_writer import SegmentWriter
from storage.spool import read_segment, segments

BODY = orjson.dumps({"m": "fraud", "id": "a", "f": {"amount": 1.5}})


def found(folder: Path) -> int:
    return sum(bool(line.record and line.record["k"] == "pred") for path in segments(folder) for line in read_segment(path))


def bad(folder: Path) -> list[str]:
    return [line.reason for path in segments(folder) for line in read_segment(path) if line.reason]


def test_a_short_write_is_cut_back_and_counted(writer: SegmentWriter, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer.append("pred", BODY)
    monkeypatch.setattr("storage._segment_writer.write", lambda fd, content: os.write(fd, content[: len(content) // 2]))
    assert writer.append("pred", BODY) == "disk full"
    monkeypatch.undo()
    assert writer.append("pred", BODY) is None
    writer.close()
    assert (found(folder), bad(folder)) == (2, [])
    assert writer.counts().refused == {"disk full": 1}


def test_a_short_write_that_cannot_be_cut_back_costs_a_segment_not_a_record(
    writer: SegmentWriter, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.append("pred", BODY)
    monkeypatch.setattr("storage._segment_writer.write", lambda fd, content: os.write(fd, content[:10]))
    monkeypatch.setattr(os, "ftruncate", _failing(errno.EIO))
    assert writer.append("pred", BODY) == "disk full"
    monkeypatch.undo()
    assert writer.append("pred", BODY) is None
    writer.close()
    assert (found(folder), bad(folder), len(segments(folder))) == (2, ["torn last line"], 2)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.ENOSPC, "disk full"),
        (errno.EDQUOT, "disk quota reached"),
        (errno.EIO, "spool error EIO"),
        (errno.EROFS, "spool not writable"),
    ],
)
def test_a_failing_write_is_refused_with_its_reason(writer: SegmentWriter, monkeypatch: pytest.MonkeyPatch, code: int, reason: str) -> None:
    writer.append("pred", BODY)
    monkeypatch.setattr("storage._segment_writer.write", _failing(code))
    assert writer.append("pred", BODY) == reason
    assert writer.extend("pred", [BODY] * 3) == (0, reason)
    assert writer.counts().refused == {reason: 4}


def test_after_a_failed_sync_the_file_is_not_trusted_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = SegmentWriter(folder, sync=True)
    assert writer.append("pred", BODY) is None
    monkeypatch.setattr(os, "fdatasync", _failing(errno.EIO))
    assert writer.append("pred", BODY) == "disk sync failed"
    monkeypatch.undo()
    assert writer.append("pred", BODY) is None
    writer.close()
    assert len(segments(folder)) == 2


@pytest.mark.parametrize("call", ["open", "rename", "fchmod"])
def test_a_spool_that_cannot_be_opened_is_refused_then_tried_again(folder: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    writer = SegmentWriter(folder)
    monkeypatch.setattr(os, call, _failing(errno.EACCES))
    assert writer.append("pred", BODY) == "spool not writable"
    monkeypatch.undo()
    assert writer.append("pred", BODY) == "spool not writable"  # it is not tried at every call
    writer._failed_at -= 1_000_000
    assert writer.append("pred", BODY) is None
    writer.close()
    assert found(folder) == 1
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_every_failing_system_call_keeps_the_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Nth call fails, for every N of a run with rotations: offered = accepted + refused, and accepted = found."""
    import fcntl

    from storage import _segment_writer

    places = [(os, name) for name in ("open", "rename", "ftruncate", "fchmod", "fstat", "lstat")]
    places += [(_segment_writer, "write"), (fcntl, "flock")]
    for number in range(1, 70):
        calls = iter(range(1, 10_000))

        def counted(real, calls=calls, number=number):  # type: ignore[no-untyped-def]
            def call(*args, **kwargs):  # type: ignore[no-untyped-def]
                if next(calls) == number:
                    raise OSError([errno.EIO, errno.ENOSPC, errno.EDQUOT][number % 3], "as planned")
                return real(*args, **kwargs)

            return call

        folder = tmp_path / str(number)
        with monkeypatch.context() as patch:
            for module, name in places:
                patch.setattr(module, name, counted(getattr(module, name)))
            writer = SegmentWriter(folder, max_bytes=900)
            for _ in range(30):
                writer.append("pred", BODY)
                writer._failed_at -= 1_000_000  # time passes
            writer.close()
        counts = writer.counts()
        assert counts.offered == 30
        assert counts.accepted == found(folder), f"call {number}"


def test_a_deleted_spool_is_made_again(writer: SegmentWriter, folder: Path) -> None:
    writer.append("pred", BODY)
    shutil.rmtree(folder)
    writer._check_at = 0  # half a second later
    assert writer.append("pred", BODY) is None
    assert found(folder) == 1


def test_a_spool_that_is_a_link_is_refused(writer: SegmentWriter, folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder.parent.mkdir()
    folder.symlink_to(elsewhere)
    assert writer.append("pred", BODY) in ("spool is a symbolic link", "spool is not a folder")
    assert not list(elsewhere.iterdir())


@pytest.mark.parametrize("path", ["/proc/nowhere/spool", "/dev/null/spool", "nul\0name"])
def test_an_impossible_folder_is_refused_and_counted(path: str) -> None:
    writer = SegmentWriter(Path(path))
    assert writer.append("pred", BODY)
    assert sum(writer.counts().refused.values()) == 1
    writer.close()


def test_a_clock_that_goes_backwards_changes_nothing(writer: SegmentWriter, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from time import time_ns

    now = time_ns()
    for shift in (0, -3_600, +3_600, 0, -1):
        monkeypatch.setattr("storage._segment_writer.time_ns", lambda shift=shift: now + shift * 10**9)
        assert writer.append("pred", BODY) is None
    writer.close()
    assert (found(folder), bad(folder)) == (5, [])


def test_a_file_size_limit_keeps_the_process_alive_and_the_account_right(folder: Path) -> None:
    code = f"""
import pathlib, resource
from storage._segment_writer import SegmentWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
writer = SegmentWriter(pathlib.Path({str(folder)!r}))
for _ in range(200):
    writer.append("pred", {BODY!r})
counts = writer.counts()
assert counts.offered == 200 and counts.refused, counts
print(counts.accepted)
"""
    assert resource.RLIMIT_FSIZE is not None
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert int(done.stdout) == found(folder) > 0


def _failing(code: int):  # type: ignore[no-untyped-def]
    def call(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return call
