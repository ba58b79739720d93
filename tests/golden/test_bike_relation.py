"""Bike demand doubled within a year while weather and hours stayed what they are: a loss of the relation, which inputs do not show.

A model that was fitted on the first half of 2011 and checked on the second errs by 90.5 bikes an hour in 2012 where NannyML's estimate
from inputs alone (direct loss estimation) is 33.9: the estimate is what a changed population would explain.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from monitoring import ModelSchema, PredictionLogger, runner
from monitoring.causes.population import Effects, effects, weigh
from storage.collector import Collector
from storage.home import Home
from storage.store import Store
from tests.golden.shared_data import needs_shared_data, read
from tests.no_pages import NoPages

NUMBERS, WORDS = ("temp", "hum", "windspeed", "hr"), ("weathersit", "holiday", "workingday", "weekday")
KINDS = dict.fromkeys(NUMBERS, "numerical") | dict.fromkeys(WORDS, "categorical")
ESTIMATED, REALISED = 33.9, 90.5  # mean absolute errors in 2012: NannyML's estimate, and what came true


def rows(since: datetime, until: datetime) -> pa.Table:
    table = read("bike_hour")
    first, last = (pa.scalar(at.replace(tzinfo=None), table.schema.field("ts").type) for at in (since, until))
    return table.filter(pc.and_(pc.greater_equal(table["ts"], first), pc.less(table["ts"], last)))


def frame(table: pa.Table) -> pa.Table:
    """In the shape of `Store.frame`."""
    features = {name: table[name].cast(pa.float64() if name in NUMBERS else pa.string()) for name in KINDS}
    return pa.table(features | {"@t": table["ts"].cast(pa.timestamp("us", "UTC")), "@prediction": table["pred_hgb_h1"].cast(pa.float64()),
                                "@label": table["cnt"].cast(pa.float64())})  # fmt: skip


def mae(table: pa.Table) -> float:
    return float(np.abs(table["pred_hgb_h1"].to_numpy() - table["cnt"].to_numpy()).mean())


def parts(reference: pa.Table, window: pa.Table) -> Effects:
    weights = weigh(frame(reference), frame(window), KINDS)
    assert not isinstance(weights, str), weights
    return effects("mae", weights, task="regression", positive_label=None)


def estimated(reference: pa.Table, window: pa.Table) -> float:
    """Another way to the same number, as NannyML goes it: a regression of the reference's errors on the features, asked of the window."""
    before, after = (np.column_stack([table[name].to_numpy().astype(float) for name in KINDS]) for table in (reference, window))
    errors = np.abs(reference["pred_hgb_h1"].to_numpy() - reference["cnt"].to_numpy())
    return float(HistGradientBoostingRegressor(random_state=0).fit(before, errors).predict(after).mean())


H2_2011 = datetime(2011, 7, 1, tzinfo=UTC), datetime(2012, 1, 1, tzinfo=UTC)
YEAR_2012 = datetime(2012, 1, 1, tzinfo=UTC), datetime(2013, 1, 1, tzinfo=UTC)


@needs_shared_data
def test_what_the_population_explains_of_2012_is_what_nannyml_estimates_from_inputs() -> None:
    reference, window = rows(*H2_2011), rows(*YEAR_2012)
    assert mae(window) == pytest.approx(REALISED, abs=0.1)
    found = parts(reference, window)
    assert found.population is not None
    assert found.relation is not None
    explained = mae(reference) + found.population[0]
    assert explained == pytest.approx(ESTIMATED, rel=0.1)
    assert explained == pytest.approx(estimated(reference, window), rel=0.1)
    assert found.population[0] + found.relation[0] == pytest.approx(mae(window) - mae(reference), rel=0.05)  # of at most 3,000 rows
    assert found.relation[0] > 0.95 * (found.population[0] + found.relation[0])


@needs_shared_data
def test_busier_hours_of_the_same_months_are_a_changed_population() -> None:
    """Every other day is the reference; of the others rush hours and warm afternoons are six times as frequent."""
    table = rows(*H2_2011)
    day, busy = pc.day(table["ts"]), pc.is_in(table["hr"], pa.array([8, 12, 13, 14, 15, 16, 17, 18, 19], table["hr"].type))
    odd = pc.equal(pc.bit_wise_and(day, 1), 1)
    reference, others = table.filter(odd), table.filter(pc.invert(odd))
    random = np.random.default_rng(3)
    chance = np.where(busy.filter(pc.invert(odd)).to_numpy(zero_copy_only=False), 6.0, 1.0)
    window = others.take(pa.array(random.choice(others.num_rows, 1_500, p=chance / chance.sum())))
    found = parts(reference, window)
    assert found.population is not None
    assert found.relation is not None
    loss = found.population[0] + found.relation[0]
    assert loss > 5
    assert found.population[1] > 0
    assert found.population[0] > 0.8 * loss
    assert found.relation[1] < 0 < found.relation[2]
    assert mae(reference) + found.population[0] == pytest.approx(estimated(reference, window), rel=0.1)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The same months a year later, month by month, on the way that every model takes."""
    schema = ModelSchema.from_dict({
        "name": "bikes", "version": "1", "task": "regression", "features": KINDS, "timestamp": "ts", "prediction": "pred_hgb_h1",
        "label": "cnt", "window": "1mo", "timezone": "UTC",
    })  # fmt: skip
    home = tmp_path_factory.mktemp("bikes") / "home"
    columns = [*KINDS, "ts", "pred_hgb_h1", "cnt"]
    with PredictionLogger("bikes", version="1", schema=schema, home=home, strict=True) as log:
        log.log_batch(rows(datetime(2012, 7, 1, tzinfo=UTC), YEAR_2012[1]).select(columns))
    with Store.open(Home(home)) as opened:
        Collector(opened).once()
        opened.put_reference("bikes", rows(*H2_2011).select(columns), "the second half of 2011")
        assert runner.run(opened, workers=[NoPages()], jobs=1).windows == 6
        yield opened


@needs_shared_data
def test_the_cause_of_a_month_says_how_much_is_population_and_how_much_relation(store: Store) -> None:
    (cause,) = [row for row in store.causes("bikes").to_pylist() if row["metric"] == "mae"]
    assert cause["kind"] == "relation"
    assert cause["kind_reason"].startswith("Parts of the loss: population ")
    assert cause["since"] == datetime(2012, 7, 1, tzinfo=UTC)
    assert cause["since_earliest"] is None  # or before: all months known are like the newest
    points: dict[tuple[datetime, str], dict[str, Any]] = {
        (row["window_start"], row["metric"]): row for row in store.points("bikes").to_pylist() if row["column"] in ("", "mae")}
    months = sorted({start for start, metric in points if metric == "mae"})
    assert len(months) == 6
    told = [start for start in months if points[start, "relation_effect"]["value"] is not None]
    assert len(told) >= 4
    for start in told:
        relation, population = points[start, "relation_effect"], points[start, "population_effect"]
        assert relation["lower"] > 0
        assert relation["value"] > 0.8 * (relation["value"] + population["value"])
        table = rows(start, min(other for other in [*months, YEAR_2012[1]] if other > start))
        explained = mae(rows(*H2_2011)) + population["value"]
        assert explained == pytest.approx(estimated(rows(*H2_2011), table), rel=0.25), start  # of one month each way is less sure
