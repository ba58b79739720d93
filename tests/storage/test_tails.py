"""The account of the spool: counted once, right while segments come and go, and never in the collector's way."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from storage.collector import Collector
from storage.store import Store, _tails
from storage.store._segments import Segment
from storage.store._tails import SegmentGone, SpoolView, Tails
from tests.storage.conftest import Log, prediction


def test_what_was_counted_is_not_read_again(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    path = log.predictions(range(30))
    read: list[int] = []
    counting = _tails.records_ahead

    def records_ahead(segment: Segment, content: bytes) -> int:
        read.append(len(content))
        return counting(segment, content)

    monkeypatch.setattr(_tails, "records_ahead", records_ahead)
    whole = path.read_bytes()
    half = whole.index(b"\n", len(whole) // 2) + 1
    path.write_bytes(whole[: half + 9])  # and a piece of a line
    tails, known = Tails(), Segment(1, path.name)
    first = tails.of(path, known)
    path.write_bytes(whole)
    second = tails.of(path, known)
    assert (first.unread, second.unread, second.records) == (half + 9, len(whole), 30)
    assert sum(read) == len(whole)
    assert tails.of(path, known) == second == Tails().of(path, known)
    assert sum(read) == 2 * len(whole)  # the second time by other tails
    assert (known.records, known.accepted) == (0, None)  # as it was given


def test_what_a_writer_took_back_is_not_counted_any_more(log: Log) -> None:
    """At the level `disk` a segment is cut back to what a failed sync left safe."""
    path = log.predictions(range(30))
    tails, known, whole = Tails(), Segment(1, path.name), path.read_bytes()
    assert tails.of(path, known).records == 30
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:11]))
    assert tails.of(path, known) == Tails().of(path, known)
    assert tails.of(path, known).records == 10
    path.write_bytes(whole)
    assert tails.of(path, known).records == 30


def test_a_position_that_moved_on_is_counted_from(log: Log) -> None:
    path = log.predictions(range(30))
    tails = Tails()
    tails.of(path, Segment(1, path.name))
    for lines, records in ((2, 29), (11, 20), (31, 0)):
        position = len(b"".join(path.read_bytes().splitlines(keepends=True)[:lines]))
        assert tails.of(path, Segment(1, path.name, position=position)).records == records


def test_a_segment_that_left_is_asked_for_again_unless_all_of_it_is_known(log: Log) -> None:
    path = log.predictions([1])
    size = path.stat().st_size
    path.unlink()
    assert Tails().of(path, Segment(1, path.name, position=size, ended=True)).unread == 0
    with pytest.raises(SegmentGone):
        Tails().of(path, Segment(1, path.name, position=10))


def test_a_look_is_repeated_and_at_last_holds_the_lock() -> None:
    view, looks = SpoolView(), list[bool]()

    def look() -> int:
        other = threading.Thread(target=try_it)
        other.start()
        other.join()
        if not looks[-1]:
            raise SegmentGone("gone")
        return 7

    def try_it() -> None:
        looks.append(not view.stays.acquire(blocking=False))
        if not looks[-1]:
            view.stays.release()

    assert view.looked_at(look) == 7
    assert looks == [False, False, False, True]


def test_the_account_is_whole_while_a_segment_leaves_in_the_middle_of_it(fraud: Store, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.predictions(range(20))
    listed = _tails.open_plain
    done: list[Path] = []

    def open_plain(path: Path) -> object:
        if not done:
            done.append(path)
            collecting = threading.Thread(target=Collector(fraud).once)
            collecting.start()
            collecting.join(30)
            assert not path.exists()
        return listed(path)

    monkeypatch.setattr(_tails, "open_plain", open_plain)
    account = fraud.health()["accounting"]
    assert done
    assert (account["accepted"], account["ingested"], account["in_spool"], account["lost"]) == (20, 20, 0, 0)


def test_the_collector_goes_on_while_somebody_looks(fraud: Store, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that takes for ever, once: what keeps a segment in the spool may not be what counts it."""
    log.write(("pred", prediction(1)))
    looking, go_on = threading.Event(), threading.Event()
    counting = _tails.records_ahead

    def records_ahead(segment: Segment, content: bytes) -> int:
        looking.set()
        assert go_on.wait(30)
        return counting(segment, content)

    monkeypatch.setattr(_tails, "records_ahead", records_ahead)
    asker = threading.Thread(target=fraud.health)
    asker.start()
    try:
        assert looking.wait(30)
        assert Collector(fraud).once()["ingested"] == 1
        assert not list(fraud.home.spool.iterdir())
    finally:
        go_on.set()
        asker.join()
