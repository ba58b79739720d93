"""The server's own routes: report files that can reach nothing, health, the way to the start page."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from monitoring.service import House
from pages.serving import ROUTES


@dataclass
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


@dataclass
class Client:
    """Asks one server, without following where it leads."""

    port: int

    def get(self, target: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", target)
        answer = connection.getresponse()
        found = Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read().decode())
        connection.close()
        return found


@pytest.fixture
def client(empty_home: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A real server with the routes, over an empty home."""
    monkeypatch.setenv("MONITORING_HOME", str(empty_home.home.path))
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=ROUTES), port=0, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Client(server.servers[0].sockets[0].getsockname()[1])
    server.should_exit = True
    thread.join(10)


def saved(house: House, path: str, *, kind: str = "html") -> str:
    """A report's row in the store; its id."""
    return house.store.save_report({"model": "m", "kind": "drift", "format": kind, "path": path})


def test_a_report_is_served_without_power_over_the_dashboard(client: Client, empty_home: House) -> None:
    (empty_home.home.reports / "r.html").write_text("<h1>drift</h1>")
    answer = client.get(f"/reports-files/{saved(empty_home, 'r.html')}")
    assert answer.status == 200
    assert answer.text == "<h1>drift</h1>"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize("path", ["../db/monitor.duckdb", "../../outside.html", "absent.html"])
def test_a_path_outside_the_reports_is_not_served(client: Client, empty_home: House, path: str) -> None:
    (empty_home.home.path.parent / "outside.html").write_text("secret")
    assert client.get(f"/reports-files/{saved(empty_home, path)}").status == 404


def test_an_id_is_never_a_path(client: Client, empty_home: House, tmp_path: Path) -> None:
    (empty_home.home.reports / "r.html").write_text("<h1>drift</h1>")
    for wrong in ("r.html", "..%2fr.html", "%00", "%27;%20DROP%20TABLE%20reports"):
        assert client.get(f"/reports-files/{wrong}").status == 404
    assert client.get(f"/reports-files/{saved(empty_home, 'r.html', kind='json')}").status == 404


def test_health_says_ok_or_why_not(client: Client, empty_home: House) -> None:
    assert client.get("/healthz").json() == {"status": "ok", "models": 0}
    empty_home.store.close()
    answer = client.get("/healthz")
    assert answer.status == 503
    assert "closed" in answer.json()["reason"]


def test_the_overviews_name_leads_to_the_start_page(client: Client) -> None:
    answer = client.get("/overview?model=a%26b")
    assert answer.status == 307
    assert answer.headers["location"] == "/?model=a%26b"
