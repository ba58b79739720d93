"""Every page passes axe (WCAG 2.2 A and AA) in both themes, wide and narrow."""

from __future__ import annotations

import os
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.e2e.conftest import AXE, Server, visiting

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


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("width", "dark"), [(1440, False), (1440, True), (390, False), (390, True)])
def test_a_page_has_no_violations(server: Server, browser: Browser, name: str, width: int, dark: bool) -> None:
    with visiting(browser, width=width, dark=dark) as visitor:
        visitor.goto(server.url(name, model="card-fraud"), page=name)
        assert violations(visitor.page) == []
        assert visitor.strangers == []
