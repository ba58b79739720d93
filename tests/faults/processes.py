"""Writers and collectors as processes of their own, to be killed by the kernel. What a writer had acknowledged is known afterwards.

They come from a fork server that has imported what they need and has never opened a database: a trial costs a tenth of a second.
"""

from __future__ import annotations

__all__ = ["CRASH_POINTS", "WAYS", "Writer", "acknowledged", "apart", "collect", "start_writer"]

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path

from monitoring import PredictionLogger
from storage import _segment_writer, collector
from storage.home import Home
from storage.store import Store

CRASH_POINTS = ("before insert", "before commit", "after commit", "before archiving", "before removal", "after archiving")

# How a writer logs: one call each; records of 60 kB, so that a kill can come in the middle of a write(2); segments of 20 kB, so that it
# can come while one is being changed; batches, of which all rows or none are acknowledged. A writer rests after so many predictions,
# so that one that is killed late has not filled the disk.
WAYS = {"calls": 5_000, "large records": 150, "small segments": 3_000, "batches": 5_000}

_SPAWN = multiprocessing.get_context("forkserver")
_SPAWN.set_forkserver_preload(["__main__", "tests.faults.processes"])


@dataclass(frozen=True)
class Writer:
    """A process that logs predictions of the model fraud until it is killed, and notes each id that it was given in a file of its own."""

    process: BaseProcess
    notes: Path

    def kill(self) -> None:
        """SIGKILL, and wait until the kernel has let go of its locks."""
        self.process.kill()
        self.process.join()

    def acknowledged(self) -> list[str]:
        """The ids that it had been given so far."""
        return acknowledged(self.notes)


def start_writer(home: Home, notes: Path, *, way: str = "calls", durability: str = "process") -> Writer:
    """Start a writer; it writes its notes to `notes`, which names it."""
    process = _SPAWN.Process(target=_write, args=(home.path, notes, way, durability), daemon=True)
    process.start()
    return Writer(process, notes)


def acknowledged(notes: Path) -> list[str]:
    """The ids in a writer's notes; a last one that it did not come to finish was noted half."""
    text = notes.read_text() if notes.exists() else ""
    return text.rpartition("\n")[0].splitlines()


def collect(home: Home, *, die: str = "", passing: int = 1, batch_bytes: int | None = None) -> int:
    """Collect in a process that kills itself when it passes the crash point `die` for the nth time; the signal or 0 it ended with."""
    return -apart(_collect, home.path, die, passing, batch_bytes)


def apart(act: Callable[..., object], *arguments: object) -> int:
    """Do something in a process of its own; its exit code, negative for a signal."""
    process = _SPAWN.Process(target=act, args=arguments)
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _collect(home: Path, die: str, passing: int, batch_bytes: int | None) -> None:
    left = count(passing - 1, -1)

    def at(place: str) -> None:
        if place == die and next(left) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    if batch_bytes is not None:
        collector._BATCH_BYTES, collector._TURN_BYTES = batch_bytes, batch_bytes // 10
    with Store.open(Home(home)) as store:
        collector.Collector(store, at=at).once()


def _write(home: Path, notes: Path, way: str, durability: str) -> None:
    if way == "small segments":
        _segment_writer.SegmentWriter.__init__.__kwdefaults__["max_bytes"] = 20_000
    log = PredictionLogger("fraud", version="1", home=home, durability=durability)
    name, to = notes.stem, os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    ids = [f"{name}-{number}" for number in range(WAYS[way])]
    log_them = _batches if way == "batches" else _calls
    for given in log_them(log, ids, "x" * 60_000 if way == "large records" else "FR"):
        os.write(to, given)
    while True:
        signal.pause()


def _calls(log: PredictionLogger, ids: list[str], country: str) -> Iterator[bytes]:
    for number, key in enumerate(ids):
        if log.prediction({"amount": float(number), "country": country}, prediction=number % 2, prediction_id=key) is not None:
            yield f"{key}\n".encode()


def _batches(log: PredictionLogger, ids: list[str], country: str, size: int = 500) -> Iterator[bytes]:
    now = datetime.now(UTC)
    for start in range(0, len(ids), size):
        part = ids[start : start + size]
        rows = [{"key": key, "at": now, "amount": float(number), "country": country} for number, key in enumerate(part)]
        assert log.log_batch(rows, id="key", timestamp="at").refused == {}
        yield "".join(f"{key}\n" for key in part).encode()
