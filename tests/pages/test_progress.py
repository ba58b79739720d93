"""A run under way is seen on every page, is cancelled there, and goes on when somebody says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from monitoring.evidently_worker import EvidentlyWorker
from monitoring.service import House
from tests.no_pages import NoPages
from tests.pages.test_frame import texts
from tests.unit.cli_data import MODEL
from tests.unit.test_service_run import filled

Open = Callable[..., AppTest]
WINDOWS = 10  # of twelve hours, in the five days of the log


class Held:
    """A run that stops after its first window until it is let go."""

    def __init__(self) -> None:
        self.at_first, self._go = Event(), Event()

    def told(self, step: dict[str, Any]) -> None:
        """What a run calls after each window."""
        if step.get("done"):
            self.at_first.set()
            assert self._go.wait(120), "the run was never let go"

    def let_go(self) -> None:
        self._go.set()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A home of which nothing is computed yet."""
    monkeypatch.setattr(EvidentlyWorker, "analyse", NoPages.analyse)
    filled(tmp_path, tmp_path / "home")
    with House.open(tmp_path / "home") as opened:
        yield opened


def test_a_run_is_cancelled_and_resumed_on_a_page(house: House, open_page: Open) -> None:
    held = Held()
    with ThreadPoolExecutor(1) as background:
        run = background.submit(house.run, model=MODEL, window="12h", progress=held.told)
        try:
            assert held.at_first.wait(120), "no window was computed"
            page = open_page("operate/health", house)
            assert f"of {WINDOWS} windows of {MODEL}" in texts(page)
            page.button(key="progress.cancel").click().run()
        finally:
            held.let_go()
        told = run.result(120)
    assert told["cancelled"]
    assert 1 <= told["windows"] < WINDOWS

    page = open_page("operate/health", house)
    assert f"Cancelled after {told['windows']} of {WINDOWS} windows, which are kept." in texts(page)
    assert house.computing.rests_until() is not None
    page.button(key="progress.resume").click().run()
    assert house.computing.rests_until() is None
    assert "Cancelled after" not in texts(page)
    assert [button.key for button in page.button if str(button.key).startswith("progress.")] == []
    assert house.run(model=MODEL, window="12h")["windows"] == WINDOWS - told["windows"]
