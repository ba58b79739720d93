"""The worker process: it survives what a job does to it, and its pages open offline and run nothing a user wrote."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from monitoring.engine_jobs import PARTS, DriftColumn, Job, Score
from monitoring.engine_wire import job_from_line, job_to_line, read_table, result_from_dict, result_to_dict, write_table
from monitoring.errors import EngineError
from monitoring.evidently_worker import EvidentlyWorker

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HOSTILE = ["<script>alert(1)</script>", "</script><img src=x onerror=alert(1)>", 'a"b', "a\\b", "index", "", " ", "é\u2028\nü", "__proto__",
           "driftboard000000token", "@odd", "%s{0}", "a" * 300]  # fmt: skip


@pytest.fixture(scope="module")
def worker() -> Iterator[EvidentlyWorker]:
    with EvidentlyWorker(timeout=120) as worker:
        yield worker


def numbers(n: int, shift: float = 0.0, names: tuple[str, ...] = ("x",)) -> pa.Table:
    rng = np.random.default_rng(n)
    return pa.table({name: rng.normal(shift, 1, n) for name in names})


def drift_job(**changes: Any) -> Job:
    usual: dict[str, Any] = {"task": "binary", "current": numbers(100, 0.5), "reference": numbers(500), "parts": frozenset({"drift"}),
                             "columns": (DriftColumn("x", "numerical", "wasserstein", 0.2),)}
    return Job(**{**usual, **changes})


def test_a_job_and_a_result_cross_unchanged(worker: EvidentlyWorker, tmp_path: Path) -> None:
    job = drift_job(snapshots=tmp_path, ks=(5, 10), user="u", item="i", roles=frozenset({"@score"}), positive_label="1", name="fraud 3")
    line = json.loads(json.dumps(job_to_line(job, current=tmp_path / "c", reference=tmp_path / "r")))
    assert job_from_line(line, current=job.current, reference=job.reference).columns == job.columns
    table = read_table(write_table(job.current, tmp_path / "t.arrow"))
    assert table.equals(job.current)
    result = worker.analyse(drift_job())
    assert result_from_dict(json.loads(json.dumps(result_to_dict(result)))) == result


def test_a_score_is_a_number_or_a_reason_never_nan() -> None:
    for wrong in ({}, {"value": float("nan")}, {"value": 1.0, "reason": "both"}):
        with pytest.raises(ValueError, match="score"):
            Score(**wrong)


def test_the_process_starts_with_the_first_job_and_ends_with_the_context() -> None:
    with EvidentlyWorker() as fresh:
        assert fresh.pid is None
        fresh.warm()
        pid = fresh.pid
        assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.slow
def test_a_killed_worker_is_an_error_with_its_exit_and_the_next_job_gets_a_new_one() -> None:
    with EvidentlyWorker(timeout=120) as fresh:
        assert fresh.analyse(drift_job()).drift["x"].value is not None
        first = fresh.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)  # so that the job is surely under way
        threading.Timer(0.3, os.kill, (first, signal.SIGKILL)).start()
        with pytest.raises(EngineError, match=r"ended unexpectedly \(exit code -9\); the next job starts a new one"):
            fresh.analyse(drift_job())
        assert fresh.analyse(drift_job()).drift["x"].value is not None
        assert fresh.pid not in (None, first)


@pytest.mark.slow
def test_a_stopped_worker_ends_in_the_middle_of_its_job_and_takes_no_other() -> None:
    with EvidentlyWorker() as fresh:
        fresh.warm()
        assert fresh.pid is not None
        os.kill(fresh.pid, signal.SIGSTOP)  # so that the job never ends by itself
        threading.Timer(3, fresh.stop).start()  # by then the job has been handed over, on a busy machine too
        with pytest.raises(EngineError, match="ended unexpectedly"):
            fresh.analyse(drift_job())
        with pytest.raises(EngineError, match="the home is being closed"):
            fresh.analyse(drift_job())
        assert fresh.pid is None


_OWNER = """
import pyarrow as pa
from monitoring.engine_jobs import DriftColumn, Job
from monitoring.evidently_worker import EvidentlyWorker

rows = pa.table({"x": [float(n) for n in range(5_000)]})
worker = EvidentlyWorker()
worker.warm()
print(worker.pid, worker._home(), flush=True)
while True:
    worker.analyse(Job(task="regression", current=rows, reference=rows, columns=(DriftColumn("x", "numerical", "wasserstein"),),
                       parts=frozenset({"drift"})))
    print("one", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [0, 1])
def test_a_worker_ends_and_leaves_no_rows_behind_when_its_owner_is_killed(jobs: int) -> None:
    """While Evidently is being imported (0), and in the middle of the second job (1)."""
    import subprocess
    import sys

    with subprocess.Popen([sys.executable, "-c", _OWNER], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid, folder = owner.stdout.readline().split()
        for _ in range(jobs):
            assert owner.stdout.readline() == "one\n"
        owner.kill()
        deadline = time.monotonic() + 5  # its import alone takes longer
        while alive(int(pid)):
            assert time.monotonic() < deadline, "the worker outlived its owner"
            time.sleep(0.05)
    assert not Path(folder).exists()


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits to be collected by whoever inherited it does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_hanging_worker_is_stopped_after_its_time() -> None:
    with EvidentlyWorker(timeout=0.2) as fresh:
        with pytest.raises(EngineError, match=r"did not answer within 0\.2 s"):
            fresh.analyse(drift_job())
        assert fresh.pid is None


def test_the_owner_never_imports_evidently() -> None:
    import subprocess
    import sys

    code = "import monitoring.evidently_worker, monitoring.verdicts, sys; print([m for m in sys.modules if m.split('.')[0] == 'evidently'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_ctrl_c_reaches_the_owner_not_the_worker(worker: EvidentlyWorker) -> None:
    assert worker.analyse(drift_job()).drift["x"].value is not None
    pid = worker.pid
    assert pid is not None
    os.kill(pid, signal.SIGINT)
    assert worker.analyse(drift_job()).drift["x"].value is not None
    assert worker.pid == pid


def test_jobs_from_several_threads_do_not_mix(worker: EvidentlyWorker) -> None:
    found: dict[float, float | None] = {}

    def ask(shift: float) -> None:
        found[shift] = worker.analyse(drift_job(current=numbers(400, shift))).drift["x"].value

    threads = [threading.Thread(target=ask, args=(float(i),)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [round(found[float(i)] or 0) for i in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize("snapshots", [False, True])
def test_one_columns_error_leaves_the_others_their_values(worker: EvidentlyWorker, tmp_path: Path, snapshots: bool) -> None:
    columns = (DriftColumn("x", "numerical", "anderson"), DriftColumn("y", "numerical", "ks"), DriftColumn("z", "numerical", "es"))
    few = pa.table({"x": [1.0] * 40, "y": [1.0, 2.0] * 20, "z": [1.0, 2.0] * 20})
    job = drift_job(columns=columns, current=few.slice(0, 4), reference=few, snapshots=tmp_path if snapshots else None)
    found = worker.analyse(job).drift
    assert "Evidently cannot compute anderson here: anderson_ksamp needs more than one distinct" in (found["x"].reason or "")
    assert found["y"].value is not None
    assert "is no number" in (found["z"].reason or "")


def test_an_unknown_method_is_answered_with_the_known_ones(worker: EvidentlyWorker) -> None:
    nonsense = worker.analyse(drift_job(columns=(DriftColumn("x", "numerical", "nonsense"),))).drift["x"].reason
    assert (nonsense or "").startswith('"nonsense" is no drift method; valid are: TVD, anderson')


def test_without_a_reference_or_of_the_wrong_kind_a_column_says_so(worker: EvidentlyWorker) -> None:
    assert "no reference" in (worker.analyse(drift_job(reference=None)).drift["x"].reason or "")
    words = pa.table({"x": ["a", "b"] * 40})
    job = drift_job(current=words, reference=words, columns=(DriftColumn("x", "categorical", "ks"),))
    assert "compares numbers" in (worker.analyse(job).drift["x"].reason or "")


def test_scores_with_and_without_a_page_are_the_same(worker: EvidentlyWorker, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    tables = [pa.table({"x": rng.normal(i / 9, 1, n), "c": rng.choice(list("abc"), n)}) for i, n in enumerate((700, 300))]
    asked = [("x", "numerical", m) for m in ("ks", "wasserstein", "psi", "chisquare", "ed")]
    asked += [("c", "categorical", m) for m in ("z", "TVD", "chisquare_contingency")]
    for name, kind, method in asked:
        job = drift_job(reference=tables[0], current=tables[1], columns=(DriftColumn(name, kind, method, 0.1),))
        assert worker.analyse(job).drift == worker.analyse(replace(job, snapshots=tmp_path)).drift


def test_text_and_time_are_compared_by_length_and_age(worker: EvidentlyWorker) -> None:
    moments = pa.array([datetime(2026, 1, 1, tzinfo=UTC)] * 60, pa.timestamp("us", tz="UTC"))
    table = pa.table({"@t": moments, "opened": moments, "comment": ["word"] * 60})
    columns = (DriftColumn("opened", "datetime"), DriftColumn("comment", "text"))
    found = worker.analyse(drift_job(columns=columns, current=table, reference=table)).drift
    assert (found["opened"].method, found["comment"].method) == ("age_ks", "length_ks")
    assert found["opened"].value == 1.0


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression", "ranking"])
def test_nothing_labelled_gives_reasons_and_no_page(worker: EvidentlyWorker, tmp_path: Path, task: str) -> None:
    kind = pa.string() if task in ("binary", "multiclass") else pa.float64()
    table = pa.table({"@prediction": pa.nulls(5, kind), "@label": pa.nulls(5, kind), "@score": pa.nulls(5, pa.float64())})
    found = worker.analyse(Job(task=task, current=table, snapshots=tmp_path, parts=frozenset({"performance"})))
    assert found.performance
    assert all(score.value is None for score in found.performance.values())
    assert not found.snapshots
    assert not found.failures


def test_undefined_ratios_say_why(worker: EvidentlyWorker) -> None:
    table = pa.table({"@label": ["0"] * 40, "@prediction": ["0"] * 40, "@score": np.linspace(0, 1, 40)})
    found = worker.analyse(Job(task="binary", current=table, positive_label="1", parts=frozenset({"performance"}))).performance
    assert found["accuracy", ""].value == 1.0
    assert "nothing to be precise about" in (found["precision", ""].reason or "")
    assert "nothing to find" in (found["recall", ""].reason or "")
    assert found["f1", ""].value is None
    assert "one class" in (found["roc_auc", ""].reason or "")
    assert found["true_negatives", ""].value == 40


def test_scores_that_are_no_probabilities_rank_but_have_no_log_loss(worker: EvidentlyWorker) -> None:
    table = pa.table({"@label": ["0", "1"] * 20, "@prediction": ["0", "1"] * 20, "@score": [-3.0, 12.0] * 20})
    found = worker.analyse(Job(task="binary", current=table, positive_label="1", parts=frozenset({"performance"}))).performance
    assert found["roc_auc", ""].value == 1.0
    assert "no probabilities" in (found["log_loss", ""].reason or "")


def test_multiclass_is_macro_and_per_class_under_the_classes_own_names(worker: EvidentlyWorker) -> None:
    from sklearn.metrics import f1_score, log_loss, precision_score, recall_score, roc_auc_score

    rng = np.random.default_rng(1)
    classes = ["cat", "dog & co", "<b>"]
    label, scores = rng.choice(classes, 300), rng.dirichlet([1, 1, 1], 300)
    decision = np.where(rng.random(300) < 0.6, label, rng.choice(classes, 300))
    table = pa.table({"@label": label, "@prediction": decision} | {f"@score:{c}": scores[:, i] for i, c in enumerate(classes)})
    found = worker.analyse(Job(task="multiclass", current=table, parts=frozenset({"performance"}))).performance
    for name, function in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
        assert found[name, ""].value == pytest.approx(function(label, decision, average="macro"), abs=1e-12)
        for c, expected in zip(sorted(classes), function(label, decision, average=None, labels=sorted(classes)), strict=True):
            assert found[name, c].value == pytest.approx(expected, abs=1e-12)
    onehot = np.column_stack([label == c for c in classes])
    assert found["roc_auc", ""].value == pytest.approx(roc_auc_score(onehot, scores, average="macro"), abs=1e-12)
    assert found["roc_auc", "dog & co"].value == pytest.approx(roc_auc_score(label == "dog & co", scores[:, 1]), abs=1e-12)
    assert found["log_loss", ""].value == pytest.approx(log_loss(onehot, scores), abs=1e-12)


def test_two_classes_are_a_mean_of_both_and_a_missing_class_has_no_area(worker: EvidentlyWorker) -> None:
    from sklearn.metrics import f1_score

    label, decision = ["a", "b", "b", "a", "b"] * 8, ["a", "b", "a", "a", "a"] * 8
    table = pa.table({"@label": label, "@prediction": decision, "@score:a": [0.5] * 40, "@score:b": [0.3] * 40, "@score:c": [0.2] * 40})
    found = worker.analyse(Job(task="multiclass", current=table, parts=frozenset({"performance"}))).performance
    assert found["f1", ""].value == pytest.approx(f1_score(label, decision, average="macro"), abs=1e-12)
    assert found["roc_auc", ""].reason == 'No label is "c"; one of each class is needed.'


def test_regression_has_evidentlys_signs_and_percent(worker: EvidentlyWorker) -> None:
    label, prediction = np.array([10.0, 20.0, 40.0]), np.array([11.0, 18.0, 44.0])
    found = worker.analyse(
        Job(task="regression", current=pa.table({"@label": label, "@prediction": prediction}), parts=frozenset({"performance"}))
    ).performance
    assert found["mean_error", ""].value == pytest.approx(1.0)
    assert found["mape", ""].value == pytest.approx(10.0)
    assert found["mae", ""].value == pytest.approx(7 / 3)
    assert found["rmse", ""].value == pytest.approx(np.sqrt(7.0))


def test_regression_on_zeros_constants_and_negatives(worker: EvidentlyWorker) -> None:
    def quality(label: list[float], prediction: list[float]) -> dict[tuple[str, str], Score]:
        table = pa.table({"@label": label, "@prediction": prediction})
        return dict(worker.analyse(Job(task="regression", current=table, parts=frozenset({"performance"}))).performance)

    assert "labels of zero, and 1 of 3" in (quality([0.0, 1.0, 2.0], [1.0, 1.0, 1.0])["mape", ""].reason or "")
    assert "all labels are equal" in (quality([2.0, 2.0], [1.0, 3.0])["r2", ""].reason or "")
    assert quality([-10.0, -20.0], [-11.0, -18.0])["mape", ""].value == pytest.approx(10.0)
    assert "at least two" in (quality([1.0], [1.0])["mae", ""].reason or "")


class Elements(HTMLParser):
    """What a browser would make of a page: names of elements, texts of scripts, and texts elsewhere but in the title."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.scripts: list[str] = []
        self.texts: list[str] = []
        self._open = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._open = tag
        self.names.add(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "script":
            self.scripts[-1] += data
        elif self._open != "title":
            self.texts.append(data)


def hostile_page(worker: EvidentlyWorker, folder: Path) -> str:
    words = pa.array([HOSTILE[i % 2] for i in range(200)])
    table = pa.table({**{name: numbers(200, names=(name,))[name] for name in HOSTILE}, "words": words})
    columns = (*(DriftColumn(name, "numerical", "wasserstein", 0.1) for name in HOSTILE), DriftColumn("words", "categorical", "psi", 0.1))
    job = drift_job(columns=columns, current=table, reference=table, snapshots=folder, parts=frozenset(PARTS), name=HOSTILE[0])
    found = worker.analyse(job)
    assert not found.failures
    assert {name: score.value for name, score in found.drift.items()} == pytest.approx(dict.fromkeys([*HOSTILE, "words"], 0.0), abs=1e-9)
    return "".join(
        worker.render(found.snapshots[part], format="html", out=folder / f"{part}.html").read_text("utf-8") for part in ("drift", "summary")
    )


def test_hostile_names_and_values_are_shown_but_leave_no_element_behind(worker: EvidentlyWorker, tmp_path: Path) -> None:
    page = hostile_page(worker, tmp_path)
    elements = Elements(page)
    assert "img" not in elements.names
    assert all("alert(1)" not in text and "onerror" not in text for text in elements.texts)
    assert sum("alert(1)" in script for script in elements.scripts) == 2  # as data, once per page
    assert "\\u003cscript\\u003ealert(1)" in page
    assert set(re.findall(r"driftboard\d{6}token", page)) <= {"driftboard000000token"}  # the name that looks like one of ours


@pytest.mark.e2e
@pytest.mark.slow
def test_the_page_opens_with_the_network_off_and_nothing_a_user_wrote_runs(
    worker: EvidentlyWorker, tmp_path: Path, browser: Browser
) -> None:
    hostile_page(worker, tmp_path)
    for part in ("drift", "summary"):
        page = browser.new_page()
        asked: list[str] = []
        dialogs: list[str] = []
        page.on("request", lambda r, asked=asked: asked.append(r.url))
        page.on("dialog", lambda d, dialogs=dialogs: (dialogs.append(d.message), d.dismiss()))
        page.goto((tmp_path / f"{part}.html").as_uri())
        page.get_by_text("words").first.wait_for(timeout=20_000)
        assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
        assert dialogs == []
        assert page.locator("img[src=x]").count() == 0
        page.close()


def test_the_page_carries_our_verdict_not_evidentlys(worker: EvidentlyWorker, tmp_path: Path) -> None:
    """The same scores, once below and once past our threshold; a test beyond chance but too small an effect is not called drift."""

    def page(threshold: float | None, method: str = "wasserstein", minimum_effect: float | None = None) -> str:
        columns = (DriftColumn("x", "numerical", method, threshold, minimum_effect),)
        found = worker.analyse(drift_job(columns=columns, current=numbers(400, 0.5), snapshots=tmp_path))
        return worker.render(found.snapshots["drift"], format="html", out=tmp_path / "page.html").read_text("utf-8")

    assert "Data drift detected" in page(0.3)
    assert "1 of 1" in page(0.3)
    assert "Data drift not detected" in page(0.9)
    assert "Data drift not judged: too few data" in page(None)
    assert "Data drift detected" in page(0.001, "ks", 0.1)
    assert "Data drift not detected" in page(0.001, "ks", 2.0)


def test_snapshots_are_small(worker: EvidentlyWorker, tmp_path: Path) -> None:
    names = tuple(f"f{i}" for i in range(10))
    columns = tuple(DriftColumn(name, "numerical", "wasserstein", 0.2) for name in names)
    job = drift_job(columns=columns, current=numbers(5_000, names=names), reference=numbers(9_000, names=names), snapshots=tmp_path)
    path = worker.analyse(job).snapshots["drift"]
    assert path.name == "drift.json.gz"
    assert path.stat().st_size < 30_000  # measured: about 1.3 kB per column


def test_a_broken_snapshot_is_an_error_that_says_what_to_do(worker: EvidentlyWorker, tmp_path: Path) -> None:
    (tmp_path / "drift.json.gz").write_bytes(b"nothing")
    with pytest.raises(EngineError, match=r"snapshot drift\.json\.gz cannot be read .* run the window again"):
        worker.render(tmp_path / "drift.json.gz", format="html", out=tmp_path / "out.html")


def test_the_reference_crosses_once_per_content(worker: EvidentlyWorker) -> None:
    job = drift_job(reference_hash="content 1")
    worker.analyse(job)
    files = dict(worker._references)
    worker.analyse(drift_job(reference_hash="content 1", current=numbers(120)))
    assert worker._references == files
    for i in range(6):
        worker.analyse(drift_job(reference_hash=f"other {i}"))
    assert len(worker._references) == 4
    assert all(path.exists() for path in worker._references.values())
