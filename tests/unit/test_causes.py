"""When and why, from points: since when, which features, which segment, what kind – and "cannot tell" where nobody can."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from monitoring.causes.explaining import explain
from storage.points import CAUSES, POINTS

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def point(day: int, metric: str, value: float | None, status: str = "ok", **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"model": "m", "version": "1", "window": "1d", "segment": "", "column": "", "method": "", "partial": False}
    row |= {"n": 100, "window_start": START + day * DAY, "window_end": START + (day + 1) * DAY, "computed_at": START, "run": "r"}
    row |= {"kind": "realised", "metric": metric, "value": value, "status": status, **more}
    if isinstance(row.get("detail"), dict):
        row["detail"] = json.dumps(row["detail"])
    return {name: row.get(name) for name in POINTS.names}


def told(points: Sequence[dict[str, Any]], segments: Sequence[dict[str, Any]] = (), **more: Any) -> list[dict[str, Any]]:
    table = pa.Table.from_pylist(list(points), schema=POINTS)
    found = explain(table, lambda start, end: [row for row in segments if start <= row["window_start"] < end], **more)
    assert found.schema == CAUSES
    return found.to_pylist()


def drift(days: int = 30, begins: int = 20, column: str = "amount", noise: float = 0.01) -> list[dict[str, Any]]:
    rng = np.random.default_rng(1)
    return [point(day, "drift", float(rng.normal(0.5 if day >= begins else 0.05, noise)), "drift" if day >= begins else "ok", column=column,
                  method="wasserstein", threshold=0.1) for day in range(days)]  # fmt: skip


def worse(days: int = 30, begins: int = 20, **effects: tuple[float, float, float] | None) -> list[dict[str, Any]]:
    rng = np.random.default_rng(2)
    rows = [point(day, "recall", float(rng.normal(0.3 if day >= begins else 0.8, 0.02)), "drift" if day >= begins else "ok",
                  detail={"reference": 0.8}) for day in range(days)]  # fmt: skip
    for name, part in effects.items():
        known = {"value": part[0], "lower": part[1], "upper": part[2]} if part else {"value": None, "reason": "Cannot tell: too few."}
        rows.append(point(days - 1, f"{name}_effect", column="recall", status="ok" if part else "insufficient_data", **known))
    return rows


def test_an_open_drift_is_dated_and_is_of_the_population() -> None:
    (cause,) = told(drift())
    assert (cause["metric"], cause["column"], cause["status"], cause["kind"]) == ("drift", "amount", "drift", "population")
    assert cause["since"] == cause["since_earliest"] == cause["since_latest"] == START + 20 * DAY
    assert cause["sentence"] == "Since 2026-03-21 00:00 UTC."


def test_what_is_over_or_was_never_there_has_no_cause() -> None:
    over = drift()
    over += [point(30, "drift", 0.05, "ok", column="amount", method="wasserstein", threshold=0.1)]
    assert told(over) == []
    assert told(drift(begins=99)) == []
    assert told([]) == []


def test_a_running_window_and_provisional_labels_open_nothing() -> None:
    calm = drift(begins=99)
    running = {**drift(days=31, begins=30)[-1], "partial": True}
    assert told([*calm, running]) == []
    early = worse(begins=99)
    early[-1] = point(29, "recall", 0.1, "drift", detail={"reference": 0.8, "provisional": True})
    assert told(early) == []


def test_what_was_always_so_began_then_or_before() -> None:
    (cause,) = told(drift(begins=0))
    assert cause["since_earliest"] is None
    assert cause["sentence"] == "Since 2026-03-01 00:00 UTC or before."


@pytest.mark.parametrize(("population", "relation", "kind"), [
    ((-0.01, -0.05, 0.03), (-0.49, -0.55, -0.43), "relation"),
    ((-0.48, -0.55, -0.41), (-0.02, -0.08, 0.04), "population"),
    ((-0.25, -0.30, -0.20), (-0.25, -0.30, -0.20), "population and relation"),
    ((-0.25, -0.80, 0.30), (-0.25, -0.80, 0.30), "cannot tell"),
    (None, None, "cannot tell"),
])  # fmt: skip
def test_a_loss_is_parted_as_far_as_it_can_be(population: Any, relation: Any, kind: str) -> None:
    (cause,) = told(worse(population=population, relation=relation))
    assert cause["kind"] == kind
    assert cause["kind_reason"]
    assert ("cannot tell" in cause["sentence"]) == (kind == "cannot tell")


def test_drivers_are_those_of_all_features_together_weighted_by_importance() -> None:
    together = point(29, "multivariate_drift", 0.9, "drift", method="domain_classifier", detail={"drivers": {"age": 0.6, "amount": 0.4}})
    (cause,) = [row for row in told([*worse(), together]) if row["metric"] == "recall"]
    assert json.loads(cause["drivers"]) == {"age": 0.6, "amount": 0.4}
    assert "carried by age (60 %), amount (40 %)" in cause["sentence"]
    (weighted,) = [row for row in told([*worse(), together], importances={"amount": 0.9, "age": 0.1}) if row["metric"] == "recall"]
    assert json.loads(weighted["drivers"]) == {"amount": pytest.approx(0.8571), "age": pytest.approx(0.1429)}


def test_the_segment_that_loses_is_named_also_where_the_reference_has_none_of_it() -> None:
    segments = [point(29, "rows", 250.0, segment="channel=wallet"), point(29, "rows", 750.0, segment="channel=web"),
                point(29, "recall", 0.05, "insufficient_data", segment="channel=wallet", lower=0.0, upper=0.2, detail={"of": 80}),
                point(29, "recall", 0.79, segment="channel=web", lower=0.6, upper=0.9, detail={"of": 20, "reference": 0.8}),
                point(29, "recall", 0.30, segment="channel=wallet & country=FR", lower=0.0, upper=0.5)]  # fmt: skip
    (cause,) = told(worse(), segments)
    assert cause["segment"] == "channel=wallet"
    assert "of the loss lies in channel=wallet, which has 25 % of the rows" in cause["segment_reason"]


def test_a_drift_sits_in_the_one_segment_that_has_it() -> None:
    found = {"north": (0.9, "drift"), "east": (0.04, "ok"), "south": (0.05, "ok")}
    where = [point(29, "drift", *score, column="amount", method="wasserstein", segment=f"site={site}") for site, score in found.items()]
    (cause,) = told(drift(), where)
    assert cause["segment"] == "site=north"
    (everywhere,) = told(drift(), [{**row, "status": "drift"} for row in where])
    assert (everywhere["segment"], everywhere["segment_reason"]) == ("", "It shows in every judged segment.")
    (unknown,) = told(drift(), [{**row, "status": "insufficient_data"} for row in where])
    assert unknown["segment_reason"] == "Cannot tell: no segment has rows enough to be judged."


def test_a_series_goes_on_across_versions_with_the_one_that_has_more_rows() -> None:
    rows = drift(days=30, begins=20)
    rows = [{**row, "version": "2"} if row["window_start"] >= START + 25 * DAY else row for row in rows]
    rows += [point(day, "rows", 900.0, version="2" if day >= 25 else "1") for day in range(30)]
    rows += [point(27, "rows", 5.0), point(27, "drift", 0.01, column="amount", method="wasserstein")]
    (cause,) = told(rows)
    assert (cause["version"], cause["since"]) == ("2", START + 20 * DAY)
