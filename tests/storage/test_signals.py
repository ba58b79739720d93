"""A signal handler that logs while its thread is in the middle of logging: neither loses a record, nor is either refused for the other."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from storage._segment_writer import SegmentWriter
from tests.storage.test_spool import BODY, lines, records

PLENTY = 8 << 20  # bytes of a segment that these tests do not fill


def interrupted_at(step: int, call: Callable[[], object], handler: Callable[[], object]) -> bool:
    """Call, with `handler` between two of its steps in this thread, as Python runs a signal's: False where there are not so many steps."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        if Path(frame.f_code.co_filename).parent.name != "storage":
            return None
        if event == "line":
            count += 1
            if count == step:
                sys.settrace(None)
                handler()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count >= step


def one_and_the_end(writer: SegmentWriter) -> None:
    writer.append("pred", BODY)
    writer.close()


def one(writer: SegmentWriter) -> None:
    writer.append("pred", BODY)


def two(writer: SegmentWriter) -> None:
    writer.extend("pred", [BODY] * 2)


def is_whole(folder: Path, call: Callable[[SegmentWriter], None], most: int, step: int) -> bool:
    """Whether all is there and counted after a handler came in at this step of the call, if there are so many."""
    writer = SegmentWriter(folder, max_bytes=most)
    answers: list[str | None] = []
    assert writer.append("pred", BODY) is None
    more = interrupted_at(step, lambda: call(writer), lambda: answers.append(writer.append("label", BODY)))
    is_ended = writer._closed
    assert is_ended or writer.append("pred", BODY) is None
    counts = writer.counts()
    writer.close()
    labels, predictions = answers.count(None), 1 + (2 if call is two else 1) + (not is_ended)
    assert not any(line.reason for line in lines(folder))
    assert set(answers) <= ({None, "logger closed"} if is_ended else {None})
    assert (len(records(folder)), len(records(folder, "label"))) == (predictions, labels)
    assert (counts.accepted, counts.offered) == (predictions + labels, predictions + len(answers))
    return more


@pytest.mark.parametrize("call", [one, two, one_and_the_end])
@pytest.mark.parametrize("most", [PLENTY, 1])
def test_a_handler_may_log_between_any_two_steps_of_a_call(folder: Path, call: Callable[[SegmentWriter], None], most: int) -> None:
    """Of a call that finds its segment open, and of one that finds it full: it ends that and opens the next."""
    step = 1
    while is_whole(folder / str(step), call, most, step):
        step += 1
    assert step > 15


def test_a_handler_may_log_between_any_two_steps_of_the_first_call(folder: Path) -> None:
    step, more = 0, True
    while more:
        step += 1
        writer = SegmentWriter(folder / str(step))
        answers: list[str | None] = []
        more = interrupted_at(step, lambda to=writer: one(to), lambda to=writer, kept=answers: kept.append(to.append("label", BODY)))  # type: ignore[misc]
        writer.close()
        assert (len(records(folder / str(step))), len(records(folder / str(step), "label"))) == (1, len(answers))
        assert set(answers) <= {None}
    assert step > 50


def test_a_handler_may_log_at_any_time(writer: SegmentWriter, folder: Path) -> None:
    answers: list[str | None] = []
    signal.signal(signal.SIGALRM, lambda *_: answers.append(writer.append("label", BODY)))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        for _ in range(5_000):
            assert writer.append("pred", BODY) is None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    writer.close()
    assert not any(line.reason for line in lines(folder))
    assert set(answers) == {None}
    assert (len(records(folder)), len(records(folder, "label"))) == (5_000, len(answers))
