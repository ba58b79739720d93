"""Those who ask the same at the same time: one answer for all, none that was begun too early."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from monitoring.asked_alike import AskedAlike
from monitoring.house import House
from storage import wire
from storage.home import Home

_ASKERS = 12


class _Slow:
    """Answers with how many answers came before, each after it was let go; `begun` has a release for each that was begun."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self._numbers = count()

    def __call__(self) -> int:
        number = next(self._numbers)
        self.begun.release()
        assert self.go.acquire(timeout=20)
        return number


def _until_waiting(asked: AskedAlike, askers: int) -> None:
    """Until so many wait for the next answer: one of them to make it, the others for what he makes."""
    for _ in range(2000):
        for found in [*asked._next.values()]:
            if len(found._condition._waiters) == askers - 1:  # type: ignore[attr-defined]
                return
        threading.Event().wait(0.01)
    raise AssertionError(f"not {askers} wait for one answer")


def test_who_asks_while_an_answer_is_made_shares_the_next_one() -> None:
    asked, find = AskedAlike(), _Slow()
    with ThreadPoolExecutor(_ASKERS + 1) as pool:
        early = pool.submit(asked.answer, "same", find)
        assert find.begun.acquire(timeout=20)
        late = [pool.submit(asked.answer, "same", find) for _ in range(_ASKERS)]
        _until_waiting(asked, _ASKERS)
        assert not find.begun.acquire(blocking=False)  # one at a time
        find.go.release(2)
        assert early.result(20) == 0
        assert {future.result(20) for future in late} == {1}
    assert not asked._next
    assert not asked._under_way


def test_other_questions_do_not_wait() -> None:
    asked, find = AskedAlike(), _Slow()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(asked.answer, "slow", find)
        assert find.begun.acquire(timeout=20)
        assert asked.answer("other", lambda: "at once") == "at once"
        find.go.release()
        assert slow.result(20) == 0


def test_what_is_raised_reaches_who_asked_and_the_next_answer_is_made_anew() -> None:
    asked = AskedAlike()

    def refuse() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asked.answer("same", refuse)
    assert asked.answer("same", lambda: 1) == 1


def test_an_owner_reads_its_account_once_for_all_who_ask_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = _Slow()
    monkeypatch.setattr(House, "health", lambda _: {"number": find()})
    with House.open(tmp_path) as house, ThreadPoolExecutor(_ASKERS + 1) as pool:
        futures = [pool.submit(wire.ask, Home(tmp_path), "health")]
        assert find.begun.acquire(timeout=20)
        futures += [pool.submit(wire.ask, Home(tmp_path), "health") for _ in range(_ASKERS)]
        _until_waiting(house._asked, _ASKERS)
        find.go.release(2)
        answers = sorted(future.result(20).value["number"] for future in futures)
    assert answers == [0] + [1] * _ASKERS
