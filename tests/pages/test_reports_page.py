"""The reports page lists what is stored, shows it in a frame, makes what is missing in the background, and compares two windows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from monitoring.charts.numbers import with_unit
from monitoring.errors import EngineError
from monitoring.schema import ModelSchema
from monitoring.service import House
from monitoring.windows import Window
from pages.operate import jobs
from tests.pages import data

Open = Callable[..., AppTest]
WINDOW, BEFORE, RUNNING = data.windows()[-2], data.windows()[-3], data.windows()[-1]


def at(window: Any) -> str:
    """A window as the link writes it."""
    return f"{window.start.isoformat()}/{window.end.isoformat()}"


def words(page: AppTest) -> str:
    """Everything that the page says in markdown, without the escapes."""
    return "\n".join(element.value for element in page.markdown).replace("\\", "").replace("\u00a0", " ")


def stored(house: House, window: Any, *, kind: str = "drift", ending: str = "html") -> str:
    """A report's file in the home and its row; its id."""
    name = f"{kind}-{window.start:%Y%m%d}.{ending}"
    (house.home.reports / name).write_text("<!doctype html><title>report</title>")
    return house.store.save_report({"model": "card-fraud", "version": "3", "kind": kind, "window": "1d", "window_start": window.start,
                                    "window_end": window.end, "format": ending, "path": name, "run": "r"})


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """Card fraud with its last three windows; one drift report of the newest complete one is rendered."""
    with House.open(tmp_path / "home") as house:
        house.store.register_model(ModelSchema.from_dict(data.SPECS["card-fraud"]).to_dict())
        for window in (BEFORE, WINDOW, RUNNING):
            house.store.save_window("card-fraud", "3", window, data.points_of("card-fraud", window), None, window_name="1d", run="r")
        stored(house, WINDOW)
        stored(house, WINDOW, kind="summary", ending="snapshot")
        yield house


def settled(page: AppTest, condition: Callable[[AppTest], bool]) -> AppTest:
    """The page run again until the condition holds; at most ten seconds."""
    for _ in range(100):
        if condition(page):
            return page
        time.sleep(0.1)
        page.run()
    raise AssertionError("The page did not get there.")


def test_the_newest_complete_windows_report_stands_in_a_frame_from_the_route(home: House, open_page: Open) -> None:
    page = open_page("operate/reports", home, model="card-fraud")
    assert not page.exception
    assert not page.error
    (row,) = [row for row in home.store.reports("card-fraud").to_pylist() if row["format"] == "html"]
    (frame,) = page.get("iframe")
    assert frame.proto.src == f"/reports-files/{row['report_id']}"
    assert "5 Nov 2026 00:00 – 6 Nov 2026 00:00 UTC" in words(page)


def test_every_stored_report_is_listed(home: House, open_page: Open) -> None:
    page = open_page("operate/reports", home, model="card-fraud")
    listed = page.dataframe[-1].value
    assert set(zip(listed["Report"], listed["Stored as"], strict=True)) == {("Data drift", "HTML"), ("Data summary", "snapshot")}


def test_a_link_opens_kind_and_window(home: House, open_page: Open) -> None:
    mark = stored(home, BEFORE, kind="performance")
    page = open_page("operate/reports", home, model="card-fraud", kind="performance", at=at(BEFORE))
    (frame,) = page.get("iframe")
    assert frame.proto.src == f"/reports-files/{mark}"


def test_two_windows_stand_beside_each_other_with_what_differs(home: House, open_page: Open) -> None:
    stored(home, BEFORE)
    page = open_page("operate/reports", home, model="card-fraud", **{"with": at(BEFORE)})
    assert len(page.get("iframe")) == 2
    differs = page.dataframe[0].value
    row = dict(zip(differs["Metric"], differs.to_dict("records"), strict=True))["Latency p95"]
    values = [next(point["value"] for point in home.store.points(model="card-fraud", metric="latency_p95").to_pylist()
                   if point["window_start"] == window.start) for window in (WINDOW, BEFORE)]
    assert [row["A"], row["B"]] == [with_unit(value, "ms") for value in values]


def test_a_report_that_is_older_than_its_window_is_not_shown_as_if_it_held(home: House, open_page: Open) -> None:
    home.store.save_report({"model": "card-fraud", "version": "3", "kind": "drift", "window": "1d", "window_start": WINDOW.start,
                            "window_end": WINDOW.end, "format": "snapshot", "path": "drift-20261105.html", "run": "r"})
    page = open_page("operate/reports", home, model="card-fraud")
    assert not page.get("iframe")
    assert "Open by itself" not in [link.proto.label for link in page.get("link_button")]
    assert "is older than what is known of this window now: generate it again." in words(page)
    stored(home, WINDOW)
    page = open_page("operate/reports", home, model="card-fraud")
    assert len(page.get("iframe")) == 1
    assert "is older than" not in words(page)


def test_windows_that_share_a_start_stand_beside_each_other(home: House, open_page: Open) -> None:
    longer = Window(WINDOW.start, RUNNING.end)
    stored(home, longer)
    page = open_page("operate/reports", home, model="card-fraud", at=at(WINDOW), **{"with": at(longer)})
    assert not page.exception
    assert len(page.get("iframe")) == 2


def test_a_report_is_made_in_the_background_and_its_progress_survives_a_reload(
    home: House, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slow(self: House, **wanted: Any) -> dict[str, Any]:
        wanted["progress"]({"done": 1, "total": 4, "note": "comparing columns"})
        assert go_on.wait(20)
        return {"report_id": stored(self, BEFORE), "file": "unused"}

    monkeypatch.setattr(House, "report", slow)
    page = open_page("operate/reports", home, model="card-fraud", at=at(BEFORE))
    assert not page.get("iframe")
    next(button for button in page.button if button.label == "Generate").click()
    try:
        settled(page.run(), lambda seen: bool(seen.get("progress")) and "comparing columns" in seen.get("progress")[0].proto.text)
        reloaded = open_page("operate/reports", home, model="card-fraud", at=at(BEFORE))
        (bar,) = reloaded.get("progress")
        assert (bar.proto.value, "1 of 4" in bar.proto.text) == (25, True)
    finally:
        go_on.set()
    settled(reloaded, lambda seen: bool(seen.get("iframe")))


def test_a_report_that_fails_says_its_sentence(home: House, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(self: House, **_: Any) -> dict[str, Any]:
        raise EngineError("Evidently died: out of memory. Try a shorter range.")

    monkeypatch.setattr(House, "report", failing)
    page = open_page("operate/reports", home, model="card-fraud", kind="summary", at=at(BEFORE))
    next(button for button in page.button if button.label == "Generate").click()
    settled(page.run(), lambda seen: bool(seen.error))
    assert "Evidently died: out of memory. Try a shorter range." in page.error[0].value.replace("\\", "").replace("\u00a0", " ")


def test_the_points_of_the_shown_window_are_offered(home: House, open_page: Open) -> None:
    page = open_page("operate/reports", home, model="card-fraud")
    rows = home.store.points(model="card-fraud", since=WINDOW.start, until=WINDOW.end)
    assert f"**Points** :small[:gray[{rows.num_rows} rows]]" in "\n".join(element.value for element in page.markdown)


def test_without_a_stored_report_the_page_names_the_command(home: House, open_page: Open) -> None:
    page = open_page("operate/reports", home, model="card-fraud", version="3", kind="performance", at=at(RUNNING))
    assert not page.get("iframe")
    assert "Generate" in {button.label for button in page.button}


def test_without_a_computed_window_the_page_names_the_command(empty_home: House, open_page: Open) -> None:
    empty_home.store.register_model(ModelSchema.from_dict(data.SPECS["card-fraud"]).to_dict())
    page = open_page("operate/reports", empty_home, model="card-fraud")
    assert any(code.value == "python -m monitoring run card-fraud" for code in page.code)


def test_a_job_of_the_same_key_runs_once_and_hides_what_is_not_for_a_person() -> None:
    go_on, starts = threading.Event(), []

    def work(_: jobs.Progress) -> str:
        starts.append(1)
        assert go_on.wait(20)
        raise ZeroDivisionError("secret detail")

    first, second = jobs.start(("k",), work), jobs.start(("k",), work)
    go_on.set()
    for _ in range(200):
        if first.state != "running":
            break
        time.sleep(0.02)
    assert first is second
    assert starts == [1]
    assert first.state == "failed"
    assert "secret detail" not in first.error
    jobs.forget(("k",))
    assert jobs.find(("k",)) is None


def test_of_many_reports_a_page_is_listed_and_a_link_opens_any(home: House, open_page: Open) -> None:
    for window in data.windows()[:-3]:
        for kind in ("drift", "performance"):
            stored(home, window, kind=kind)
    page = open_page("operate/reports", home, model="card-fraud", version="3", range="all")
    offered = next(box for box in page.selectbox if box.label.startswith("Page"))
    assert (offered.label, offered.options) == ("Page, of 56 reports", ["1", "2"])
    assert len(page.dataframe[-1].value) == 50
    last = open_page("operate/reports", home, model="card-fraud", version="3", range="all", page="2")
    assert len(last.dataframe[-1].value) == 6
    oldest = open_page("operate/reports", home, model="card-fraud", version="3", range="all", at=at(data.windows()[0]))
    assert len(oldest.get("iframe")) == 1


def test_a_link_to_a_window_that_is_not_there_shows_the_newest(home: House, open_page: Open) -> None:
    for nonsense in ("x", "2026-01-01T00:00:00+00:00/2026-01-02T00:00:00+00:00", "2026-01-01/2026-01-02", "a/b/c"):
        page = open_page("operate/reports", home, model="card-fraud", at=nonsense)
        assert not page.exception
        assert "5 Nov 2026 00:00 – 6 Nov 2026 00:00 UTC" in words(page)


def test_the_full_report_of_the_raw_rows_is_one_click_away(home: House, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def full(self: House, **wanted: Any) -> dict[str, Any]:
        asked.append(wanted)
        return {"report_id": stored(self, WINDOW, kind="full"), "file": "unused"}

    monkeypatch.setattr(House, "report", full)
    page = open_page("operate/reports", home, model="card-fraud")
    next(button for button in page.button if button.label == "Full Evidently report of the raw rows").click()
    settled(page.run(), lambda seen: "Full Evidently report of the raw rows" in words(seen) and bool(seen.get("iframe")))
    assert [(one["kind"], one["since"], one["format"]) for one in asked] == [("full", WINDOW.start.isoformat(), "html")]
    assert page.query_params["kind"] == "full"


def test_everything_found_in_the_window_is_offered_as_one_small_file(home: House, open_page: Open) -> None:
    page = open_page("operate/reports", home, model="card-fraud")
    assert "All findings, to print" in [button.proto.label for button in page.get("download_button")]
