"""Labels that arrive late: what was known on a past day, how labelled rows differ, and a gate that waits for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from monitoring import PredictionLogger
from monitoring.errors import InputError, NotFound
from monitoring.evidently_worker import EvidentlyWorker
from monitoring.moments import iso
from monitoring.service import House
from storage.collector import Collector
from storage.home import Home
from storage.store import Store
from tests.unit.test_runner import LATER, START, calls, log, one, points, put_reference, run, schema

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def worker() -> Iterator[EvidentlyWorker]:
    with EvidentlyWorker() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(Home(tmp_path / "home")) as opened:
        yield opened


def label(store: Store, made: list[dict[str, Any]], *, hours: float = 1) -> None:
    with PredictionLogger("m", version="1", schema=schema(), home=store.home, strict=True) as logger:
        for call in made:
            logger.ground_truth(call["id"], call["label"], labelled_at=call["t"] + timedelta(hours=hours))
    Collector(store).once()


def test_what_was_found_on_a_past_day_is_found_again_after_labels_came(store: Store, worker: EvidentlyWorker, tmp_path: Path) -> None:
    made = calls("binary", 200, seed=1)
    log(store, "binary", made, labels=False)
    put_reference(store, "binary")
    before_all = datetime.now(UTC)
    label(store, made[:80])
    run(store, worker)
    monday = datetime.now(UTC)
    label(store, made[80:])
    between = datetime.now(UTC)
    run(store, worker)

    early, now = (one(points(store, as_of=when), "accuracy") for when in (monday, None))
    assert (early["n"], early["label_coverage"], now["n"], now["label_coverage"]) == (80, 0.4, 200, 1.0)
    assert early["value"] != now["value"]
    assert one(points(store, as_of=between), "accuracy") == early  # the labels were there, but nobody had counted them yet

    (window,) = {row["window_start"] for row in points(store)}
    history = store.point_history("m", None, "1d", window, "accuracy").to_pylist()
    assert [row["n_labelled"] for row in history] == [80, 200]
    assert [row["value"] for row in history] == [early["value"], now["value"]]
    assert history[0]["superseded_at"] == history[1]["computed_at"]
    assert history[1]["superseded_at"] is None
    store.close()

    with House.open(tmp_path / "home") as house:
        path = tmp_path / "known.parquet"
        told = house.export(model="m", what="points", format="parquet", path=path, as_of=monday.isoformat())
        exported = pq.read_table(path).to_pylist()
        assert told["rows"] == len(exported)
        assert one(exported, "accuracy")["value"] == early["value"]
        assert house.points(model="m", as_of=monday.isoformat()).to_pylist() == exported
        for when, found in ((monday, exported), (None, points(house.store))):
            check = house.check(model="m", as_of=when and when.isoformat())
            judged, stored = ({tuple(row[name] for name in ("metric", "column", "segment", "value", "status", "n")) for row in rows}
                              for rows in (check["cases"], found))  # fmt: skip
            assert judged == stored
            assert check["as_of"] == (when and iso(when))
        with pytest.raises(NotFound, match=r"Nothing had been computed by"):
            house.check(model="m", as_of=before_all.isoformat())
        assert house.table(model="m", what="labels", as_of=monday.isoformat()).num_rows == 80
        with pytest.raises(NotFound, match=r"Nothing had been computed by .*; the first findings of this model are of"):
            house.table(model="m", what="points", as_of=before_all.isoformat())
        with pytest.raises(InputError, match="does not change"):
            house.table(model="m", what="predictions", as_of=monday.isoformat())


def test_labels_that_come_for_the_high_amounts_first_are_called_a_selection(store: Store, worker: EvidentlyWorker) -> None:
    made = calls("binary", 400, seed=2)
    log(store, "binary", made, labels=False)
    label(store, [call for call in made if call["features"]["amount"] > 0.3], hours=6)
    run(store, worker)
    found = points(store)
    amount, country = one(found, "label_selection", "amount"), one(found, "label_selection", "country")
    assert amount["status"] == "warn"
    assert amount["value"] == 1.0
    assert amount["n"] + amount["n_reference"] == 400
    assert "need not hold for all" in amount["reason"]
    assert country["status"] == "ok"
    assert one(found, "label_delay_p95")["value"] == pytest.approx(6 * 3600)
    curve = store.profiles("m", "1", "1d", START.replace(hour=0, minute=0), kind="label_delay").to_pylist()
    assert curve[-1]["value"] == pytest.approx(one(found, "label_coverage")["value"])


def test_with_every_label_there_is_no_selection(store: Store, worker: EvidentlyWorker) -> None:
    log(store, "binary", calls("binary", 60, seed=2))
    run(store, worker)
    (point,) = [row for row in points(store) if row["metric"] == "label_selection"]
    assert (point["status"], point["reason"]) == ("not_applicable", "Every prediction has its label, so nothing was selected.")


def test_the_gate_waits_for_labels(store: Store, worker: EvidentlyWorker, tmp_path: Path) -> None:
    """A model gone bad: while labels are due the loss is told and passes, once they are all in it fails the check. Asked for as it was
    known before, it passes for ever, and so nothing was known to have a cause; the causes are those that were told then."""
    made = [{**call, "label": 1 - call["prediction"]} for call in calls("binary", 200, seed=3)]
    log(store, "binary", made)
    put_reference(store, "binary")
    told: list[dict[str, Any]] = []
    for now, code in ((START + timedelta(days=2), 0), (LATER, 2)):
        run(store, worker, now=now, everything=True)
        accuracy = one(points(store), "accuracy")
        assert accuracy["status"] == "drift"
        assert (accuracy["reason"].startswith("Provisional")) == (code == 0)
        store.close()
        with House.open(tmp_path / "home") as house:
            told.append(house.check(model="m"))
            bad = {case["metric"] for case in told[-1]["cases"] if case["status"] == "drift" and not case["provisional"]}
            assert ("accuracy" in bad) == (code == 2)
            if code == 0:
                early = datetime.now(UTC)
            else:
                assert house.check(model="m", as_of=early.isoformat()) == {**told[0], "as_of": iso(early)}
                today = datetime.now(UTC).date()
                assert house.check(model="m", as_of=f"{today}") == {**told[1], "as_of": f"{today + timedelta(days=1)}T00:00:00Z"}
                for ask in (house.check, partial(house.table, what="points"), house.points):
                    with pytest.raises(InputError, match="2200-01-01 lies in the future"):
                        ask(model="m", as_of="2200-01-01")
                causes = house.table(model="m", what="causes", as_of=datetime.now(UTC).isoformat())
                assert causes.to_pylist() == house.table(model="m", what="causes").to_pylist()
                assert {row["metric"] for row in house.table(model="m", what="causes", as_of=early.isoformat()).to_pylist()} == {
                    cause["metric"] for cause in told[0]["causes"]}  # fmt: skip
        store = Store.open(Home(tmp_path / "home"))
    store.close()
