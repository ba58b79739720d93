"""What the machine can do to the log: no room, failing calls, forks, lost permissions, jumping clocks. Nothing is raised into serving,
`offered = accepted + sampled out + refused` holds, and what was accepted is found – no more, no less."""

from __future__ import annotations

import errno
import fcntl
import math
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring import PredictionLogger
from storage import _segment_writer
from storage.home import Home
from storage.spool import Limits, SegmentWriter, read_segment, segments
from tests.faults.conftest import Trials
from tests.memory import forget_the_peak, peak

BODY = orjson.dumps({"m": "fraud", "id": "a", "f": {"amount": 1.5}, "pad": "x" * 200})
ROOT = Path(__file__).parents[2]


def found(folder: Path) -> list[dict[str, Any]]:
    """The records in a spool."""
    lines = [line.record for path in segments(folder) for line in read_segment(path)]
    return [record for record in lines if record and record["k"] in ("pred", "label")]


@contextmanager
def small_disk(folder: Path, size: str = "2m") -> Iterator[Path]:
    """A tmpfs of so many bytes, in a mount of its own."""
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here ({done.stderr.strip()}); RLIMIT_FSIZE is tested beside it")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("durability", ["process", "disk"])
def test_4_a_full_disk_is_refused_then_used_again(tmp_path: Path, durability: str) -> None:
    with small_disk(tmp_path / "disk") as disk:
        home = Home(disk / "home")
        log = PredictionLogger("fraud", home=home, min_free_bytes=0, durability=durability)
        accepted = sum(log.prediction({"pad": "x" * 2_000}) is not None for _ in range(3_000))
        stats = log.stats()
        assert 0 < accepted == stats.accepted < 3_000 and stats.offered == 3_000, stats
        assert set(stats.refused) <= {"disk full", "disk nearly full"}, stats
        assert len(found(home.spool)) == accepted
        for path in segments(home.spool)[:-1] or segments(home.spool):
            path.unlink()
        deadline = time.monotonic() + 20  # half a second on an idle machine
        while log.prediction({"pad": "x"}) is None:
            assert time.monotonic() < deadline, log.stats()
            time.sleep(0.1)
        log.close()


def test_5_a_file_size_limit_is_refused_and_the_process_lives(tmp_path: Path) -> None:
    code = f"""
import resource
from monitoring import PredictionLogger
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
log = PredictionLogger("fraud", home={str(tmp_path)!r})
given = sum(log.prediction({{"amount": 1.0}}) is not None for _ in range(500))
stats = log.stats()
assert stats.offered == 500 and stats.accepted == given, stats
assert set(stats.refused) <= {{"file size limit reached", "disk full"}}, stats  # the first write is cut short, the next refused
print(given)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) == len(found(tmp_path / "spool")) > 0


hostile = st.one_of(
    st.none(), st.booleans(), st.floats(), st.integers(), st.text(st.characters(codec=None), max_size=8), st.binary(max_size=4),
    st.sampled_from(["\0", "\u2028", "\ud800", "NaN", "null", '"}\n{"c":"', "\x1b[0m"]), st.decimals(), st.datetimes(),
    st.floats(width=32).map(np.float32), st.integers(-(2**63), 2**63 - 1).map(np.int64), st.booleans().map(np.bool_),
    st.sampled_from([pd.NA, pd.NaT, np.nan, np.inf, Decimal("NaN"), Decimal("1e999"), 2**64, -(2**63) - 1, 1e308, -0.0, 5e-324]),
    st.recursive(st.floats() | st.text(max_size=3), lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=3), part)),
)  # fmt: skip


def test_13_a_value_comes_back_as_it_was_or_is_refused_and_counted(tmp_path: Path, trials: Trials) -> None:
    """Never silently another one: NaN is not missing, a whole number is not a rounded one, a text is the same text."""
    log = PredictionLogger("fraud", home=tmp_path, max_spool_bytes=1 << 40, min_free_bytes=0)
    spool = Home(tmp_path).spool

    @settings(max_examples=trials(10_000, 300), deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(hostile, st.booleans())
    def comes_back(value: Any, known: bool) -> None:
        if known:
            log.prediction({"v": 1.0})  # the name is known: the fast way
        before = log.stats()
        key = log.prediction({"v": value})
        after = log.stats()
        if key is None:
            assert (after.accepted, after.offered) == (before.accepted, before.offered + 1)
            return
        assert after.accepted == before.accepted + 1
        path = segments(spool)[-1]
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - 40_000, 0))
            lines = map(payload, reversed(file.read().splitlines()))
        last = next(line for line in lines if line["k"] == "pred")  # the keeper may have written its account since
        assert last["id"] == key
        assert _same(value, last["f"]["v"], last.get("nf", {}).get("v")), (value, last)

    comes_back()
    log.close()
    assert len(found(spool)) == log.stats().accepted


def payload(line: bytes) -> dict[str, Any]:
    """What a line of a segment says."""
    return dict(orjson.loads(line[:-1].partition(b'"d":')[2]))


def _same(value: Any, read: Any, mark: str | None) -> bool:
    """Whether what was read is what was given, by the documented conversions."""
    if isinstance(value, Decimal) and value.is_nan():  # a signalling one, too
        return read is None and mark == "NaN"
    if mark is not None:
        return read is None and str(float(value)) == {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}[mark]
    if value is None or value is pd.NA or value is pd.NaT:
        return read is None
    if isinstance(value, datetime):
        return False  # naive: to be refused
    if isinstance(value, bool | np.bool_):
        return read is bool(value)
    if isinstance(value, Decimal):
        return bool(read == float(value))
    if isinstance(value, float | np.floating):
        return isinstance(read, float) and read == float(value) and math.copysign(1, read) == math.copysign(1, value)
    return type(read) is (int if isinstance(value, np.integer) else type(value)) and bool(read == value)


def _log_some(log: PredictionLogger, count: int, name: str) -> None:
    for number in range(count):
        assert log.prediction({"a": 1.0}, prediction_id=f"{name}-{number}")


def _log_in_spawned(home: str, count: int, name: str) -> None:
    log = PredictionLogger("fraud", home=home)
    _log_some(log, count, name)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("first", [0, 3])
@pytest.mark.parametrize("durability", ["memory", "process", "disk"])
def test_14_forked_workers_each_write_their_own(tmp_path: Path, first: int, durability: str) -> None:
    """As gunicorn does with --preload: the logger is made, and perhaps used, before four workers are forked."""
    log = PredictionLogger("fraud", home=tmp_path, durability=durability)
    _log_some(log, first, "master")
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_work, args=(log, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    _log_some(log, 20, "later")
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    log.close()
    spawned = multiprocessing.get_context("spawn").Process(target=_log_in_spawned, args=(str(tmp_path), 10, "spawned"))
    spawned.start()
    spawned.join()
    spool = Home(tmp_path).spool
    ids = [record["id"] for record in found(spool)]
    wanted = {f"{name}-{number}" for name, count in (("master", first), ("later", 20), ("spawned", 10)) for number in range(count)}
    wanted |= {f"worker{worker}-{number}" for worker in range(4) for number in range(25)}
    assert len(ids) == len(set(ids)) and set(ids) == wanted
    for path in segments(spool):  # and no two wrote into one
        lines = [line.record for line in read_segment(path)]
        assert [line["n"] for line in lines if line] == list(range(len(lines)))
        assert len({line["id"].partition("-")[0] for line in lines if line and line["k"] == "pred"} - {"master", "later"}) <= 1


def _work(log: PredictionLogger, number: int) -> None:
    _log_some(log, 25, f"worker{number}")
    assert log.stats().accepted == 25
    log.close()


SYSCALLS = (
    (_segment_writer, "write"), (os, "fdatasync"), (os, "fsync"), (os, "open"), (os, "rename"), (os, "ftruncate"), (os, "unlink"),
    (os, "lstat"), (os, "fchmod"), (fcntl, "flock"),
)  # fmt: skip


@pytest.mark.parametrize("name", [name for _, name in SYSCALLS])
def test_22_the_nth_system_call_fails(tmp_path: Path, trials: Trials, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """For every N of a run of 200 records, with rotations and short writes, at both levels that write in the call."""
    module = next(module for module, called in SYSCALLS if called == name)
    real = getattr(module, name)
    step = trials(1, 41)
    for sync in (False, True):
        failing_at, reached = 1, True
        while reached:
            code = (errno.EIO, errno.ENOSPC, errno.EINTR, errno.EDQUOT)[failing_at % 4]
            reached = _run(tmp_path / f"{sync}-{failing_at}", monkeypatch, (module, name, real), failing_at, code, sync=sync)
            failing_at += step if name == "write" or sync else 1


def _run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call: tuple[Any, str, Callable[..., Any]], at: int, code: int, *, sync: bool
) -> bool:
    """One run; whether it came to the call that was to fail."""
    module, name, real = call
    calls = 0

    def failing(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == at:
            if name == "write" and at % 3 == 0:
                return real(args[0], args[1][: len(args[1]) // 2])  # short, as on a disk that fills
            raise OSError(code, "as planned")
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, failing)
        writer = SegmentWriter(folder / "spool", sync=sync, max_bytes=15_000)
        answers = []
        for _ in range(200):
            answers.append(writer.append("pred", BODY))
            writer._failed_at -= 1_000_000  # half a second passes
        writer.close()
    counts = writer.counts()
    assert counts.offered == 200
    assert counts.accepted == answers.count(None) == len(found(folder / "spool")), f"{name} {at} {errno.errorcode[code]}: {counts}"
    return calls >= at


def test_23_a_spool_that_nobody_empties_stays_within_its_cap(tmp_path: Path, trials: Trials) -> None:
    """As many records as ten minutes at 2,000 a second bring: spool and memory stay bounded, every drop is counted."""
    cap, offered = trials(64 << 20, 4 << 20), trials(1_200_000, 20_000)
    log = PredictionLogger("fraud", home=tmp_path, max_spool_bytes=cap, min_free_bytes=0)
    features = {f"feature_{number}": number * 1.5 for number in range(20)}
    for _ in range(1_000):
        log.prediction(features)
    forget_the_peak()
    before = peak()
    for _ in range(offered - 1_000):
        log.prediction(features)
    grown = peak() - before
    log.close()
    stats, spool = log.stats(), Home(tmp_path).spool
    assert sum(path.stat().st_size for path in spool.iterdir()) <= cap + (8 << 20)
    assert stats.offered == offered and set(stats.refused) == {"spool full"}
    assert stats.accepted == len(found(spool)) < offered
    assert grown < 20 * 1024  # KiB
    last = [line.record for path in segments(spool) for line in read_segment(path) if line.record and line.record["k"] == "stat"][-1]
    assert last is not None and last["refused"] == stats.refused


def test_23_under_pressure_a_sample_is_kept(tmp_path: Path) -> None:
    log = PredictionLogger("fraud", home=tmp_path, max_spool_bytes=2 << 20, min_free_bytes=0, when_full="sample")
    for number in range(20_000):
        log.prediction({"pad": "x" * 500}, prediction_id=f"order-{number}")
    log.close()
    stats, weights = log.stats(), [record.get("w", 1.0) for record in found(Home(tmp_path).spool)]
    assert stats.offered == 20_000 and stats.accepted == len(weights)
    assert {1.0, 2.0, 4.0} <= set(weights) and stats.sampled_out > 0
    assert weights == sorted(weights)  # the fuller, the fewer


def test_24_clocks_that_jump_lose_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from time import time_ns

    start, shifts = time_ns(), [0, 3_600, -3_600, 0, 0, 86_400, -86_400, 1, -1, 0]
    writer = SegmentWriter(tmp_path / "spool", limits=Limits(min_free_bytes=0))
    for number in range(200):
        now = start + shifts[number % 10] * 10**9
        monkeypatch.setattr("storage._segment_writer.time_ns", lambda now=now: now)
        assert writer.append("pred", b'{"id":"%d"}' % number) is None
    monkeypatch.undo()
    writer.close()
    assert [record["id"] for record in found(tmp_path / "spool")] == [str(number) for number in range(200)]


NOBODY = 65_534


def _as_nobody(home: Path, code: str) -> str:
    """Run code that uses `log` and `spool` as a user without rights; what it printed."""
    home.chmod(0o755)
    home.parent.chmod(0o755)
    start = f"""
import logging, os, pathlib, shutil, sys, time
from monitoring import PredictionLogger
from storage.spool import read_segment, segments
os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY}); os.umask(0)
home = pathlib.Path({str(home / "home")!r}); spool = home / "spool"
log = PredictionLogger("fraud", home=home)
give = lambda: log.prediction({{"a": 1.0}}) is not None
"""
    done = subprocess.run([sys.executable, "-c", start + code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can reach and use, for what is done as another user."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user; the modes themselves are tested beside it")
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory(prefix="driftboard-") as name:
        place = Path(name) / "place"
        place.mkdir()
        os.chown(place, NOBODY, NOBODY)
        yield place
        shutil.rmtree(place, ignore_errors=True)


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        ("spool.chmod(0)", "spool not writable"),
        ("spool.rename(home / 'away'); spool.symlink_to(home / 'away')", "spool is"),
        ("spool.rename(home / 'away'); spool.write_text('')", "spool is not a folder"),
        ("spool.rename(home / 'away'); home.chmod(0o500)", "spool not writable"),
    ],
)
def test_21_a_spool_taken_away_is_noticed_within_half_a_second(open_folder: Path, harm: str, reason: str) -> None:
    """Refused and counted; and when all is as before, records are accepted again."""
    code = f"""
assert all(give() for _ in range(5))
{harm}
time.sleep(0.55)
assert not any(give() for _ in range(5)), log.stats()
(told,) = log.stats().refused
assert {reason!r} in told and log.stats().refused[told] == 5, log.stats()
home.chmod(0o700)
if spool.is_symlink() or spool.is_file(): spool.unlink()
if (home / "away").exists(): (home / "away").rename(spool)
spool.chmod(0o700)
time.sleep(0.55)
assert all(give() for _ in range(5)), log.stats()
log.close()
assert log.stats().offered == 15
print(sum(bool(l.record and l.record["k"] == "pred") for p in segments(spool) for l in read_segment(p)))
"""
    assert int(_as_nobody(open_folder, code)) == 10


def test_21_a_deleted_spool_is_made_again(open_folder: Path) -> None:
    code = """
assert give()
shutil.rmtree(home)
time.sleep(0.55)
assert give() and spool.is_dir(), log.stats()
print(len(list(spool.iterdir())))
"""
    assert int(_as_nobody(open_folder, code)) == 1


def test_29_other_users_can_neither_read_nor_write(open_folder: Path) -> None:
    code = """
assert give()
print({oct(p.stat().st_mode & 0o7777) for p in (home, spool)}, {oct(p.stat().st_mode & 0o7777) for p in spool.iterdir()})
log.close()
"""
    assert _as_nobody(open_folder, code).strip() == "{'0o700'} {'0o600'}"
    code = f"""
import os, pathlib
os.setgroups([]); os.setgid(65_533); os.setuid(65_533)
try: list(pathlib.Path({str(open_folder / "home" / "spool")!r}).iterdir())
except PermissionError: print("refused")
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "refused"
