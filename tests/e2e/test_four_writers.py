"""Four serving processes log 250 predictions a second each while somebody clicks through the pages: nothing is lost, nothing fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from monitoring import service
from tests.e2e.conftest import ROOT, Server, Visitor, serving, visiting

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

SECONDS = int(os.environ.get("DRIFTBOARD_TEST_SECONDS", "60"))
RATE = 250
WRITER = """
import json, sys, time
from monitoring import ModelSchema, PredictionLogger
home, name, seconds, rate = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
schema = ModelSchema(task="binary", features={"amount": "numerical", "country": "categorical"})
log = PredictionLogger("busy", version="1", schema=schema, home=home)
ids, start, n = [], time.monotonic(), 0
while time.monotonic() - start < seconds:
    ids.append(log.prediction({"amount": n * 0.5, "country": name}, prediction=n % 2, score=(n % 100) / 100, latency_ms=1.0))
    n += 1
    time.sleep(max(0.0, start + n / rate - time.monotonic()))
log.close()
print(json.dumps(ids))
"""
TOUR = ["overview", "drift", "feature", "performance", "segments", "traffic", "reports", "models", "health"]


def test_every_acknowledged_prediction_is_found_and_no_page_fails(tmp_path: Path, browser: Browser) -> None:
    home = tmp_path / "home"
    with serving(home) as server, visiting(browser) as visitor:
        writers = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(home), f"w{i}", str(SECONDS), str(RATE)], cwd=ROOT,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for i in range(4)
        ]
        try:
            _tour(server, visitor)
            acknowledged = [pid for writer in writers for pid in json.loads(_output(writer))]
        finally:
            for writer in writers:  # where the tour failed they must not outlive it
                writer.kill()
                writer.communicate()
        assert None not in acknowledged
        assert len(acknowledged) == len(set(acknowledged)) > 4 * RATE * SECONDS * 0.5
        while service.call(home, "collect")["pending"]:
            time.sleep(0.2)
        found = service.call(home, "table", model="busy", what="predictions")
        assert sorted(found["@id" if "@id" in found.column_names else "id"].to_pylist()) == sorted(acknowledged)
        account = service.call(home, "health")["accounting"]
        assert account["accepted"] == account["ingested"] == len(acknowledged), account
        assert account["offered"] == account["accepted"] + account["sampled_out"] + sum(account["refused"].values())
        assert "Could not set lock" not in server.log.read_text()
        assert "Traceback" not in server.log.read_text()


def _tour(server: Server, visitor: Visitor) -> None:
    """Open page after page until the time is up, and each at least once."""
    visits, end = 0, time.monotonic() + SECONDS
    while time.monotonic() < end or visits < len(TOUR):
        name = TOUR[visits % len(TOUR)]
        visitor.goto(server.url(name, model="busy"), page=name)
        assert "lock" not in visitor.page.inner_text("section.main, [data-testid='stMain']").lower()
        assert visitor.page.get_by_role("alert").filter(has_text="failed").count() == 0
        visits += 1


def _output(writer: subprocess.Popen[str]) -> str:
    out, errors = writer.communicate(timeout=SECONDS + 60)
    assert writer.returncode == 0, errors
    return out
