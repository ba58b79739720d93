"""Whatever happens to a home, a run that looks only at what changed computes what one that looks at every row would."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from monitoring import run_under_way, runner
from monitoring.planning import CODE, Due, Plan, plan
from storage.collector import Collector
from storage.custody.erasing import erase
from storage.custody.rebuilding import rebuild
from storage.home import Home
from storage.points import POINTS
from storage.spool import SegmentWriter
from storage.store import Store
from tests.faults.conftest import Trials
from tests.storage.conftest import FRAUD, micros, prediction, truth

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)
BEGAN = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=4)
WINDOWS = (None, "1d", "6h", "45min", "rows:5")
NUMBERS = st.integers(0, 40)
HOURS = st.integers(0, 100)
MODEL = {**FRAUD, "features": {**FRAUD["features"], "customer": "categorical"}, "window": "1d", "label_delay": "1d"}


class _Killed(BaseException):
    """Ends a collector where it stands; no `Exception`, so that nothing tidies up after it."""


class LooksAtEveryRow:
    """A store whose counts come from its rows, each time."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.counted_versions, self.counted_activity = store.versions, store.activity

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def count(self, *_: Any) -> int:
        return 0


class Saves:
    """In the place of a run under way: windows get their state, and nothing is computed. The first of them may fail."""

    fails = stops = False

    def __init__(self, store: Store, identity: str, now: datetime, *_: Any, **__: Any) -> None:
        self.store, self.identity = store, identity
        self.counted: Counter[str] = Counter()
        self.done = 0
        self.failing: set[str] = set()

    def work(self, due: Sequence[Due], *_: Any) -> None:
        for number, one in enumerate(due):
            failed = self.fails and number == 0
            if failed:
                self.failing.add(one.subject.model)
            if self.stops and number == 1:
                raise KeyboardInterrupt
            state = "gone" if one.gone else "failed" if failed else "done"
            self.store.save_window(one.subject.model, one.subject.version, one.window, POINTS.empty_table(), window_name=one.spec.name,
                                   run=self.identity, state=state, fingerprint=one.fingerprint)  # fmt: skip
            self.done += 1


class HomeOfFourDays(RuleBasedStateMachine):
    """A model whose rows lie within four days, the last of which are still to come; `now` is the wall clock."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="no-change-"))
        self.home = Home(self.folder / "home")
        self.now = BEGAN + timedelta(days=3)
        self.crash: str | None = None

    @initialize()
    def open(self) -> None:
        self._open()
        self.store.register_model(MODEL)

    def _open(self) -> None:
        self.store = Store.open(self.home)
        self.collector = Collector(self.store, at=self._at)

    def _at(self, place: str) -> None:
        if place == self.crash:
            self.crash = None
            raise _Killed

    def _write(self, *records: tuple[str, dict[str, Any]]) -> Path:
        before = set(self.home.spool.iterdir())
        writer = SegmentWriter(self.home.spool)
        for kind, record in records:
            assert writer.append(kind, orjson.dumps(record)) is None
        writer.close()
        (path,) = set(self.home.spool.iterdir()) - before
        return path

    @rule(numbers=st.lists(NUMBERS, min_size=1, max_size=6), at=HOURS, version=st.sampled_from("112"), amount=st.integers(0, 3))
    def log(self, numbers: list[int], at: int, version: str, amount: int) -> None:
        """New ids, and ids that were there, at any moment: late ones, and ones from a clock that is ahead."""
        self._write(*(("pred", self._prediction(number, at, version, amount)) for number in numbers))

    def _prediction(self, number: int, at: int, version: str, amount: int) -> dict[str, Any]:
        moment = BEGAN + at * HOUR + number * timedelta(minutes=7)
        record = prediction(number, ver=version, e=micros(moment))
        return {**record, "f": {**record["f"], "amount": amount, "customer": f"c{number % 5}"}}

    @rule(number=NUMBERS, first=HOURS, second=HOURS)
    def deliver_late(self, number: int, first: int, second: int) -> None:
        """A segment comes after one that was written after it, and was counted: the first written of an id counts, in another window."""
        path = self._write(("pred", self._prediction(number, first, "1", 9)))
        aside = self.folder / path.name
        path.rename(aside)
        self._write(("pred", self._prediction(number, second, "1", 8)))
        self.collector.once()
        self.store.count("fraud")
        aside.rename(path)
        self.collector.once()

    @rule(numbers=st.lists(NUMBERS, min_size=1, max_size=4), value=st.integers(0, 1), window=st.sampled_from(WINDOWS))
    def label(self, numbers: list[int], value: int, window: str | None) -> None:
        self._write(*(("label", truth(number, value)) for number in numbers))
        self.collector.once()
        self.plan(window)

    @rule()
    def collect(self) -> None:
        self.collector.once()

    @rule(place=st.sampled_from(("before insert", "before commit", "after commit")))
    def collect_and_die(self, place: str) -> None:
        self.crash = place
        with suppress(_Killed):
            self.collector.once()
        self.crash = None
        self.store.close()
        self._open()

    @rule(hours=st.sampled_from((0, 1, 5, 24)))
    def wait(self, hours: int) -> None:
        self.now += hours * HOUR + timedelta(minutes=10)

    @rule()
    def set_the_clock_back(self) -> None:
        self.now -= 3 * HOUR

    @rule(delay=st.sampled_from(("1d", "2h")), costs=st.booleans())
    def describe(self, delay: str, costs: bool) -> None:
        said = {"costs": {"false_positive": 1, "false_negative": 5}} if costs else {}
        self.store.register_model({**MODEL, **said, "label_delay": delay})

    @rule(amount=st.integers(0, 2))
    def load_a_reference(self, amount: int) -> None:
        self.store.put_reference("fraud", pa.table({"amount": [float(amount), 2.0]}), "reference.parquet")

    @rule(days=st.integers(0, 2))
    def prune(self, days: int) -> None:
        for row in self.store.versions("fraud").to_pylist():
            self.store.prune("fraud", row["version"], (BEGAN + timedelta(days=days)).replace(hour=0))

    @rule(customer=st.integers(0, 4))
    def erase(self, customer: int) -> None:
        erase(self.store, self.collector, "customer", [f"c{customer}"])

    @rule()
    def make_anew(self) -> None:
        self.store.close()
        rebuild(self.home)
        self._open()

    @rule(window=st.sampled_from(WINDOWS), fails=st.booleans(), stops=st.booleans())
    def run(self, window: str | None, fails: bool, stops: bool) -> None:
        self._run(window, fails=fails, stops=stops)

    @rule(window=st.sampled_from(WINDOWS))
    def run_to_the_end(self, window: str | None) -> None:
        """What a run has done is done: the second has nothing to do, and does not look."""
        self._run(window)
        assert self._run(window).windows == 0
        assert "fraud" in self.store.settled(window=window or "", code=CODE, now=self.now)

    @rule(window=st.sampled_from(WINDOWS[1:4]), since=st.integers(0, 90))
    def run_a_part(self, window: str, since: int) -> None:
        self._run(window, since=BEGAN + since * HOUR)

    def _run(self, window: str | None, *, fails: bool = False, stops: bool = False, since: datetime | None = None) -> runner.RunResult:
        class Now(Saves):
            pass

        Now.fails, Now.stops = fails, stops
        kept, run_under_way.RunUnderWay = run_under_way.RunUnderWay, Now  # type: ignore[misc, assignment]
        try:
            with suppress(KeyboardInterrupt):
                return runner.run(self.store, window=window, since=since, now=self.now)
        finally:
            run_under_way.RunUnderWay = kept  # type: ignore[misc]
        return runner.RunResult(0, 0, 0, 0, 0.0, "")

    @invariant()
    def what_is_settled_has_nothing_due(self) -> None:
        if not hasattr(self, "store"):
            return
        for window in WINDOWS:
            if "fraud" in self.store.settled(window=window or "", code=CODE, now=self.now):
                assert [one for part in self._plans(LooksAtEveryRow(self.store), window) for one in part.due] == [], window

    @rule(window=st.sampled_from(WINDOWS))
    def plan(self, window: str | None) -> None:
        """Not after every step: several changes must add up."""
        assert self._plans(self.store, window) == self._plans(LooksAtEveryRow(self.store), window)

    def _plans(self, store: Any, window: str | None) -> list[Plan]:
        return plan(store, "fraud", window=window, since=None, until=None, everything=False, now=self.now)

    def teardown(self) -> None:
        self.plan("45min")
        self.store.close()
        shutil.rmtree(self.folder)


def test_no_change_is_missed(trials: Trials) -> None:
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    chosen = settings(max_examples=trials(300, 15), stateful_step_count=30, deadline=None, derandomize=True, suppress_health_check=checks,
                      phases=(Phase.generate,))  # fmt: skip  # thirty steps can be read; to shorten them takes minutes
    run_state_machine_as_test(HomeOfFourDays, settings=chosen)
