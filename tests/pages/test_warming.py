"""When the server has started, the overview is made before anybody asks, and what stays is out of the garbage collector's sight."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from monitoring.service import House
from pages.findings import summaries
from pages.frame.selection import Selection, time_range
from pages.serving.warming import prepare
from storage.store import Reader

pytestmark = pytest.mark.usefixtures("many_models")


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    """Garbage is looked for as before afterwards."""
    yield
    gc.unfreeze()


def test_the_first_visitor_finds_the_overview_made(full_home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(full_home)
    assert gc.get_freeze_count() > 0
    for name in ("recent_points", "strip_points"):
        monkeypatch.setattr(Reader, name, None)  # whoever asks now fails
    chosen, since, until = time_range(None, full_home.reader.newest_window())
    found = summaries.summaries_of(full_home.reader, Selection(range=chosen, since=since, until=until))
    assert [one.model for one in found] == ["card-fraud", "bike-demand", "diagnosis", "shop-lists"]
    assert len(summaries.strips_of(full_home.reader, Selection(range=chosen, since=since, until=until), [found[0].model])) == 1


def test_a_house_that_closed_meanwhile_is_no_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    house = House.open(tmp_path / "home")
    house.close()
    with caplog.at_level(logging.INFO, "driftboard.serving"):
        prepare(house)
    assert "The overview was not prepared" in caplog.text
