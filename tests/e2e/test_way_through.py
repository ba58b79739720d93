"""The way of somebody who wants to know what is wrong: overview → drift heat map → a click → feature → export."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, expect

from monitoring import service
from monitoring.charts.theme import Look
from tests.e2e.conftest import Server, Visitor, visiting

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

DRIFTED = "item_popularity"  # planted by the demo: docs/demo.md


def export_rows(visitor: Visitor, folder: Path, *, table: int = 0) -> list[dict[str, object]]:
    """What the JSON export of one of the page's tables holds."""
    visitor.page.get_by_role("button", name="Export").click()
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("button", name="JSON", exact=True).nth(table).click()
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
    visitor.goto(server.url("drift", model="diagnosis-triage", range="all"), page="drift")
    shown = export_rows(visitor, tmp_path)
    asked = service.call(server.home, "points", model="diagnosis-triage", metric="drift").to_pylist()
    key = ("version", "window_start", "column")
    whole = [row for row in asked if row["segment"] == ""]  # the page shows all rows where no segment is chosen
    expected = {(row["version"], row["window_start"].isoformat().replace("+00:00", "Z"), row["column"]): row["value"] for row in whole}
    assert len(expected) == len(whole)
    found = {tuple(row[name] for name in key): row["value"] for row in shown}
    assert found == expected


@pytest.mark.parametrize("name", ["overview", "drift", "feature", "performance", "segments", "traffic", "reports", "models", "health"])
def test_each_page_opens_by_its_address_without_asking_another_host(server: Server, visitor: Visitor, name: str) -> None:
    visitor.goto(server.url(name, model="card-fraud"), page=name)
    assert visitor.page.get_by_role("alert").count() == 0
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()


def choose_row(visitor: Visitor, table: int, row: int) -> None:
    """Tick the box before a row of a table; Streamlit draws tables on a canvas with rows and a header of 35 px."""
    grid = visitor.page.locator("[data-testid='stDataFrame']").nth(table)
    grid.scroll_into_view_if_needed()
    grid.click(position={"x": 15, "y": 35 + 35 * row + 17})


def test_choosing_a_row_of_the_drift_table_opens_its_feature(server: Server, visitor: Visitor) -> None:
    visitor.goto(server.url("drift", model="shop-recommendations"), page="drift")
    at = parse_qs(urlsplit(visitor.page.url).query)["at"]
    choose_row(visitor, table=0, row=1)
    visitor.ready("feature")
    query = parse_qs(urlsplit(visitor.page.url).query)
    drifted = [row for row in service.call(server.home, "points", model="shop-recommendations", metric="drift").to_pylist()
               if row["column"] == query["feature"][0] and row["window_start"].isoformat() == at[0]]
    assert query["at"] == at
    assert [row["status"] for row in drifted] == ["drift"]  # the table has the most alarming columns on top


def test_choosing_a_stored_report_shows_that_report(server: Server, visitor: Visitor, tmp_path: Path) -> None:
    visitor.goto(server.url("reports", model="card-fraud", range="all", kind="performance"), page="reports")
    stored = export_rows(visitor, tmp_path, table=1)
    visitor.page.keyboard.press("Escape")
    choose_row(visitor, table=0, row=2)
    chosen = stored[2]
    visitor.page.wait_for_url(f"**kind={chosen['kind']}**")
    visitor.ready("reports")
    query = parse_qs(urlsplit(visitor.page.url).query)
    assert query["at"][0].split("+")[0] == str(chosen["window_start"]).replace("Z", "")
    expect(visitor.page.get_by_role("button", name="Generate")).to_be_visible()


@pytest.mark.parametrize(("dark", "background"), [(False, "rgb(255, 255, 255)"), (True, "rgb(16, 22, 31)")])
def test_both_themes_render(server: Server, browser: Browser, dark: bool, background: str) -> None:
    with visiting(browser, dark=dark) as visitor:
        visitor.goto(server.url("drift", model="card-fraud"), page="drift")
        visitor.page.wait_for_selector(".js-plotly-plot .ytick text")
        colours = visitor.page.evaluate("""() => {
            const of = selector => getComputedStyle(document.querySelector(selector));
            const ticks = document.querySelector('.js-plotly-plot .ytick text');
            return {page: of('[data-testid=stApp]').backgroundColor, tick: getComputedStyle(ticks).fill, title: of('h1').color};
        }""")
        assert colours["page"] == background == rgb(Look(dark=dark).palette.surface)
        assert colours["title"] == colours["tick"] == rgb(Look(dark=dark).palette.text)  # charts follow the theme too


def rgb(colour: str) -> str:
    """`#RRGGBB` as a browser's computed style says it."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgb({red}, {green}, {blue})"
