"""Causes: replaced as a whole, looked for again when windows were computed since, also after a kill between the two."""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa
import pytest

from monitoring.causes import storing
from monitoring.causes.storing import explain_models
from storage.points import CAUSES, POINTS
from storage.store import Store
from tests.storage.conftest import FRAUD, Span, day

NAME = FRAUD["name"]


def save(store: Store, number: int, status: str, *, window_name: str = "1d") -> None:
    window: Span = day(number)
    row = {"model": NAME, "version": "1", "segment": "", "window_start": window.start, "window_end": window.end, "window": window_name,
           "metric": "drift", "column": "amount", "method": "wasserstein", "value": 0.6 if status == "drift" else 0.05, "n": 10,
           "status": status, "kind": "realised", "computed_at": window.end, "run": "r", "partial": False, "threshold": 0.1}  # fmt: skip
    store.save_window(NAME, "1", window, pa.Table.from_pylist([row], POINTS), None, window_name=window_name, run="r", fingerprint="f")


def sinces(store: Store) -> list[datetime]:
    found = store.causes(NAME)
    assert found.schema == CAUSES
    return [row["since"] for row in found.to_pylist()]


@pytest.fixture
def known(store: Store) -> Store:
    store.register_model(FRAUD)
    for number in range(6):
        save(store, number, "drift" if number >= 4 else "ok")
    return store


def test_open_findings_are_explained_once_and_are_gone_when_it_is_over(known: Store) -> None:
    assert [row["window"] for row in known.unexplained()] == ["1d"]
    assert explain_models(known) == 1
    assert sinces(known) == [day(4).start]
    assert known.unexplained() == []
    save(known, 6, "ok")
    assert [row["model"] for row in known.unexplained(NAME)] == [NAME]
    assert explain_models(known) == 0
    assert sinces(known) == []


def test_a_range_of_a_report_opens_nothing(known: Store) -> None:
    explain_models(known)
    save(known, 7, "drift", window_name="range")
    assert known.unexplained() == []


def test_windows_computed_while_causes_are_looked_for_are_looked_at_again(known: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    explain = storing.explain

    def meanwhile(points: pa.Table, segments: object, **more: object) -> pa.Table:
        save(known, 6, "ok")
        return explain(points, segments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(storing, "explain", meanwhile)
    explain_models(known)
    assert sinces(known) == [day(4).start]
    monkeypatch.undo()
    assert explain_models(known) == 0


def test_the_beginning_is_kept_while_the_trouble_lasts(known: Store) -> None:
    for number in range(6, 9):
        save(known, number, "drift")
        explain_models(known)
        assert sinces(known) == [day(4).start]
    assert known.causes(NAME).to_pylist()[0]["window_start"] == day(8).start
    assert day(8).start - day(4).start == timedelta(days=4)
