"""The frame that all pages share: URL, header, empty and error states, ready marker, exports, text from users."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet
import pytest
from streamlit.testing.v1 import AppTest

from monitoring.charts.document import document
from monitoring.charts.status import STATUSES, status_of, worst
from monitoring.charts.theme import Look
from monitoring.service import House
from pages.frame.export import as_file, file_name
from pages.frame.sections import SECTIONS
from pages.frame.selection import time_range
from pages.frame.text import plain
from tests.pages import data
from tests.pages.conftest import ROOT

Open = Callable[..., AppTest]
NEWEST = datetime(2026, 11, 7, tzinfo=UTC)


def marker(test: AppTest) -> re.Match[str]:
    """The ready marker at the end of the page."""
    html = "\n".join(str(element.value) for element in test.get("html"))  # type: ignore[union-attr]
    found = re.search(r'class="driftboard-ready" data-page="(\w+)" data-run="(\d+)" data-ms="([\d.]+)" hidden', html)
    assert found, "the page ended without its ready marker"
    return found


def texts(test: AppTest) -> str:
    """All markdown of the page, one element per line."""
    return "\n".join(element.value for element in test.markdown).replace("\u00a0", " ")


def test_every_section_has_its_script_one_folder_below_pages() -> None:
    pages = ROOT / "pages"
    assert [path.name for path in pages.glob("*.py")] == ["__init__.py"]
    for section in SECTIONS.values():
        assert section.path.is_file()
        assert section.path.parent.parent == pages
    assert list(SECTIONS) == ["overview", "drift", "feature", "performance", "segments", "traffic", "reports", "health", "models"]


def test_the_navigation_opens_the_overview(full_home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_HOME", str(full_home.home.path))
    test = AppTest.from_file(str(ROOT / "pages/frame/navigation.py"), default_timeout=120).run()
    assert not test.exception
    assert marker(test)[1] == "overview"


@pytest.mark.parametrize("script", [f"{one.folder}/{one.key}" for one in SECTIONS.values() if one.needs_model])
def test_an_empty_home_shows_the_command_that_fills_it_and_loads_the_demo(script: str, open_page: Open, empty_home: House) -> None:
    test = open_page(script, empty_home)
    assert not test.exception
    assert "No model is registered yet." in texts(test)
    assert "python -m monitoring demo" in test.code[-1].value
    assert [button.label for button in test.button] == ["Load the demo"]
    marker(test)


def test_a_home_held_by_another_process_is_one_sentence_with_its_pid(open_page: Open, tmp_path: Path) -> None:
    held = tmp_path / "held"
    program = f"from monitoring.service import House; h = House.open({str(held)!r}); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        test = open_page("watch/drift", held)
        holder.communicate("\n")
    assert not test.exception
    assert len(test.error) == 1
    assert str(holder.pid) in test.error[0].value
    assert "Traceback" not in test.error[0].value
    assert [button.label for button in test.button] == ["Try again"]


def test_an_unexpected_fault_shows_an_id_and_logs_the_details(
    open_page: Open, full_home: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fault(*_: Any, **__: Any) -> pa.Table:
        raise RuntimeError("secret detail <script>")

    monkeypatch.setattr("pages.frame.view.View.points", fault)
    test = open_page("watch/drift", full_home, model="card-fraud")
    assert not test.exception
    shown = test.error[0].value
    assert "This page could not be drawn." in shown
    assert "secret detail" not in shown
    found = re.search(r"`([0-9a-f]{8})`", shown)
    assert found
    record = next(record for record in caplog.records if record.getMessage() == found[1])
    assert "secret detail" in str(record.exc_info)
    marker(test)


def test_the_url_decides_and_every_selector_stands_in_it(open_page: Open, full_home: House) -> None:
    test = open_page("watch/drift", full_home, model="diagnosis", range="7d", window="1d", segment="site=FR", tz="utc")
    assert not test.exception
    params = dict(test.query_params)
    assert params == {**params, "model": "diagnosis", "version": "all", "range": "7d", "window": "1d", "segment": "site=FR", "tz": "utc",
                      "compare": "reference", "at": "2026-11-05T00:00:00+00:00"}
    again = open_page("watch/drift", full_home, **params)
    assert dict(again.query_params) == params
    assert texts(again) == texts(test)


def test_a_selector_writes_the_url(open_page: Open, full_home: House) -> None:
    test = open_page("watch/drift", full_home, model="card-fraud")
    test.selectbox(key="select.model").set_value("bike-demand").run()
    assert test.query_params["model"] == "bike-demand"
    assert test.query_params["version"] == "all"


def test_nonsense_in_the_url_falls_back_to_what_there_is(open_page: Open, full_home: House) -> None:
    test = open_page("watch/drift", full_home, model="'; DROP TABLE points; --", range="yesterday..", at="never", segment="<b>", tz="Mars")
    assert not test.exception
    assert not test.error
    assert test.query_params["model"] == "bike-demand"
    assert test.query_params["range"] == "90d"


def test_ranges_end_where_the_newest_window_ends() -> None:
    assert time_range("7d", NEWEST) == ("7d", datetime(2026, 10, 31, tzinfo=UTC), NEWEST)
    assert time_range("all", NEWEST) == ("all", None, None)
    assert time_range(None, None) == ("90d", None, None)
    assert time_range("2026-10-01..2026-10-31", NEWEST) == (
        "2026-10-01..2026-10-31", datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
    for wrong in ("2026-10-31..2026-10-01", "a..b", "custom", "9999-99-99..", "-5d"):
        assert time_range(wrong, NEWEST)[0] == "90d"


@pytest.mark.parametrize(("text", "shown"), [
    ("plain name", "plain name"), ("snake_case", r"snake\_case"), ("<b>bold</b>", r"\<b\>bold\</b\>"),
    ("[a](javascript:x)", r"\[a\](javascript\:x)"),
    ("- item", r"\- item"), ("1. item", r"1\. item"), ("$x$", r"\$x\$"), (":red[x]", r"\:red\[x\]"), ("a\nb", "a b"), ("00:15", "00:15"),
    ("36\u202f610 rows", "36\u202f610 rows"),
])  # fmt: skip
def test_text_from_users_is_never_read_as_markdown(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_an_icon_in_a_name_stays_text() -> None:
    assert ":\u2060" in plain(":material/check:")
    assert not re.search(r":[\w/]+:", plain(":material/check: :smile:"))


def test_files_hold_exactly_the_rows_of_the_table(full_home: House) -> None:
    table = full_home.store.points(model="card-fraud", metric="drift", window="1d")
    assert pa_parquet.read_table(io.BytesIO(as_file(table, "parquet"))).equals(table)
    rows = json.loads(as_file(table, "json"))
    assert [row["value"] for row in rows] == table.column("value").to_pylist()
    read = pa_csv.read_csv(io.BytesIO(as_file(table, "csv")))
    assert read.column_names == table.column_names
    assert read.column("value").to_pylist() == table.column("value").to_pylist()


def test_the_html_file_loads_nothing_and_escapes_what_users_wrote() -> None:
    table = pa.table({"model": ["<script>alert(1)</script>"], "value": [0.1 + 0.2], "nothing": pa.array([None], pa.float64())})
    text = document("A & B", "now", figures={}, tables={"points": table})
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert "0.30000000000000004" in text
    assert "None" not in text
    assert not re.search(r"(?:src|href)=", text)


def test_a_file_name_holds_nothing_that_could_be_a_path() -> None:
    assert file_name("drift", "points", "../../etc/<passwd>", "csv") == "driftboard_etc-passwd_drift_points.csv"
    assert file_name("health", "runs", "", "json") == "driftboard_health_runs.json"


def test_statuses_have_one_table_and_the_config_uses_its_colours() -> None:
    config = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())
    for status in STATUSES.values():
        key = f"{status.markdown}TextColor"
        assert config["theme"]["light"][key] == status.light
        assert config["theme"]["dark"][key] == status.dark
    assert config["theme"]["light"]["textColor"] == Look().palette.text
    assert config["theme"]["dark"]["backgroundColor"] == Look(dark=True).palette.surface
    assert worst(["ok", "insufficient_data", "drift"]).name == "drift"
    assert worst([]).word == "No data yet"
    assert status_of("unheard of").name == "none"


@pytest.mark.parametrize("dark", [False, True])
def test_every_status_and_colour_has_enough_contrast(dark: bool) -> None:
    palette = Look(dark=dark).palette
    for colour in (*(status.colour(dark) for status in STATUSES.values()), palette.text, palette.muted):
        assert contrast(colour, palette.surface) >= 4.5  # WCAG 2.2, 1.4.3
    for colour in (palette.current, palette.reference):
        assert contrast(colour, palette.surface) >= 3.0  # 1.4.11: graphics


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio of two colours."""
    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def test_the_fixture_is_what_its_description_says() -> None:
    assert len(data.windows()) == data.DAYS
    assert data.windows()[-1].partial
