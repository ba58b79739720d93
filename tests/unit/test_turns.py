"""One request has the turn at a time; a cancel ends the one that it means, whenever it comes, and no other."""

from __future__ import annotations

import threading
from collections.abc import Callable

from monitoring.turns import Turns


def waiting(turns: Turns, name: str, then: Callable[[bool], None]) -> threading.Thread:
    """A thread that waits for the turn under this name, and tells whether it had it."""
    waits = threading.Event()

    def ask() -> None:
        with turns.turn(name, waits=waits.set) as request:
            then(request.began)

    thread = threading.Thread(target=ask)
    thread.start()
    assert waits.wait(10)
    return thread


def test_a_cancel_of_one_that_waits_ends_it_and_leaves_the_one_under_way() -> None:
    turns, had = Turns(), list[bool]()
    with turns.turn("first") as first:
        second = waiting(turns, "second", had.append)
        assert turns.cancel("second") == "waiting"
        second.join(10)
        assert had == [False]
        assert first.began
        assert not first.cancelled


def test_a_cancel_without_a_name_ends_the_one_under_way_and_the_next_one_begins() -> None:
    turns, had = Turns(), list[bool]()
    with turns.turn("first") as first:
        second = waiting(turns, "second", had.append)
        assert turns.cancel() == "under way"
        assert first.cancelled
    second.join(10)
    assert had == [True]


def test_a_cancel_that_overtakes_its_request_ends_it_and_only_it() -> None:
    turns = Turns()
    assert turns.cancel("early") == ""
    with turns.turn("other") as other, turns.turn("early") as early:
        assert (early.began, early.cancelled, other.cancelled) == (False, True, False)
    with turns.turn("early") as again:
        assert again.began


def test_there_is_nothing_to_cancel_where_nobody_computes() -> None:
    turns = Turns()
    assert turns.cancel() == ""
    with turns.resting():
        assert turns.cancel() == ""
        with turns.turn_if_free() as none:
            assert none is None
    with turns.turn_if_free() as one:
        assert one is not None
        assert turns.cancel() == "under way"
        assert one.cancelled
    with turns.turn_if_free() as another:
        assert another is not None
        assert not another.cancelled


def test_what_fails_in_its_turn_gives_it_back() -> None:
    turns = Turns()
    for _ in range(2):
        try:
            with turns.turn("fails"):
                raise RuntimeError
        except RuntimeError:
            pass
    assert turns.cancel("fails") == ""
