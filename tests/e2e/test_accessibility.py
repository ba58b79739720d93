"""Every page passes axe (WCAG 2.2 A and AA) in both themes, wide and narrow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.conftest import AXE, Server, Visitor, visiting

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PAGES = ["overview", "drift", "feature", "performance", "segments", "traffic", "reports", "models", "health"]
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}


def violations(page: Any) -> list[str]:
    page.add_script_tag(path=str(AXE))
    found = page.evaluate("rules => axe.run(document, rules)", RULES)["violations"]
    return [f"{one['id']}: {one['help']} — " + "; ".join(node["html"][:160] for node in one["nodes"][:3]) for one in found]


@pytest.fixture(scope="module", autouse=True)
def axe() -> None:
    if not AXE.exists():
        reason = "axe-core is not installed: npm install."
        if os.environ.get("CI"):
            raise RuntimeError(reason)
        pytest.skip(reason)


@pytest.fixture(scope="module", params=[(1440, 390, False), (390, 1440, True)], ids=["light", "dark"])
def reader(request: pytest.FixtureRequest, browser: Browser) -> Iterator[tuple[Visitor, tuple[int, int]]]:
    """Somebody with one theme who opens pages at the first width and then has the second; the browser keeps what it loaded."""
    first, second, dark = request.param
    with visiting(browser, width=first, dark=dark) as visitor:
        yield visitor, (first, second)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_violations(server: Server, reader: tuple[Visitor, tuple[int, int]], name: str) -> None:
    visitor, widths = reader
    visitor.page.set_viewport_size({"width": widths[0], "height": 1000})
    visitor.goto(server.url(name, model="card-fraud"), page=name)
    found = {}
    for width in widths:
        visitor.page.set_viewport_size({"width": width, "height": 1000})
        visitor.page.wait_for_timeout(500)  # the page lays itself out anew, and Plotly draws one frame after that
        found[width] = violations(visitor.page)
    assert found == {width: [] for width in widths}
    assert visitor.strangers == []
