"""The rows of a reference can go: drift, quality, verdicts and segments go on with the very same numbers, and what needs rows says so."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring import runner
from monitoring.engine_jobs import Job, Result
from monitoring.errors import NotFound
from monitoring.evidently_worker import EvidentlyWorker
from monitoring.full_report import full_snapshot
from monitoring.reference.forgetting import forget_rows
from monitoring.reference.opening import baseline_of
from monitoring.report_windows import ReportWindow
from storage.collector import Collector
from storage.custody import facts
from storage.custody.backup import back_up, check_backup
from storage.custody.erasing import erase
from storage.custody.inspection import inspect_files
from storage.custody.rebuilding import rebuild
from storage.custody.reference_profiles import Fact, ReferenceProfile
from storage.errors import StoreError
from storage.home import Home
from storage.store import Store
from tests import no_pages
from tests.unit.test_runner import DAY, LATER, SCHEMAS, START, calls, log, put_reference

pytestmark = pytest.mark.slow  # each draws what chance does, which takes some seconds of CPU


class NoPages(no_pages.NoPages):
    """And none would be of more of the reference than is handed over."""

    def analyse(self, job: Job) -> Result:
        assert job.reference is None or job.reference.num_rows <= 20_000
        return super().analyse(job)


def run(store: Store, *, everything: bool = False, now: Any = LATER) -> runner.RunResult:
    return runner.run(store, workers=[NoPages()], jobs=1, now=now, everything=everything)


def points(store: Store, **filters: Any) -> list[dict[str, Any]]:
    return sorted(store.points("m", **filters).drop_columns(["computed_at", "run"]).to_pylist(), key=str)


def profiles(store: Store) -> list[dict[str, Any]]:
    return sorted(store.profiles("m", None, "1d", START).to_pylist(), key=str)


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A binary model with a reference of 40 days, so that it has windows of its own, and one computed day."""
    path = tmp_path_factory.mktemp("computed") / "home"
    with Store.open(Home(path)) as store:
        log(store, "binary", calls("binary", 200, seed=1, shift=2.0))
        put_reference(store, "binary", n=1_000)
        assert run(store).failed == 0
    return path


@pytest.fixture
def home(computed: Path, tmp_path: Path) -> Home:
    shutil.copytree(computed, tmp_path / "home")
    return Home(tmp_path / "home")


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    with Store.open(home) as opened:
        yield opened


def raw_rows(home: Home) -> list[str]:
    """Where rows of the reference still lie."""
    with Store.open(home) as store, store.reading() as cursor:
        cursor.execute("SELECT count(*) FROM ref_000001 WHERE id IS NOT NULL OR t IS NOT NULL OR label_text IS NOT NULL")
        (row,) = cursor.fetchall()
    found = [str(path) for path in (home.export / "references").glob("*")]
    found += [str(path) for path in home.export.glob("model=*/reference-*") if set(pq.read_table(path)["id"].to_pylist()) - {None}]
    return [*found, *(["the table"] if row[0] else [])]


@pytest.mark.parametrize("task", SCHEMAS)
def test_points_are_the_same_without_the_rows(tmp_path: Path, task: str) -> None:
    with Store.open(Home(tmp_path / "kept")) as store:
        log(store, task, calls(task, 200, seed=1, shift=2.0))
        put_reference(store, task, n=1_500)
        assert run(store).failed == 0
    shutil.copytree(tmp_path / "kept", tmp_path / "gone")
    found = {}
    for name in ("kept", "gone"):
        with Store.open(Home(tmp_path / name)) as store:
            if name == "gone":
                assert forget_rows(store, "m")["rows"] == 1_500
                assert not list((store.home.export / "references").iterdir())
                with pytest.raises(StoreError, match=r"rows of this reference were deleted on \d{4}"):
                    store.reference("m")
            log(store, task, calls(task, 150, seed=2, start=START + DAY))
            assert run(store, everything=True).failed == 0
            found[name] = points(store), profiles(store)
    assert found["gone"] == found["kept"]
    assert {point["window_start"] for point in found["gone"][0]} == {START, START + DAY}
    assert any(point["metric"] == "drift" and point["status"] == "drift" for point in found["gone"][0])
    assert raw_rows(Home(tmp_path / "gone")) == []


def test_the_rows_leave_the_exported_facts_and_the_next_rebuild_does_not_bring_them_back(home: Home) -> None:
    with Store.open(home) as store:
        with store.reading() as cursor:
            facts.write(home, cursor)
        forget_rows(store, "m")
        info, first = store.reference_info("m"), points(store)
    for with_facts in (True, False):
        if not with_facts:
            (home.export / "manifest.json").unlink()
        home.database.unlink()
        rebuild(home)
        assert raw_rows(home) == []
        with Store.open(home) as store:
            assert store.reference_info("m") == info
            assert run(store, everything=True).failed == 0
            assert points(store) == first


def test_facts_that_are_older_than_the_deletion_bring_no_rows_back(home: Home) -> None:
    with Store.open(home) as store, store.reading() as cursor:
        facts.write(home, cursor)
    shutil.copytree(home.export, home.path / "older")
    with Store.open(home) as store:
        forget_rows(store, "m")
    shutil.rmtree(home.export)
    (home.path / "older").rename(home.export)
    home.database.unlink()
    rebuild(home)
    assert raw_rows(home) == []


_KILLED = """
import os, sys
from pathlib import Path
from monitoring.reference.forgetting import forget_rows
from storage.custody import facts, forgetting, given, reference_profiles
from storage.home import Home
from storage.store import Store

def die(*args, **more):
    os.kill(os.getpid(), 9)

room, name = {"facts": (reference_profiles, "put"), "decision": (forgetting, "put"), "tables": (forgetting, "_empty"),
              "file": (given, "forget_reference"), "export": (facts, "write")}[sys.argv[2]]
with Store.open(Home(Path(sys.argv[1]))) as store:
    setattr(room, name, die)
    forget_rows(store, "m")
"""


@pytest.mark.parametrize(("at", "gone"), [("facts", False), ("decision", False), ("tables", True), ("file", True), ("export", True)])
def test_a_process_killed_while_it_deletes_leaves_all_rows_or_none(home: Home, at: str, gone: bool) -> None:
    with Store.open(home) as store, store.reading() as cursor:
        facts.write(home, cursor)
    for path in home.references.rglob("*.parquet"):
        path.unlink()  # so that there is something to write
    died = subprocess.run([sys.executable, "-c", _KILLED, str(home.path), at], capture_output=True, check=False, timeout=300)
    assert died.returncode == -9, died.stderr
    if gone:
        assert raw_rows(home) == []  # opening the home finishes it
    with Store.open(home) as store:
        first = points(store)
        info = store.reference_info("m") or {}
        assert (info["forgotten_at"] is not None) == gone
        if not gone:
            table = store.reference("m")
            assert table is not None
            assert table.num_rows == 1_000
        assert run(store, everything=True).failed == 0
        assert points(store) == first
        assert forget_rows(store, "m")["rows"] == 1_000
    assert raw_rows(home) == []


def test_a_model_without_a_reference_has_nothing_to_delete(tmp_path: Path) -> None:
    with Store.open(Home(tmp_path)) as store:
        log(store, "binary", calls("binary", 5, seed=1))
        with pytest.raises(NotFound, match="has no reference whose rows could be deleted"):
            forget_rows(store, "m")


def test_a_disk_that_takes_no_facts_keeps_the_rows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in store.home.references.rglob("*.parquet"):
        path.unlink()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("storage.custody.reference_profiles.put", full)
    with pytest.raises(StoreError, match=r"No space left on device.* no row was deleted"):
        forget_rows(store, "m")
    table = store.reference("m")
    assert table is not None
    assert table.num_rows == 1_000


def test_a_backup_holds_what_was_kept(home: Home, tmp_path: Path) -> None:
    with Store.open(home) as store:
        forget_rows(store, "m")
        first = points(store)
        back_up(store, Collector(store), tmp_path / "copy")
    assert check_backup(tmp_path / "copy") == []
    assert not [one for one in inspect_files(Home(tmp_path / "copy"))[1] if "reference" in one.what]
    with Store.open(Home(tmp_path / "copy")) as store:
        assert run(store, everything=True).failed == 0
        assert points(store) == first


def test_a_reference_that_is_loaded_again_has_rows_again(store: Store) -> None:
    forget_rows(store, "m")
    first = points(store)
    put_reference(store, "binary", n=1_000)
    assert (store.reference_info("m") or {})["forgotten_at"] is None
    table = store.reference("m")
    assert table is not None
    assert table.num_rows == 1_000
    assert run(store, everything=True).failed == 0
    assert points(store) == first


def test_a_fact_lost_with_the_rows_is_told_in_one_sentence(store: Store) -> None:
    forget_rows(store, "m")
    for path in store.home.references.rglob("*.parquet"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    assert run(store, everything=True).failed > 0
    reasons = {point["reason"] for point in points(store, metric="drift_share")}
    assert len(reasons) == 1
    assert "deleted on" in min(map(str, reasons))
    assert "load the reference again" in min(map(str, reasons))
    findings = [one for one in inspect_files(store.home)[1] if "reference of m are lost" in one.what]
    assert [one.level for one in findings] == ["error"]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"model": "m"}', "a date"])
def test_a_damaged_word_that_the_rows_are_gone_is_told_with_what_to_do(
    store: Store, content: bytes | str, caplog: pytest.LogCaptureFixture
) -> None:
    forget_rows(store, "m")
    assert [one for one in inspect_files(store.home)[1] if "references" in one.what] == []
    (path,) = store.home.references.rglob("forgotten.json")
    path.write_bytes(content if isinstance(content, bytes) else path.read_bytes().replace(b'"loaded_at": "', b'"loaded_at": "in '))
    caplog.clear()
    (found,) = (one for one in inspect_files(store.home)[1] if str(path) in one.what)
    assert caplog.messages == [], "it is said once, by the examination"
    assert (found.level, "passes for one that has them" in found.what) == ("error", True)
    assert found.do == "restore it from a backup, or remove its folder and load the reference again"
    shutil.rmtree(path.parent)  # as advised
    put_reference(store, "binary", n=1_000)
    assert run(store, everything=True).failed == 0
    assert [one for one in inspect_files(store.home)[1] if "references" in one.what] == []


def test_what_needs_rows_says_that_they_are_gone(store: Store) -> None:
    forget_rows(store, "m")
    at = ReportWindow(model="m", version="1", window="1d", start=START, end=START + DAY, computed_at=LATER, n=200)
    with pytest.raises(NotFound, match="raw rows of the reference were deleted on"):
        full_snapshot(store, NoPages(), at)  # type: ignore[arg-type]
    log(store, "binary", calls("binary", 60, seed=5, start=START + 2 * DAY), drift={"method": {"numerical": "anderson"}})
    run(store)
    found = next(p for p in points(store, metric="drift", column="amount", since=START + 2 * DAY) if not p["segment"])
    assert found["status"] == "not_applicable"
    assert "Evidently computes anderson from the reference's rows" in found["reason"]
    assert "deleted on" in found["reason"]


def test_evidently_s_pages_are_still_made(store: Store) -> None:
    forget_rows(store, "m")
    with EvidentlyWorker() as worker:
        assert runner.run(store, workers=[worker], jobs=1, now=LATER, everything=True).failed == 0
    assert {row["kind"] for row in store.reports("m").to_pylist()} == {"drift", "performance", "summary"}


def test_a_subject_leaves_what_was_kept_and_sums_stay(store: Store) -> None:
    forget_rows(store, "m")
    profile = store.reference_profile("m")
    assert profile is not None
    before = {name: fact.table.num_rows for name, fact in profile.facts()}
    told = erase(store, Collector(store), "country", ["FR"])
    kept = dict(profile.facts())
    rows = {name: fact for name, fact in kept.items() if "rows/" in name}
    assert rows
    assert told["rows kept of references"] == sum(before[name] - fact.table.num_rows for name, fact in rows.items()) > 0
    for fact in rows.values():
        assert set(fact.table["country"].to_pylist()) == {"DE"}
    assert not [name for name in told["left"] if name.startswith("references/")]
    amounts = next(fact for name, fact in kept.items() if name.endswith("column/numerical/amount"))
    assert amounts.table.num_rows == 1_000
    assert run(store, everything=True).failed == 0


def test_erasing_takes_away_what_was_worked_out_of_rows_that_are_there(store: Store) -> None:
    assert list(store.home.references.rglob("*.parquet"))
    erase(store, Collector(store), "country", ["FR"])
    assert not list(store.home.references.rglob("*.parquet"))


_GONE = r"The rows of this reference were deleted on \d{4}-\d\d-\d\d, and what is kept of them does not say this"


def said(found: list[dict[str, Any]], metric: str, **where: str) -> list[dict[str, Any]]:
    return [point for point in found if point["metric"] == metric and all(point[name] == value for name, value in where.items())]


def of_another_kind(n: int) -> list[dict[str, Any]]:
    return [call | {"features": call["features"] | {"shop": f"s{place % 3}"}} for place, call in enumerate(calls("binary", n, seed=1))]


def test_segments_that_no_version_had_say_so_and_all_else_stands(tmp_path: Path) -> None:
    features = {"amount": "numerical", "country": "categorical", "shop": "categorical"}
    with Store.open(Home(tmp_path)) as store:
        log(store, "binary", of_another_kind(900), features=features)
        reference = [{"timestamp": call["t"] - 30 * DAY, "label": call["label"], "prediction": call["prediction"], "score": call["score"],
                      **call["features"]} for call in of_another_kind(900)]  # fmt: skip
        store.put_reference("m", pa.Table.from_pylist(reference), "made for the test")
        forget_rows(store, "m")
        later = [call | {"id": f"later {call['id']}", "t": call["t"] + DAY} for call in of_another_kind(900)]
        log(store, "binary", later, version="2", features=features, segments=["country", "shop"])
        assert run(store).failed == 0
        found = points(store, version="2")
    assert {point["status"] for point in said(found, "drift", column="amount", segment="country=FR")} == {"ok"}
    for segment in ("shop=s1", "country=FR & shop=s1"):
        (drift,) = said(found, "drift", column="amount", segment=segment)
        assert (drift["status"], drift["value"]) == ("not_applicable", None)
        assert re.search(f"Which of the reference's rows are of this segment was not kept. {_GONE}", drift["reason"])
        (accuracy,) = said(found, "accuracy", segment=segment)
        assert accuracy["status"] == "insufficient_data"
        assert accuracy["value"] is not None
        assert re.search(_GONE, accuracy["reason"])
    (gap,) = said(found, "accuracy_gap", segment="shop=s1")
    assert gap["value"] is not None
    assert re.search(f"Nothing to judge it by: no limit is set. What it was in the reference was not kept. {_GONE}", gap["reason"])
    (gap,) = said(found, "accuracy_gap", segment="country=FR")
    assert gap["threshold"] is not None
    (slices,) = said(found, "slices_found")
    assert slices["value"] is not None
    assert re.search(f"What slices lose in the reference was not kept.*{_GONE}", slices["reason"])


def test_segments_that_the_reference_never_had_are_not_called_unknown(store: Store) -> None:
    forget_rows(store, "m")
    strangers = [call | {"features": call["features"] | {"country": "IT"}} for call in calls("binary", 200, seed=3, start=START + DAY)]
    log(store, "binary", strangers)
    assert run(store).failed == 0
    (accuracy,) = said(points(store, since=START + DAY), "accuracy", segment="country=IT")
    assert accuracy["status"] == "ok"
    assert "kept" not in (accuracy["reason"] or "")


def test_values_beyond_those_that_are_kept_are_called_unknown(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitoring.reference.completing._MOST_VALUES", 1)
    for path in store.home.references.rglob("*.parquet"):
        path.unlink()
    forget_rows(store, "m")
    assert run(store, everything=True).failed == 0
    found = [point for name in ("country=FR", "country=DE") for point in said(points(store), "accuracy", segment=name)]
    assert sorted(bool(re.search(_GONE, point["reason"] or "")) for point in found) == [False, True]


def test_windows_of_another_length_count_rows_as_independent_and_say_why(store: Store) -> None:
    forget_rows(store, "m")
    log(store, "binary", calls("binary", 200, seed=6, start=START + 7 * DAY), version="2", window="12h")
    assert run(store).failed == 0
    for point in said(points(store, version="2"), "multivariate_drift"):
        assert re.search(f"Rows count as independent: .* was not kept. {_GONE}", point["reason"])
        assert "independent_rows" in point["detail"]
    for point in said(points(store, version="1"), "multivariate_drift"):
        assert "independent" not in point["reason"]


def test_what_a_kill_left_of_a_reference_that_was_being_given_goes_too(store: Store) -> None:
    (given,) = (store.home.export / "references").glob("*.parquet")
    shutil.copy(given, given.with_name(f".{given.name}.part"))
    forget_rows(store, "m")
    assert not list((store.home.export / "references").iterdir())


def test_a_reference_that_is_loaded_again_is_worked_out_anew_after_an_erasure(store: Store) -> None:
    forget_rows(store, "m")
    erase(store, Collector(store), "country", ["FR"])
    put_reference(store, "binary", n=1_000)
    profile = store.reference_profile("m")
    assert profile is not None
    assert list(profile.facts()) == []
    assert not list(profile.folder.glob("forgotten*"))
    assert run(store, everything=True).failed == 0
    assert {fact.table.num_rows for name, fact in profile.facts() if name.endswith("rows/sampled 20000")} == {1_000}
    (drift,) = said(points(store), "drift", column="amount", segment="")
    assert drift["n_reference"] == 1_000


def test_the_same_reference_given_again_keeps_what_was_worked_out(store: Store) -> None:
    before = sorted(store.home.references.rglob("*.parquet"))
    put_reference(store, "binary", n=1_000)
    assert sorted(store.home.references.rglob("*.parquet")) == before != []


def test_a_reference_replaced_while_a_run_is_under_way_is_not_taken_for_the_old_one(store: Store) -> None:
    for path in store.home.references.rglob("*.parquet"):
        path.unlink()
    under_way = baseline_of(store, "m")
    assert under_way is not None
    put_reference(store, "binary", n=500, seed=9)
    with pytest.raises(StoreError, match="was replaced while this was computed"):
        under_way.sample("amount", "numerical")
    assert not list(store.home.references.rglob("*.parquet"))


def test_facts_of_earlier_code_are_used_where_there_are_no_rows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_rows(store, "m")
    first = points(store)
    monkeypatch.setattr("monitoring.reference.opening.CODE", "raised since")
    assert run(store, everything=True).failed == 0
    assert points(store) == first


def test_a_run_goes_on_where_no_fact_can_be_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    first = points(store)
    for path in store.home.references.rglob("*.parquet"):
        path.unlink()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("storage.custody.reference_profiles.put", full)
    assert run(store, everything=True).failed == 0
    assert points(store) == first


def test_only_their_owner_can_read_what_is_kept(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        profile = ReferenceProfile(Home(tmp_path / "home"), "../../m/\0\n", "0123")
        profile.write("a fact", Fact(pa.table({"value": [1]}), None))
    finally:
        os.umask(umask)
    made = sorted((tmp_path / "home").rglob("*"))
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700, 0o700, 0o700, 0o600]
