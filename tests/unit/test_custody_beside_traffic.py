"""While rows and ground truth go on coming in, an erasure and a pruning neither call computed what never was, nor remove it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitoring import ModelSchema, PredictionLogger, custody
from monitoring.computing import Computing
from monitoring.planning import plan
from storage.collector import Collector
from storage.custody import erasing
from storage.home import Home
from storage.points import POINTS
from storage.store import Store

DAY = datetime(2026, 1, 1, tzinfo=UTC)
MODEL = {"name": "m", "version": "1", "task": "binary", "features": {"amount": "numerical", "customer": "categorical"}}


class Verbs(custody.CustodyVerbs):
    """The verbs of custody alone, on a home whose windows are marked as computed without being computed."""

    def __init__(self, store: Store) -> None:
        self.home, self.store, self.computing, self.collector = store.home, store, Computing(store), Collector(store)

    def bring_up_to_date(self, *_: Any) -> None:
        self.collector.once()
        for one in self.due():
            self.store.save_window("m", "1", one.window, POINTS.empty_table(), window_name="1d", run="r", fingerprint=one.fingerprint)

    def known(self, model: str) -> str:
        return model

    def due(self) -> list[Any]:
        plans = plan(self.store, "m", window=None, since=None, until=None, everything=False, now=datetime.now(UTC))
        return [one for found in plans for one in found.due]

    def due_days(self) -> set[tuple[int, int]]:
        """(days after the first, rows) of what is due."""
        return {((one.window.start - DAY).days, one.rows) for one in self.due()}


@pytest.fixture
def verbs(tmp_path: Path) -> Iterator[Verbs]:
    """Three days of four rows each, all of them computed."""
    with Store.open(Home(tmp_path / "home")) as store:
        found = Verbs(store)
        log(store, *((f"p{day}-{number}", day, f"c{number}") for day in range(3) for number in range(4)))
        found.bring_up_to_date()
        assert found.due_days() == set()
        yield found


def log(store: Store, *rows: tuple[str, int, str], labels: tuple[str, ...] = ()) -> None:
    with PredictionLogger("m", version="1", schema=ModelSchema.from_dict(MODEL), home=store.home, strict=True) as logger:
        for name, day, customer in rows:
            logger.prediction({"amount": 1.0, "customer": customer}, 1, prediction_id=name, timestamp=DAY + timedelta(days=day, hours=1))
        for name in labels:
            logger.ground_truth(name, 0)


def meanwhile(verbs: Verbs, act: Callable[..., Any], *, before: bool = True) -> Callable[..., Any]:
    """`act`, before or after which a late row and ground truth are logged, and the collector's thread has a moment to take them in."""
    threads: list[threading.Thread] = []

    def traffic() -> None:
        log(verbs.store, (f"late {act.__name__}", 1, "late"), labels=("p0-1",))
        threads.append(threading.Thread(target=verbs.collector.once))
        threads[-1].start()
        threads[-1].join(0.5)

    def acting(*given: Any, **options: Any) -> Any:
        if before:
            traffic()
        done = act(*given, **options)
        if not before:
            done = list(done)
            traffic()
        return done

    return acting


def test_what_comes_in_during_an_erasure_is_computed_afterwards(verbs: Verbs, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(erasing, "erase", meanwhile(verbs, erasing.erase))
        patch.setattr(custody, "rebase", meanwhile(verbs, custody.rebase))
        assert verbs.erase(subject="customer=c3")["predictions"] == 3
    verbs.collector.once()
    assert verbs.due_days() == {(0, 4), (1, 6)}  # a label of the first day and two rows of the second; the third stands


def test_an_erasure_alone_makes_nothing_due(verbs: Verbs) -> None:
    log(verbs.store, ("waiting", 2, "c3"), ("other", 0, "c1"))  # in the spool, so that it is due whatever is erased
    assert verbs.erase(subject="customer=c3")["predictions"] == 4
    assert verbs.due_days() == {(2, 5), (0, 5)}


def test_a_row_that_comes_in_while_rows_are_pruned_is_not_removed(verbs: Verbs, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(custody, "cuts", meanwhile(verbs, custody.cuts, before=False))
        assert verbs.prune(older_than="1d")["rows"] == 12
    verbs.collector.once()
    assert verbs.store.predictions("m").column("id").to_pylist() == ["late cuts"]


def test_days_with_rows_that_wait_to_be_taken_in_are_not_pruned(verbs: Verbs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verbs, "bring_up_to_date", lambda *_: log(verbs.store, ("late", 1, "late")))
    assert verbs.prune(older_than="1d")["rows"] == 4  # of the first day
    assert verbs.due_days() == {(1, 5)}
