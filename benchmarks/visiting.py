"""A dashboard as its own process over a home, and what each view of a page costs it: as a browser asks, without one."""

from __future__ import annotations

__all__ = ["Dashboard", "Visit", "serving", "settle"]

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from monitoring.planning import CODE
from storage.store import Store

_ROOT = Path(__file__).parents[1]
_QUIET = {"OPENBLAS_NUM_THREADS": "1", "DO_NOT_TRACK": "1", "MONITORING_RUN_SECONDS": "86400"}  # one look for what is due, at the start
_MOST_SECONDS = 600.0
_IDLE = 50.0  # CPU milliseconds a second: the collector looks at the spool twice a second
_READY = re.compile(rb'driftboard-ready[^>]*data-ms="([0-9.]+)')


def settle(store: Store) -> None:
    """Nothing is due of any model: of made-up findings, which are of no rows, a run would find that out and take them away."""
    now = datetime.now(UTC)
    with store.writing() as cursor:
        cursor.execute('INSERT INTO explained SELECT DISTINCT model, "window", CAST($now AS TIMESTAMPTZ) FROM window_states', {"now": now})
    for name in store.models():
        store.settle(name, window="", serial=store.count(name), code=CODE, since=now, until=None)


@dataclass(frozen=True, slots=True)
class Visit:
    """One view: CPU milliseconds of the server's process (all threads), milliseconds by the clock that the page itself says it took, and
    the bytes that went to the browser, before they were compressed."""

    cpu: float
    page: float
    bytes: int


class Dashboard:
    """A server that answers."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._clock = (~process.pid << 3) | 2  # Linux: the clock of another process's CPU time
        self._port = port

    @contextmanager
    def session(self, page: str = "") -> Iterator[Session]:
        """A visitor's connection, which stays open from view to view; `page` is the page's path, empty for the start page."""
        with connect(f"ws://127.0.0.1:{self._port}/_stcore/stream", subprotocols=[Subprotocol("streamlit")], max_size=None,
                     compression=None, open_timeout=_MOST_SECONDS) as talk:  # fmt: skip
            yield Session(talk, page, self.cpu)

    def cpu(self) -> float:
        """Milliseconds of the process's CPU time so far."""
        return 1000 * time.clock_gettime(self._clock)

    def rest(self) -> None:
        """Wait until it has nothing to do any more, two minutes at the most: what begins with the server is no view's cost."""
        idle, end = 0, time.monotonic() + 120.0
        while idle < 3 and time.monotonic() < end:
            before = self.cpu()
            time.sleep(1.0)
            idle = idle + 1 if self.cpu() - before < _IDLE else 0


@dataclass(slots=True)
class Session:
    """Views of one page, one after the other."""

    _talk: ClientConnection
    _page: str
    _cpu: Callable[[], float]

    def visit(self, **params: str) -> Visit:
        """Run the page's script with these parameters in the URL, to its end."""
        asked = BackMsg()
        asked.rerun_script.query_string = urlencode(params)
        asked.rerun_script.page_name = self._page
        began, size, page = self._cpu(), 0, None
        self._talk.send(asked.SerializeToString())
        while True:
            data = self._talk.recv(timeout=_MOST_SECONDS, decode=False)
            size += len(data)
            found = _READY.search(data)
            page = float(found[1]) if found else page
            if ForwardMsg.FromString(data).WhichOneof("type") == "script_finished":
                break
        if page is None:
            raise RuntimeError("The page did not say that it was drawn.")
        return Visit(self._cpu() - began, page, size)


@contextmanager
def serving(home: Path, log: Path) -> Iterator[Dashboard]:
    """`streamlit run app.py` over the home on a free port of loopback, from when it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.headless", "true",
               "--server.address", "127.0.0.1", "--server.fileWatcherType", "none", "--browser.gatherUsageStats", "false"]  # fmt: skip
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=_ROOT, env={**os.environ, **_QUIET, "MONITORING_HOME": str(home)}, stdout=out, stderr=out)
    try:
        _answers(f"http://127.0.0.1:{port}/healthz", process)
        yield Dashboard(process, port)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def _answers(url: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _MOST_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("The dashboard did not answer.")
