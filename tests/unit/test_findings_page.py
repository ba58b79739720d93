"""Our page of one window: the points' numbers in full, small, without scripts or requests, for narrow screens and for paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from monitoring.findings_page import WindowFindings, document, read
from monitoring.service import House
from tests.pages import data

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WINDOW = data.windows()[-8]  # drifted and labelled
HOSTILE = '<script>alert(1)</script>"&\'</title><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House.open(tmp_path_factory.mktemp("findings") / "home") as house:
        data.fill(house.store)
        yield house


def found(house: House, model: str = "card-fraud") -> WindowFindings:
    window = read(house.reader, model=model, version=data.SPECS[model]["version"], window="1d", start=WINDOW.start, end=WINDOW.end)
    assert window is not None
    return window


class Elements(HTMLParser):
    """Names of elements, values of `data` elements and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.values: set[float] = set()
        self.addresses: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.names.add(tag)
        given = dict(attrs)
        self.addresses += [given[name] for name in ("src", "href", "xlink:href") if name in given]
        if tag == "data":
            self.values.add(float(given["value"]))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("model", list(data.SPECS))
def test_every_value_and_threshold_of_the_points_stands_on_the_page_in_full(house: House, model: str) -> None:
    window = found(house, model)
    page = Elements(document(window))
    whole = [point for point in window.points if not point["segment"]]
    assert whole
    assert [point for point in whole if point["value"] is not None and point["value"] not in page.values] == []
    drifted = [point for point in whole if point["metric"] == "drift"]
    assert {point["threshold"] for point in drifted if point["threshold"] is not None} <= page.values
    for status in {point["status"] for point in window.points}:
        assert {"ok": "OK", "drift": "Drift", "warn": "Warning"}.get(status, "") in page.text
    for section in ("Verdict", "Performance", "Drift", "Data quality", "Traffic & latency", "How this is decided"):
        assert section in page.text


def test_the_verdict_names_what_drifted_first(house: House) -> None:
    text = Elements(document(found(house))).text
    verdict = text[text.index("Verdict") : text.index("Performance")]
    assert all(name in verdict for name in data.DRIFTED)
    assert "12 drift" in verdict


def test_the_page_loads_nothing_and_runs_nothing(house: House) -> None:
    text = document(found(house))
    page = Elements(text)
    assert not page.names & {"script", "link", "img", "iframe", "object", "a", "form"}
    assert page.addresses == []
    assert "default-src 'none'" in text
    assert not re.search(r"https?://|@import|url\(", text)


def test_names_of_users_are_text(house: House) -> None:
    window = found(house)
    renamed = [{**point, "column": HOSTILE if point["column"] == "amount" else point["column"], "reason": HOSTILE}
               for point in window.points]  # fmt: skip
    profiles = [{**row, "column": HOSTILE if row["column"] == "amount" else row["column"], "label": HOSTILE} for row in window.profiles]
    page = document(replace(window, model=HOSTILE, points=renamed, profiles=profiles))
    assert not Elements(page).names & {"script", "img"}
    assert "alert(1)" in page


def test_three_hundred_columns_stay_below_one_megabyte(house: House) -> None:
    window = found(house)
    points, profiles = list(window.points), list(window.profiles)
    for number in range(300):
        name = f"a feature with a rather long name, number {number}"
        points += [{**point, "column": name} for point in window.points if point["column"] == "hour" and not point["segment"]]
        profiles += [{**row, "column": name} for row in window.profiles if row["column"] == "hour"]
    page = document(replace(window, points=points, profiles=profiles))
    assert "number 299" in page
    assert len(page.encode()) < 1_000_000


def test_a_window_without_findings_has_no_page(house: House) -> None:
    later = data.windows()[-1].end
    assert read(house.reader, model="card-fraud", version="3", window="1d", start=later, end=later) is None


@pytest.mark.e2e
@pytest.mark.slow
def test_it_fits_wide_and_narrow_screens_and_paper_and_asks_for_nothing(house: House, tmp_path: Path, browser: Browser) -> None:
    target = tmp_path / "page.html"
    target.write_text(document(found(house)), encoding="utf-8")
    for width in (1440, 390):
        page = browser.new_page(viewport={"width": width, "height": 900})
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.on("console", lambda message, said=said: said.append(message.text))
        page.goto(target.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert page.locator("figure svg").first.is_visible()
        assert asked == [target.as_uri()]
        assert said == []
        if width == 390:
            page.emulate_media(media="print")
            page.set_viewport_size({"width": 700, "height": 990})  # A4 within its margins, at 96 dots per inch
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            assert page.pdf(prefer_css_page_size=True)[:5] == b"%PDF-"
        page.close()
