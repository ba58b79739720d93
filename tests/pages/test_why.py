"""When and why on the pages: the stored causes, word for word; nothing where nothing is open."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from monitoring.causes.storing import explain_models
from monitoring.service import House
from pages.findings.why import main_reasons, together, why_table
from tests.pages import data


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House.open(tmp_path_factory.mktemp("why") / "home") as house:
        data.fill(house.store)
        explain_models(house.store)
        yield house


def headings(page: AppTest) -> str:
    return "\n".join(element.value for element in page.markdown)


def test_the_drift_page_has_the_stored_causes(explained: House, open_page: Callable[..., AppTest]) -> None:
    causes = explained.store.causes("card-fraud", "1d").to_pylist()
    assert {row["column"] for row in causes if row["metric"] == "drift"} >= set(data.DRIFTED)
    assert {row["since"] for row in causes if row["column"] in data.DRIFTED} == {data.DRIFT_FROM}
    page = open_page("watch/drift", explained, model="card-fraud")
    assert not page.exception
    assert "##### When and why" in headings(page)
    shown = page.dataframe[-1].value
    assert set(shown["Finding"]) == {f"Drift of {row['column']}" for row in causes if row["metric"] == "drift"}
    assert set(shown["What changed"]) == {"The population"}


@pytest.mark.parametrize(("script", "model"), [("watch/drift", "bike-demand"), ("watch/performance", "bike-demand")])
def test_a_calm_model_has_nothing_to_explain(explained: House, open_page: Callable[..., AppTest], script: str, model: str) -> None:
    page = open_page(script, explained, model=model)
    assert not page.exception
    assert "When and why" not in headings(page)


def test_the_overview_says_why_for_the_models_that_need_attention(explained: House, open_page: Callable[..., AppTest]) -> None:
    page = open_page("watch/overview", explained)
    assert not page.exception
    worse = [row for row in explained.store.causes("card-fraud").to_pylist() if row["metric"] == "recall"]
    assert ("When and why" in headings(page)) == bool(worse)


def cause(**more: Any) -> dict[str, Any]:
    row = {"metric": "recall", "column": "", "method": "wilson", "status": "drift", "since": data.FIRST, "since_earliest": data.FIRST,
           "since_latest": data.DRIFT_FROM, "kind": "relation", "kind_reason": "Parts.", "segment": "channel=wallet", "segment_reason": "",
           "drivers": json.dumps({"amount": 0.7, "age": 0.3})}  # fmt: skip
    return row | more


def test_a_cause_in_words() -> None:
    together_too = cause(metric="multivariate_drift", method="domain_classifier", kind="population", segment="", since_earliest=None)
    assert main_reasons([together_too, cause()], "UTC") == [
        "Recall since 8 Oct 2026 00:00: the relation changed, in channel=wallet",
        "All features together (Domain classifier) since 8 Oct 2026 00:00 or before: the population changed, carried by amount 70 %, "
        "age 30 %",
    ]
    lists = [cause(metric="ndcg_at_k", column=column, segment="") for column in ("k=5", "k=10")]
    assert main_reasons(lists, "UTC") == ["NDCG@10 since 8 Oct 2026 00:00: the relation changed"]  # the k that the model's card shows
    row = why_table([cause(kind="cannot tell")], "UTC").to_pylist()[0]
    assert (row["What changed"], row["Carried by"], row["In"]) == ("Cannot tell", "amount 70 %, age 30 %", "channel=wallet")
    assert row["Between"].startswith("8 Oct 2026")
    assert why_table([cause(metric="ndcg_at_k", column="k=5")], "UTC").column("Finding").to_pylist() == ["NDCG@5"]


def test_all_features_together_in_words() -> None:
    point = {"status": "drift", "method": "domain_classifier", "value": 0.61, "threshold": 0.55, "reason": "",
             "detail": json.dumps({"drivers": {"amount": 1.0}})}  # fmt: skip
    (words,) = together([point])
    assert words.endswith("Domain classifier 0.610, threshold 0.550, carried by amount 100 %")
