"""Evidently's own default verdict stands beside ours, and where they differ one line says why."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from monitoring.drift import Sample, evidently_verdict
from monitoring.schema import ModelSchema
from monitoring.service import House
from pages.findings.evidently import disagreements, usual_of
from storage.points import POINTS
from tests.pages import data
from tests.pages.test_drift import made
from tests.pages.test_frame import texts

Open = Callable[..., AppTest]


def usual(n: int, *, shift: float, reference: int = 300) -> dict[str, Any]:
    """What Evidently's default says of `n` normal values whose mean is `shift` away from the reference's."""
    random = np.random.default_rng(11)
    before, now = (Sample.of(pa.array(random.normal(mean, 1, size))) for mean, size in ((0, reference), (shift, n)))
    told = evidently_verdict("numerical", before, now)
    assert told is not None
    return told.to_dict()


def point(told: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One drift point of the column `x` that keeps this default; `detail` is added to it."""
    detail = {"evidently_default": told, **more.pop("detail", {})}
    ours = {"method": told["method"], "value": told["value"], "threshold": told["threshold"], "status": "ok", **more}
    return made({**ours, "detail": json.dumps(detail)}).to_pylist()[0]


def test_the_default_is_told_with_its_method_value_and_limit() -> None:
    told = usual(200, shift=0.5)
    assert told["method"] == "ks"
    assert told["drift"]
    row = point(told, status="drift")
    found = usual_of(row)
    assert found is not None
    assert (found.text, found.value) == ("◆ Drift", told["value"])
    assert found.words.startswith("Evidently's default would say drift (Kolmogorov-Smirnov ")
    assert disagreements([row]) == []


@pytest.mark.parametrize(("more", "why"), [
    ({"threshold": 1e-6, "detail": {"effect": 0.3, "minimum_effect": 0.1}}, "passed by chance in 5 % of columns"),
    ({"detail": {"effect": 0.04, "minimum_effect": 0.1}}, "an effect of 0.0400 is below the 0.100 that counts"),
    ({"status": "insufficient_data", "n": 200}, "200 rows are too few"),
    ({"method": "psi", "value": 0.02, "threshold": 0.1}, "by Population stability index, whose 0.0200 has the threshold 0.100"),
])
def test_where_evidently_alone_names_a_column_one_line_says_why(more: dict[str, Any], why: str) -> None:
    ((column, words),) = disagreements([point(usual(200, shift=0.5), **more)])
    assert column == "x"
    assert words.startswith("Evidently's default would say drift")
    assert why in words


def test_a_distance_within_what_the_reference_does_to_itself_is_said_to_be_that() -> None:
    told = {"method": "wasserstein", "value": 0.15, "threshold": 0.1, "drift": True}
    ((_, words),) = disagreements([point(told, threshold=0.21, detail={"effect": 0.15, "minimum_effect": 0.1})])
    assert words == ("Evidently's default would say drift (Wasserstein distance 0.150, limit 0.100); its limit is the same for all sizes, "
                     "and pairs of these sizes drawn from the reference alone seldom reach 0.210.")


def test_where_a_verdict_waits_for_drift_to_last_that_is_why() -> None:
    told = {"method": "wasserstein", "value": 0.2, "threshold": 0.1, "drift": True}
    held = ("A distance of 0.2. Persistence: past it in 1 of the last 3 windows, 2 of 3 are asked for; without drift at most 0.1 % of "
            "windows name any feature so.")  # fmt: skip
    ((_, words),) = disagreements([point(told, threshold=0.12, status="warn", reason=held, detail={"effect": 0.2, "minimum_effect": 0.1})])
    assert words == ("Evidently's default would say drift (Wasserstein distance 0.200, limit 0.100); 0.200 is past this model's threshold "
                     "0.120 too, but it names a drift only once it lasts: past it in 1 of the last 3 windows, 2 of 3 are asked for.")


@pytest.mark.parametrize("status", ["not_applicable", "failed"])
def test_a_column_without_a_verdict_of_ours_does_not_differ(status: str) -> None:
    told = {"method": "wasserstein", "value": 0.2, "threshold": 0.1, "drift": True}
    assert disagreements([point(told, method="psi", value=None, threshold=None, status=status)]) == []


def test_points_without_a_default_say_nothing() -> None:
    assert usual_of(made({"value": 0.2, "status": "drift"}).to_pylist()[0]) is None
    assert disagreements([made({"value": 0.2, "status": "drift", "detail": "{}"}).to_pylist()[0]]) == []


def test_the_drift_and_feature_pages_show_it(empty_home: House, open_page: Open) -> None:
    window = data.windows()[-1]
    default = {"method": "wasserstein", "value": 0.3, "threshold": 0.1, "drift": True}
    told = {"evidently_default": default, "effect": 0.3, "minimum_effect": 0.1}
    rows = [{**row, "status": "ok", "value": 0.3, "threshold": 0.4, "method": "wasserstein", "detail": json.dumps(told)}
            if (row["metric"], row["column"]) == ("drift", "amount") else row for row in data.points_of("card-fraud", window).to_pylist()]
    empty_home.store.register_model(ModelSchema.from_dict(data.SPECS["card-fraud"]).to_dict())
    empty_home.store.save_window("card-fraud", "3", window, pa.Table.from_pylist(rows, schema=POINTS),
                                 data.profiles_of("card-fraud", window), window_name="1d", run="r")
    page = open_page("watch/drift", empty_home, model="card-fraud")
    assert not page.exception
    shown = page.dataframe[0].value.set_index("Column")
    assert (shown["Evidently"]["amount"], shown["Evidently"]["country"]) == ("◆ Drift", "")
    assert "**amount**: Evidently's default would say drift (Wasserstein distance 0.300, limit 0.100)" in texts(page)
    page = open_page("watch/feature", empty_home, model="card-fraud", feature="amount")
    assert "Evidently's default would say drift" in texts(page)
