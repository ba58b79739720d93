"""A share is written alike everywhere, as a browser shows it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from playwright.sync_api import Browser

from monitoring.charts import curves
from monitoring.charts.document import document
from monitoring.charts.numbers import with_unit
from monitoring.charts.theme import Look
from storage.points import PROFILES

pytestmark = pytest.mark.e2e


def test_ticks_and_hovers_of_shares_are_written_as_texts_are(browser: Browser, tmp_path: Path) -> None:
    rows = [{"kind": "roc", "series": "", "x": x, "value": x} for x in (0.0, 0.25, 0.5, 0.75, 1.0)]
    drawn = curves.roc(pa.Table.from_pylist([{name: row.get(name) for name in PROFILES.names} for row in rows], PROFILES), look=Look())
    page = browser.new_page()
    (tmp_path / "page.html").write_text(document("A page", "", figures={"roc": drawn}, tables={}))
    page.goto(f"file://{tmp_path / 'page.html'}")
    page.wait_for_selector(".ytick")
    quarters = [with_unit(share, "share") for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert quarters[1] == "25 %"
    for axis in ("x", "y"):
        assert page.locator(f".{axis}tick text").all_text_contents() == quarters
    box = page.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector(".hoverlayer text")
    said = " ".join(page.locator(".hoverlayer text").all_text_contents())
    assert "true positive rate 50 %" in said
    page.close()
