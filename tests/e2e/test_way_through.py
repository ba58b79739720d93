"""The way of somebody who wants to know what is wrong: overview → drift heat map → a click → feature → export."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Server, Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

DRIFTED = "item_popularity"  # planted by the demo: docs/demo.md


def export_rows(visitor: Visitor, folder: Path) -> list[dict[str, object]]:
    """What the page's JSON export holds."""
    visitor.page.get_by_role("button", name="Export").click()
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("button", name="JSON").first.click()
    path = folder / "export.json"
    download.value.save_as(path)
    return list(json.loads(path.read_text()))


def click_cell(visitor: Visitor, column: str) -> None:
    """Click the newest cell of a column in the heat map; the overlay's markers carry the column's name."""
    place = visitor.page.evaluate(
        """column => {
            const plot = [...document.querySelectorAll('.js-plotly-plot')].find(p => p.data.some(t => t.type === 'heatmap'));
            const targets = plot._fullData.find(t => t.type === 'scatter');
            let at = -1;
            targets.customdata.forEach((row, i) => { if (row[0] === column) at = i; });
            const box = plot.getBoundingClientRect(), l = plot._fullLayout;
            return {x: box.x + l._size.l + l.xaxis.d2p(targets.x[at]), y: box.y + l._size.t + l.yaxis.d2p(targets.y[at])};
        }""",
        column,
    )
    visitor.page.mouse.move(place["x"], place["y"])
    visitor.page.wait_for_timeout(200)
    visitor.page.mouse.click(place["x"], place["y"])


def test_from_the_overview_to_the_numbers_of_a_drifted_feature(server: Server, visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.page
    visitor.goto(server.address, page="overview")
    expect(page.get_by_text("models need", exact=False).or_(page.get_by_text("model needs", exact=False)).first).to_be_visible()

    visitor.goto(server.url("drift", model="shop-recommendations"), page="drift")
    expect(page.get_by_text("drifted", exact=False).first).to_be_visible()
    click_cell(visitor, DRIFTED)
    visitor.ready("feature")
    query = parse_qs(urlsplit(page.url).query)
    assert query["feature"] == [DRIFTED]
    assert query["model"] == ["shop-recommendations"]

    rows = export_rows(visitor, tmp_path)
    assert {row["column"] for row in rows if row.get("metric") == "drift"} == {DRIFTED}
    assert any(row["status"] == "drift" for row in rows)
    # the address alone brings another person to the same view
    link = page.url
    visitor.goto(link, page="feature")
    assert page.url == link


def test_the_page_shows_the_numbers_that_the_command_line_exports(server: Server, visitor: Visitor, tmp_path: Path) -> None:
    from monitoring import service

    visitor.goto(server.url("drift", model="diagnosis-triage", range="all"), page="drift")
    shown = export_rows(visitor, tmp_path)
    asked = service.call(server.home, "points", model="diagnosis-triage", metric="drift").to_pylist()
    key = ("version", "window_start", "column")
    expected = {(row["version"], row["window_start"].isoformat().replace("+00:00", "Z"), row["column"]): row["value"] for row in asked}
    found = {tuple(row[name] for name in key): row["value"] for row in shown}
    assert found == expected


@pytest.mark.parametrize("name", ["overview", "drift", "feature", "performance", "traffic", "reports", "models", "health"])
def test_each_page_opens_by_its_address_without_asking_another_host(server: Server, visitor: Visitor, name: str) -> None:
    visitor.goto(server.url(name, model="card-fraud"), page=name)
    assert visitor.page.get_by_role("alert").count() == 0
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
