"""Twenty sessions look at a home into which a thousand rows a second come: no error, every row counted; how long it took is recorded."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson
import pytest

from storage.collector import Collector
from storage.spool import SegmentWriter
from storage.store import Reader, Store
from tests.faults.accounts import settled
from tests.faults.conftest import Trials
from tests.storage.conftest import T0, hour, prediction

_SESSIONS, _RATE = 20, 1_000
_COUNT = "SELECT count(*) AS n FROM pred_000001"
# What pages ask: of findings, of the house, of rows.
_QUESTIONS: tuple[Callable[[Reader], object], ...] = (
    lambda reader: reader.models(),
    lambda reader: reader.points("fraud", since=T0, until=hour(48)),
    lambda reader: reader.events(20),
    lambda reader: reader.runs(1),
    lambda reader: reader.versions("fraud"),
    lambda reader: reader.select(_COUNT),
)


@pytest.mark.slow
def test_twenty_readers_while_a_thousand_rows_a_second_come_in(
    fraud: Store, collector: Collector, trials: Trials, record_property: Callable[[str, object], None]
) -> None:
    errors: list[Exception] = []
    took: list[float] = []
    waited: list[float] = []
    logged: list[float] = []  # when each row was, in their order
    end = time.monotonic() + trials(60, 3)
    collector.start()
    with _sessions(fraud, end, took, errors), _probe(fraud, logged, waited, errors):
        writer, begin = SegmentWriter(fraud.home.spool), time.monotonic()
        while (now := time.monotonic()) < end:
            for number in range(len(logged), int((now - begin) * _RATE)):
                assert writer.append("pred", orjson.dumps(prediction(number))) is None
                logged.append(time.monotonic())
            time.sleep(0.01)
        writer.close()
    collector.stop()
    assert errors == []
    assert len(waited) == len(logged) == settled(fraud)["ingested"]
    assert len(logged) > (end - begin) * _RATE * 0.9, "the load was not what it was to be"
    figures = {"queries": len(took), "rows": len(logged), "query_p99_s": _p99(took), "visible_p50_s": statistics.median(waited),
               "visible_p99_s": _p99(waited)}  # fmt: skip
    for name, value in figures.items():
        record_property(name, value)
    print(", ".join(f"{name} {value:,.3f}" for name, value in figures.items()))


@contextmanager
def _sessions(store: Store, end: float, took: list[float], errors: list[Exception]) -> Iterator[None]:
    """Each asks one thing after another, about four times a second."""

    def session(first: int) -> None:
        reader, turn = store.reader(), first
        while time.monotonic() < end:
            asked = time.monotonic()
            try:
                _QUESTIONS[turn % len(_QUESTIONS)](reader)
            except Exception as error:
                errors.append(error)
            took.append(time.monotonic() - asked)
            turn += 1
            time.sleep(0.2)

    threads = [threading.Thread(target=session, args=(number,)) for number in range(_SESSIONS)]
    for thread in threads:
        thread.start()
    yield
    for thread in threads:
        thread.join()


@contextmanager
def _probe(store: Store, logged: list[float], waited: list[float], errors: list[Exception]) -> Iterator[None]:
    """How long each row took from its call to a reader's sight; at the end until all of them are seen."""
    done = threading.Event()

    def look() -> None:
        last = time.monotonic()
        while not done.is_set() or len(waited) < len(logged):
            try:
                seen = store.reader().select(_COUNT).column("n")[0].as_py()
            except Exception as error:
                errors.append(error)
                return
            now = time.monotonic()
            if seen > len(waited):
                waited.extend(now - at for at in logged[len(waited) : seen])
                last = now
            if done.is_set() and now - last > 60:
                errors.append(AssertionError("the collector stands still"))
                return
            time.sleep(0.05)

    thread = threading.Thread(target=look)
    thread.start()
    yield
    done.set()
    thread.join()


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]
