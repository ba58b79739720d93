"""Which report is given: of exactly the range that was asked for, as its rows are now, and by one rule for every kind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from monitoring import ModelSchema, PredictionLogger, runner
from monitoring.engine_jobs import Job, Result
from monitoring.findings_page import read
from monitoring.report_windows import find
from monitoring.reports import ReportRequest, render
from monitoring.stored_reports import snapshot_of, stored
from monitoring.windows import Window
from storage.collector import Collector
from storage.home import Home
from storage.points import POINTS
from storage.store import Store

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


class Written:
    """In Evidently's place: a snapshot and what is rendered from it say how many rows the window had."""

    def __init__(self) -> None:
        self.analysed = 0

    def analyse(self, job: Job) -> Result:
        self.analysed += 1
        job.snapshots.mkdir(parents=True, exist_ok=True)
        (job.snapshots / "drift.json").write_text(f"{job.current.num_rows} rows")
        return Result(snapshots={"drift": job.snapshots / "drift.json"})

    def render(self, snapshot: Path, *, format: str, out: Path) -> Path:  # noqa: A002
        out.write_text(snapshot.read_text())
        return out


class Reports:
    """The reports of one home, asked for as the command does."""

    def __init__(self, store: Store) -> None:
        self.store, self.worker = store, Written()

    def log(self, days: range, *, hour: int = 0) -> None:
        schema = ModelSchema.from_dict({"task": "regression", "features": {"a": "numerical"}, "window": "1d"})
        with PredictionLogger("m", version="1", schema=schema, home=self.store.home, strict=True) as log:
            for day in days:
                for place in range(50):
                    log.prediction({"a": float(place)}, 0.0, timestamp=START + day * DAY + hour * HOUR + place * timedelta(minutes=1))
        Collector(self.store).once()

    def of(self, since: int | None = None, until: int | None = None, *, kind: str = "drift") -> dict[str, Any]:
        bounds = () if since is None or until is None else (START + since * DAY, START + until * DAY)
        return render(self.store, self.worker, ReportRequest("m", kind, "html", *bounds), compute=self._compute)  # type: ignore[arg-type]

    def text(self, since: int, until: int) -> str:
        return Path(self.of(since, until)["file"]).read_text()

    def _compute(self, since: datetime, until: datetime) -> object:
        return runner.run(self.store, model="m", window="range", since=since, until=until, workers=[self.worker], jobs=1)


@pytest.fixture
def reports(tmp_path: Path) -> Iterator[Reports]:
    """Six days of fifty rows."""
    with Store.open(Home(tmp_path / "home")) as store:
        made = Reports(store)
        made.log(range(6))
        store.put_reference("m", pa.table({"a": np.arange(500.0), "prediction": np.zeros(500)}), "made for the test")
        yield made


def test_ranges_that_share_a_start_have_each_their_own_report(reports: Reports) -> None:
    assert [reports.text(0, until) for until in (2, 4, 2)] == ["100 rows", "200 rows", "100 rows"]
    kept = reports.store.reports("m", kinds=["drift"], format="html").to_pylist()
    assert {row["window_end"]: (reports.store.home.reports / row["path"]).read_text() for row in kept} == {
        START + 2 * DAY: "100 rows", START + 4 * DAY: "200 rows"}  # fmt: skip


def test_the_findings_of_one_range_outlive_those_of_another_that_begins_with_it(reports: Reports) -> None:
    for until in (2, 4, 2, 4):
        reports.of(0, until, kind="findings")
    assert reports.worker.analysed == 2
    for until, rows in ((2, 100), (4, 200)):
        found = read(reports.store, model="m", version="1", window="range", start=START, end=START + until * DAY)
        assert found is not None
        assert found.value("rows") == rows
        assert {row["window_end"] for row in found.profiles} == {found.end}
        assert set(found.courses["rows", ""]) == {float(rows)}


def test_a_range_is_analysed_again_after_late_rows_and_only_then(reports: Reports) -> None:
    first = reports.of(0, 2)
    assert (reports.of(0, 2)["created_at"], reports.worker.analysed) == (first["created_at"], 1)
    reports.log(range(1, 2), hour=5)
    assert (reports.text(0, 2), reports.worker.analysed) == ("150 rows", 2)
    assert reports.of(0, 2, kind="findings")["window"] == "range"
    assert reports.worker.analysed == 2


def test_a_day_whose_own_window_has_no_such_report_is_analysed_again_too(reports: Reports) -> None:
    save(reports.store, START, DAY, name="1d")
    (reports.store.home.reports / f"1d-1-{START:%Y%m%dT%H}").unlink()
    assert reports.text(0, 1) == "50 rows"
    reports.log(range(1), hour=5)
    assert reports.text(0, 1) == "100 rows"


def test_our_page_of_a_range_says_late_rows_too(reports: Reports) -> None:
    reports.of(0, 2, kind="findings")
    reports.log(range(1, 2), hour=5)
    reports.of(0, 2, kind="findings")
    found = read(reports.store, model="m", version="1", window="range", start=START, end=START + 2 * DAY)
    assert found is not None
    assert found.value("rows") == 150


def test_a_range_of_decades_has_a_page(reports: Reports) -> None:
    request = ReportRequest("m", "findings", "html", datetime(1990, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
    made = render(reports.store, reports.worker, request, compute=reports._compute)  # type: ignore[arg-type]
    assert "300" in Path(made["file"]).read_text()


def save(store: Store, start: datetime, size: timedelta, *, name: str, version: str = "1", rows: int = 50) -> None:
    """A window that was computed, and its snapshot of drift."""
    row = dict.fromkeys(POINTS.names) | {
        "model": "m", "version": version, "segment": "", "window_start": start, "window_end": start + size, "metric": "rows", "column": "",
        "method": "", "value": float(rows), "status": "ok", "kind": "realised", "computed_at": datetime.now(UTC), "run": "r",
        "window": name, "partial": False,
    }  # fmt: skip
    path = f"{name}-{version}-{start:%Y%m%dT%H}"
    (store.home.reports / path).write_text("snapshot")
    store.save_report({"model": "m", "version": version, "kind": "drift", "format": "snapshot", "path": path, "window": name,
                       "window_start": start, "window_end": start + size, "run": "r"})  # fmt: skip
    store.save_window("m", version, Window(start, start + size), pa.Table.from_pylist([row], schema=POINTS), window_name=name, run="r")


def newest(store: Store) -> tuple[Any, ...]:
    """What both kinds of report are about by default: the page of findings and Evidently's."""
    snapshot = snapshot_of(store, model="m", kind="drift", version=None, since=None, until=None)
    at = find(store, "m", version=None, since=None, until=None)
    assert snapshot is not None
    assert at is not None
    meant = (at.window, at.version, at.start)
    assert (snapshot["window"], snapshot["version"], snapshot["window_start"]) == meant
    return meant


def test_by_default_every_kind_means_the_newest_ended_window_of_the_models_own_size_and_its_largest_version(reports: Reports) -> None:
    store, today = reports.store, datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    save(store, START, DAY, name="1d")
    assert newest(store) == ("1d", "1", START)
    save(store, START + 2 * DAY, 6 * HOUR, name="6h")
    save(store, START + 3 * DAY, 2 * DAY, name="range")
    assert newest(store) == ("1d", "1", START)
    save(store, START + DAY, DAY, name="1d", rows=90)
    save(store, today, DAY, name="1d")
    save(store, START + DAY, DAY, name="1d", version="2", rows=20)
    assert newest(store) == ("1d", "1", START + DAY)


def test_a_window_without_a_snapshot_of_the_kind_is_passed_over(reports: Reports) -> None:
    save(reports.store, START, DAY, name="1d")
    save(reports.store, START + DAY, DAY, name="1d")
    (reports.store.home.reports / f"1d-1-{START + DAY:%Y%m%dT%H}").unlink()
    found = snapshot_of(reports.store, model="m", kind="drift", version=None, since=None, until=None)
    assert found is not None
    assert found["window_start"] == START
    assert snapshot_of(reports.store, model="m", kind="summary", version=None, since=None, until=None) is None


@pytest.mark.parametrize("kind", ["drift", "findings"])
def test_a_rendered_report_is_fresh_until_its_window_is_computed_again(reports: Reports, kind: str) -> None:
    def fresh() -> bool | None:
        found = stored(reports.store, model="m", kind=kind, version="1", start=START, end=START + 2 * DAY, format="html")
        return None if found is None else found.fresh

    assert fresh() is None
    reports.of(0, 2, kind=kind)
    assert fresh() is True
    reports.log(range(1, 2), hour=5)
    reports._compute(START, START + 2 * DAY)
    assert fresh() is False
    reports.of(0, 2, kind=kind)
    assert fresh() is True


def test_our_page_is_old_once_a_verdict_on_it_was_said_anew(reports: Reports) -> None:
    reports.of(0, 2, kind="findings")
    points = reports.store.points(model="m", window="range", metric="rows")
    reports.store.restate(points)
    found = stored(reports.store, model="m", kind="findings", version="1", start=START, end=START + 2 * DAY, format="html")
    assert found is not None
    assert not found.fresh
