"""Ground truth that comes late, repeated, corrected or for ids unknown – in any order – and what marks a window as changed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from storage.collector import Collector
from storage.frames import encode
from storage.home import Home
from storage.store import Entry, Store
from storage.store._intake import take_in
from tests.storage.conftest import FRAUD, T0, Log, Span, day, hour, micros, prediction, rows, truth

DAYS = [(day(number).start, day(number).end) for number in range(3)]


@dataclass(frozen=True)
class Said:
    """One ground truth: of which prediction, what, since when, written when (hours after T0)."""

    of: int
    value: int
    known: int
    written: int


@contextmanager
def fresh() -> Iterator[Store]:
    folder = Path(tempfile.mkdtemp(prefix="driftboard-"))
    try:
        with Store.open(Home(folder / "home")) as store:
            store.register_model(FRAUD)
            yield store
    finally:
        shutil.rmtree(folder)


def feed(store: Store, records: Sequence[dict[str, Any]], *, cuts: Sequence[int] = ()) -> None:
    """Take records in, in one transaction or in several cut at these places."""
    edges = [0, *sorted({cut % (len(records) + 1) for cut in cuts}), len(records)]
    for first, last in pairwise(edges):
        with store.writing() as cursor:
            take_in(cursor, store.known_ids, [Entry(1, record["n"], record) for record in records[first:last]])


def label_record(number: int, said: Said) -> dict[str, Any]:
    return {"v": 1, "k": "label", "n": number, "t": micros(hour(said.written)), **truth(said.of, said.value, known=said.known)}


def prediction_record(number: int) -> dict[str, Any]:
    return {"v": 1, "k": "pred", "n": number, "t": micros(hour(number)), **prediction(number)}


def expected(said: Sequence[Said], number: int) -> tuple[str | None, Any]:
    """The rule, written down plainly: the latest value, and since when it has held without a break."""
    history = sorted((s.known, s.written, place, s.value) for place, s in enumerate(said) if s.of == number)
    if not history:
        return None, None
    since = history[-1][0]
    for known, _, _, value in reversed(history):
        if value != history[-1][3]:
            break
        since = known
    return str(history[-1][3]), hour(since)


labels = st.lists(
    st.builds(Said, of=st.integers(0, 4), value=st.integers(0, 1), known=st.integers(0, 3), written=st.integers(6, 8)), max_size=10
)


@pytest.mark.slow
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(said=labels, data=st.data())
@example(said=[Said(1, 0, 3, 6), Said(1, 1, 2, 7)], data=None)
@example(said=[Said(1, 0, 2, 6), Said(1, 1, 2, 7), Said(1, 0, 2, 8), Said(1, 0, 5, 9), Said(4, 1, 0, 6)], data=None)
def test_in_whatever_order_labels_and_predictions_come_the_frame_is_the_same(said: list[Said], data: Any) -> None:
    records = [prediction_record(number) for number in range(4)] + [label_record(10 + place, one) for place, one in enumerate(said)]
    shuffled = data.draw(st.permutations(records)) if data else records[::-1]
    cuts = data.draw(st.lists(st.integers(0, 30), max_size=4)) if data else [3, 5, 6]
    with fresh() as one, fresh() as other:
        feed(one, records)
        feed(other, shuffled, cuts=cuts)
        assert one.frame("fraud", "1") == other.frame("fraud", "1")
        assert one.frame("fraud", "1", as_of=hour(99)) == one.frame("fraud", "1")
        assert one.activity("fraud", DAYS) == other.activity("fraud", DAYS)
        assert [(row["@label"], row["@labelled_at"]) for row in rows(one)] == [expected(said, number) for number in range(4)]
        assert one.labels("fraud").num_rows == len(said)


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), repeats=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=8))
def test_of_many_predictions_with_one_id_the_first_written_counts_in_whatever_order_they_come(
    data: Any, repeats: list[tuple[int, int]]
) -> None:
    records = [
        {**prediction_record(of), "t": micros(hour(written)), "n": place, "p": place % 2, "f": {"amount": float(place)}}
        for place, (of, written) in enumerate(repeats)
    ]
    shuffled = data.draw(st.permutations(records))
    with fresh() as one, fresh() as other:
        feed(one, records)
        feed(other, shuffled, cuts=data.draw(st.lists(st.integers(0, 30), max_size=3)))
        assert one.frame("fraud", "1") == other.frame("fraud", "1")
        assert one.activity("fraud", DAYS) == other.activity("fraud", DAYS)
        winners = {of: min((written, place) for place, (also, written) in enumerate(repeats) if also == of)[1] for of, _ in repeats}
        assert {row["@id"]: row["amount"] for row in rows(one)} == {f"p{of}": float(place) for of, place in winners.items()}
        kept = one.predictions("fraud").to_pylist()
        assert len(kept) == len(repeats)
        assert sum(not row["duplicate"] for row in kept) == len(winners)


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), parts=st.lists(st.lists(st.integers(0, 30), max_size=4), min_size=2, max_size=4))
def test_segments_in_any_order_and_copies_of_them_give_the_same_rows(data: Any, parts: list[list[int]]) -> None:
    order = data.draw(st.permutations([*range(len(parts)), *data.draw(st.lists(st.integers(0, len(parts) - 1), max_size=3))]))
    content = [
        b"".join(encode(record) for number in part for record in (prediction_record(number), label_record(number, Said(number, 1, 3, 9))))
        for part in parts
    ]
    with fresh() as one, fresh() as other:
        for store, numbers in ((one, range(len(parts))), (other, order)):
            for place, number in enumerate(numbers):
                (store.home.spool / f"w{place}-1-2-abcd-00000000.seg.jsonl").write_bytes(content[number])
                if place % 2:
                    Collector(store).once()
            Collector(store).once()
        assert one.frame("fraud", "1") == other.frame("fraud", "1")
        assert one.activity("fraud", DAYS) == other.activity("fraud", DAYS)


def fingerprints(store: Store) -> list[str]:
    return [str(found) for found in store.activity("fraud", DAYS).column("fingerprint").to_pylist()]


def test_a_fingerprint_changes_with_its_windows_rows_and_labels_and_with_nothing_else(fraud: Store, log: Log, collector: Collector) -> None:
    log.predictions([1, 2, 25])
    collector.once()
    first, second = fingerprints(fraud)
    log.predictions([25, 1])
    collector.once()
    assert fingerprints(fraud) == [first, second]  # repeats
    log.write(("label", truth(1, 1)))
    collector.once()
    labelled, same = fingerprints(fraud)
    assert (labelled != first, same == second) == (True, True)
    log.write(("label", truth(1, 1)), ("label", truth(77, 1)))
    collector.once()
    assert fingerprints(fraud) == [labelled, second]  # the same again, and one for an id that nobody predicted
    log.write(("label", truth(1, 0)))
    collector.once()
    corrected, same = fingerprints(fraud)
    assert (corrected not in (labelled, first), same == second) == (True, True)
    log.predictions([26])
    collector.once()
    same, grown = fingerprints(fraud)
    assert (same == corrected, grown != second) == (True, True)
    fraud.reopen()
    assert fingerprints(fraud) == [same, grown]


def test_logging_everything_twice_leaves_every_row_and_label_as_it_was(fraud: Store, log: Log, collector: Collector) -> None:
    logged = [*(("pred", prediction(number)) for number in range(5)), *(("label", truth(number, 1)) for number in range(3))]
    log.write(*logged)
    assert collector.once()["ingested"] == 8
    before = (fraud.frame("fraud", "1"), fraud.activity("fraud", DAYS), fraud.row_windows("fraud", "1", 2))
    log.write(*logged)
    assert collector.once() == {"ingested": 0, "duplicates": 8, "quarantined": 0, "pending": 0}
    assert (fraud.frame("fraud", "1"), fraud.activity("fraud", DAYS), fraud.row_windows("fraud", "1", 2)) == before


def test_ground_truth_that_comes_before_its_prediction_waits_for_it(store: Store, log: Log, collector: Collector) -> None:
    log.write(("label", truth(1, 1)), ("label", truth(2, 0)))
    collector.once()
    assert store.models() == []  # nobody described it and nothing was predicted
    store.register_model(FRAUD)
    assert store.labels("fraud").column("has_prediction").to_pylist() == [False, False]
    log.predictions([1])
    collector.once()
    assert [(row["@id"], row["@label"]) for row in rows(store)] == [("p1", "1")]


def test_labels_can_be_asked_for_as_they_were_known(store: Store) -> None:
    store.register_model(FRAUD)
    feed(store, [prediction_record(1), label_record(2, Said(1, 0, 3, 6)), label_record(3, Said(1, 1, 4, 20))])
    window = Span(T0, hour(24))
    for when, value in ((5, None), (6, "0"), (19, "0"), (20, "1")):
        assert [row["@label"] for row in rows(store, window=window, as_of=hour(when))] == [value]
