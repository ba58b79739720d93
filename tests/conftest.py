"""What all tests share: one browser for a session, because two Playwrights in one process refuse each other, and the main module."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# Debian's chromium without a display and without its own background traffic, which a closed network would refuse.
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

_MAIN = sys.modules["__main__"]

# A property holds or does not, however long the machine takes: hypothesis has a deadline of its own outside of CI.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def main_module() -> None:
    """Streamlit makes the page that it tests the main module and leaves it so; a process spawned later would run that page first."""
    sys.modules["__main__"] = _MAIN


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        reason = "No chromium on this machine: apt-get install chromium."
        if os.environ.get("CI"):
            raise RuntimeError(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=BROWSER_FLAGS)
        yield made
        made.close()
