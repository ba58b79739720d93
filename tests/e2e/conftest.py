"""A real server over a real demo home, and a real browser that may talk to nobody else."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """A dashboard that runs as `streamlit run app.py` over one home."""

    port: int
    home: Path
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def url(self, page: str, **params: str) -> str:
        return f"{self.address}/{page}" + (f"?{urlencode(params)}" if params else "")


@contextmanager
def serving(home: Path, *, wait_seconds: float = 90) -> Iterator[Server]:
    """Start the dashboard on a free port of loopback, wait until it answers, stop it with SIGINT."""
    port = free_port()
    log = home.parent / f"server-{port}.log"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.headless", "true",
               "--server.fileWatcherType", "none", "--browser.gatherUsageStats", "false", "--server.address", "127.0.0.1"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "MONITORING_HOME": str(home)}, stdout=out, stderr=out)
    server = Server(port, home, process, log)
    try:
        _wait_for(f"{server.address}/_stcore/health", process, log, wait_seconds)
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=2) as reply:
                if reply.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise RuntimeError(f"The dashboard did not answer on {url}:\n{log.read_text()[-4000:]}")


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the three demo models, small, computed through the command line.

    While one works on pages, `DRIFTBOARD_TEST_DEMO` may name a home that was made by the same command; a copy of it is used.
    """
    home = tmp_path_factory.mktemp("demo") / "home"
    made = os.environ.get("DRIFTBOARD_TEST_DEMO")
    if made:
        return Path(shutil.copytree(made, home, ignore=shutil.ignore_patterns("owner.*")))
    subprocess.run([sys.executable, "-m", "monitoring", "demo", "--home", str(home), "--rows", "6000"], cwd=ROOT, check=True, timeout=900)
    return home


@pytest.fixture(scope="session")
def server(demo_home: Path) -> Iterator[Server]:
    with serving(demo_home) as running:
        yield running


@dataclass
class Visitor:
    """One person at the browser: a page, what it asked of other hosts, and the errors of its console."""

    page: Page
    strangers: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def note(self, request: Request) -> None:
        host = urlsplit(request.url).hostname
        if host not in ("127.0.0.1", None):
            self.strangers.append(request.url)

    def goto(self, url: str, *, page: str) -> None:
        """Open a page of the dashboard and wait until its script is through."""
        self.page.goto(url)
        self.ready(page)

    def ready(self, page: str) -> None:
        """Wait for the page's ready marker and until nothing runs any more."""
        self.page.wait_for_selector(f".driftboard-ready[data-page='{page}']", state="attached", timeout=60_000)
        self.page.wait_for_selector("[data-testid='stStatusWidget']", state="detached", timeout=60_000)
        self.page.wait_for_selector("[data-testid='stApp'][data-test-script-state='notRunning']", timeout=60_000)
        self.page.wait_for_timeout(300)  # Plotly draws one frame after the data arrive


@contextmanager
def visiting(browser: Browser, *, width: int = 1440, height: int = 1000, dark: bool = False) -> Iterator[Visitor]:
    context: BrowserContext = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", accept_downloads=True
    )
    visitor = Visitor(context.new_page())
    context.on("request", visitor.note)
    visitor.page.on("pageerror", lambda error: visitor.errors.append(str(error)))
    try:
        yield visitor
    finally:
        context.close()


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    with visiting(browser) as made:
        yield made
    assert made.strangers == [], "a page asked another host"
    assert made.errors == [], "a page raised an error in the browser"
