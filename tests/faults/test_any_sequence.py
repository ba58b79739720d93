"""Any sequence of logging, rotating, dying, collecting, failing, reopening and delivering twice, against a dict of what must be there."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from storage.archive import archived, read_archived, segment_of
from storage.collector import Collector
from storage.home import Home
from storage.spool import SegmentWriter
from storage.store import Store
from tests.faults.accounts import balanced, settled
from tests.faults.conftest import Trials
from tests.faults.processes import CRASH_POINTS
from tests.storage.conftest import FRAUD, prediction, truth

pytestmark = pytest.mark.slow

WRITERS = st.integers(0, 2)


class _Killed(BaseException):
    """Ends a collector where it stands, as a signal would; no `Exception`, so that nothing tidies up after it."""


class LogAndStore(RuleBasedStateMachine):
    """A home under three writers, of which the last has tiny segments. `expected` and `truths` are what was acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="any-sequence-"))
        self.home = Home(self.folder / "home")
        self.expected: dict[str, int] = {}
        self.truths: dict[str, int] = {}
        self.accepted = self.repeats = self.torn = self.clock = 0
        self.crash: tuple[str, type[BaseException]] | None = None

    @initialize()
    def open(self) -> None:
        self.writers = [self._writer(place) for place in range(3)]
        self._open()
        self.store.register_model(FRAUD)

    def _writer(self, place: int) -> SegmentWriter:
        return SegmentWriter(self.home.spool, max_bytes=2_000 if place == 2 else 8 << 20)

    def _open(self) -> None:
        self.store = Store.open(self.home)
        self.collector = Collector(self.store, at=self._at)

    def _at(self, place: str) -> None:
        if self.crash is not None and self.crash[0] == place:
            _, error = self.crash
            self.crash = None
            raise error

    def _log(self, place: int, kind: str, record: dict[str, Any]) -> None:
        assert self.writers[place].append(kind, orjson.dumps(record)) is None
        self.accepted += 1

    @rule(place=WRITERS, count=st.integers(1, 12))
    def log(self, place: int, count: int) -> None:
        for _ in range(count):
            number = len(self.expected)
            self._log(place, "pred", prediction(number))
            self.expected[f"p{number}"] = number % 2

    @rule(place=WRITERS, count=st.integers(1, 40))
    def log_batch(self, place: int, count: int) -> None:
        numbers = range(len(self.expected), len(self.expected) + count)
        assert self.writers[place].extend("pred", [orjson.dumps(prediction(number)) for number in numbers]) == (count, None)
        self.accepted += count
        self.expected |= {f"p{number}": number % 2 for number in numbers}

    @precondition(lambda self: self.expected)
    @rule(place=WRITERS, data=st.data())
    def log_an_id_again(self, place: int, data: st.DataObject) -> None:
        self._log(place, "pred", prediction(data.draw(st.integers(0, len(self.expected) - 1))))
        self.repeats += 1

    @precondition(lambda self: self.expected)
    @rule(place=WRITERS, value=st.integers(0, 1), data=st.data())
    def label(self, place: int, value: int, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.expected) - 1))
        self.clock += 1
        self._log(place, "label", truth(number, value, known=self.clock))
        self.truths[f"p{number}"] = value

    @rule(place=WRITERS)
    def rotate(self, place: int) -> None:
        """Half a minute passes for a writer."""
        self.writers[place]._opened_at -= 30_000_000
        self.writers[place]._check_at = 0

    @rule(place=WRITERS)
    def close(self, place: int) -> None:
        self.writers[place].close()
        self.writers[place] = self._writer(place)

    @rule(place=WRITERS, share=st.floats(0, 0.99))
    def kill(self, place: int, share: float) -> None:
        """The writer dies, perhaps within a write: neither `end` nor counters, and a part of a line that nobody was promised."""
        writer = self.writers[place]
        if writer._fd >= 0:
            line = orjson.dumps({"c": "00000000", "d": {"v": 1, "k": "pred", "n": 1, "t": 1, **prediction(10**6)}})
            torn = line[: int(len(line) * share)]
            os.write(writer._fd, torn)
            self.torn += bool(torn)
            writer._abandon()
        writer._closed = True  # so that the garbage collector does not close it cleanly after all
        self.writers[place] = self._writer(place)

    @rule()
    def collect(self) -> None:
        assert self.collector.once()["pending"] == 0
        self.compare()

    @rule(place=st.sampled_from(CRASH_POINTS))
    def collect_and_die(self, place: str) -> None:
        self.crash = (place, _Killed)
        with suppress(_Killed):
            self.collector.once()
        self.crash = None
        self.reopen()
        assert balanced(self.store)["accepted"] == self.accepted

    @rule(place=st.sampled_from(CRASH_POINTS[:3]))
    def collect_through_a_failure(self, place: str) -> None:
        """A failure that may come before the commit or, which nobody can tell, after it."""
        self.crash = (place, RuntimeError)
        assert self.collector.once()["pending"] == 0
        self.crash = None
        self.compare()

    @rule()
    def reopen(self) -> None:
        self.store.close()
        self._open()

    @precondition(lambda self: archived(self.home))
    @rule(data=st.data())
    def deliver_again(self, data: st.DataObject) -> None:
        """A segment that was archived comes back under its name: from a backup, or a synced folder."""
        path = data.draw(st.sampled_from(archived(self.home)))
        (self.home.spool / segment_of(path)).write_bytes(b"".join(line.raw for line in read_archived(path)))

    def compare(self) -> None:
        """What the store holds, against what was acknowledged."""
        rows = self.store.frame("fraud", "1", columns=["@id", "@prediction", "@label"]).to_pylist()
        assert {row["@id"]: int(row["@prediction"]) for row in rows} == self.expected
        assert len(rows) == len(self.expected)
        assert {row["@id"]: int(row["@label"]) for row in rows if row["@label"] is not None} == self.truths
        assert balanced(self.store)["accepted"] == self.accepted

    def teardown(self) -> None:
        for writer in self.writers:
            writer.close()
        self.collector.once()
        self.compare()
        account = settled(self.store)
        assert account["accepted"] == account["ingested"] + account["duplicates"] == self.accepted
        assert account["duplicates"] >= self.repeats
        assert account["torn"] == self.torn
        assert not list(self.home.spool.glob("[!.]*"))
        self.store.close()
        shutil.rmtree(self.folder)


def test_any_sequence_leaves_what_was_acknowledged(trials: Trials) -> None:
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    chosen = settings(max_examples=trials(200, 12), stateful_step_count=50, deadline=None, derandomize=True, suppress_health_check=checks)
    run_state_machine_as_test(LogAndStore, settings=chosen)
