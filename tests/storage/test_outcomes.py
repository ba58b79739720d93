"""The narrow rows of many windows, read in one scan, are what reading each window's frame would give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from storage.collector import Collector
from storage.custody.erasing import erase
from storage.store import Store
from tests.storage.conftest import FRAUD, T0, Log, Span, day, hour, prediction, truth

MODEL = {**FRAUD, "features": {**FRAUD["features"], "customer": "categorical"}, "ranking": {"user": "customer", "item": "country"}}


@pytest.fixture
def logged(store: Store, log: Log, collector: Collector) -> Store:
    """Ten days, in no order, with repeats, corrected labels, weights and times that several rows share."""
    store.register_model(MODEL)
    random = np.random.default_rng(3)
    made: list[dict[str, Any]] = [
        prediction(number - number % 3, id=f"p{number}", f={"amount": 1.0, "country": f"c{number % 4}", "customer": f"u{number % 6}"},
                   s=None if number % 11 == 0 else number / 240, lat=number / 7, w=1.0 + number % 2)
        for number in random.permutation(240).tolist()
    ]  # fmt: skip
    log.write(*(("pred", one) for one in made), *(("pred", {**one, "s": 0.9}) for one in made[:20]))
    log.write(*(("label", truth(number, number % 2, known=number + 5)) for number in range(0, 240, 2)),
              *(("label", truth(number, 1, known=number + 90)) for number in range(0, 40, 2)))  # fmt: skip
    collector.once()
    return store


def alike(store: Store, windows: list[Span]) -> int:
    """Asserts that the rows of each window are those of its frame, in its order; how many rows there are."""
    rows = store.outcomes("fraud", "1", windows)
    names = [name for name in rows.column_names if name != "@window"]
    assert {"@t", "@label", "@prediction", "@score", "@labelled_at", "@latency_ms", "@weight", "customer", "country"} <= set(names)
    assert not {"@id", "amount"} & set(names)
    place = rows["@window"].to_numpy()
    for number, window in enumerate(windows):
        assert rows.filter(place == number).select(names).to_pylist() == store.frame("fraud", "1", window, names).to_pylist()
    assert set(place.tolist()) <= set(range(len(windows)))
    return int(rows.num_rows)


def test_windows_of_time_in_any_order_and_with_gaps_are_read_at_once(logged: Store) -> None:
    assert alike(logged, [day(number) for number in reversed(range(14))]) == 240
    assert alike(logged, [day(8), Span(hour(3), hour(20)), day(1), day(40)]) == 24 + 24 + 18
    assert alike(logged, []) == 0


def test_windows_of_rows_are_read_at_once(logged: Store) -> None:
    found = logged.row_windows("fraud", "1", 32).to_pylist()
    windows = [Span(row["start"], row["end"], (row["first_row"], row["last_row"])) for row in found]
    assert alike(logged, windows) == 240
    assert alike(logged, [windows[4], windows[1]]) == 64


@pytest.mark.parametrize("rows", [False, True])
def test_erased_subjects_are_not_read_and_their_rows_still_count(logged: Store, collector: Collector, rows: bool) -> None:
    erase(logged, collector, "customer", ["u3"])
    windows = [Span(T0, T0, (n, n + 40)) for n in range(0, 240, 40)] if rows else [day(number) for number in range(14)]
    assert alike(logged, windows) == 200


def test_rows_after_pruned_ones_keep_their_numbers(logged: Store) -> None:
    logged.prune("fraud", "1", day(3).start)
    assert alike(logged, [Span(T0, T0, (n, n + 40)) for n in range(80, 240, 40)]) == 160
