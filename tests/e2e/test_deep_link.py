"""A link that somebody sent opens what they saw, even as the first request to a server that has just started."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import serving, visiting

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def test_a_deep_link_as_the_first_request_to_a_fresh_server_renders_that_page(tmp_path: Path, browser: Browser) -> None:
    with serving(tmp_path / "home") as fresh, visiting(browser) as visitor:
        visitor.goto(fresh.url("drift", model="nothing-yet"), page="drift")
        expect(visitor.page.get_by_role("heading", name="Drift", level=1)).to_be_visible()
        expect(visitor.page.get_by_text("No model is registered yet")).to_be_visible()
        expect(visitor.page.get_by_role("link", name="Overview")).to_be_visible()
        assert visitor.strangers == []
