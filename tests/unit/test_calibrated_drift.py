"""Evidently's page of drift from scores and bars alone: our numbers, our verdicts, the true distributions, and no row."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from monitoring.analysis.baseline import MOST_COMPARED
from monitoring.drift import Sample, comparable
from monitoring.engine_jobs import DriftColumn, Job, Result, Score, Verdict
from monitoring.evidently_worker import EvidentlyWorker
from monitoring.pictures import picture

_EMPTY = pa.table({})


@pytest.fixture(scope="module")
def worker() -> Iterator[EvidentlyWorker]:
    with EvidentlyWorker(timeout=120) as worker:
        yield worker


def known(name: str, value: float, threshold: float | None, **changes: Any) -> DriftColumn:
    """A column whose score and picture the owner knows."""
    before, after = (Sample.of(pa.array(np.random.default_rng(seed).normal(size=n))) for seed, n in ((1, 3_000), (2, 500)))
    score = Score(value=value, method="wasserstein", n=500, n_reference=3_000)
    column = DriftColumn(name, "numerical", "wasserstein", threshold, score=score, picture=picture("wasserstein", before, after))
    return replace(column, **changes)


def page_of(worker: EvidentlyWorker, folder: Path, *columns: DriftColumn) -> tuple[Result, dict[str, Any], str]:
    """What the worker answers, its JSON and its HTML: it is given no row at all."""
    job = Job(task="binary", current=_EMPTY, columns=columns, parts=frozenset({"drift"}), snapshots=folder, name="fraud 3")
    found = worker.analyse(job)
    assert not found.failures
    stored = found.snapshots["drift"]
    told = json.loads(worker.render(stored, format="json", out=folder / "page.json").read_text("utf-8"))
    return found, told, worker.render(stored, format="html", out=folder / "page.html").read_text("utf-8")


def test_numbers_and_verdicts_stand_in_the_json_to_the_digit(worker: EvidentlyWorker, tmp_path: Path) -> None:
    value = 0.1 + 0.2
    p_value = Score(value=0.004, method="length_ks", p_value=0.004, effect=0.31, n=44, n_reference=90)
    columns = (known("far", value, 0.3), known("near", 0.05, 0.3), known("few", 0.7, None),
               known("text", 0.0, 0.01, kind="text", score=p_value, minimum_effect=0.1))  # fmt: skip
    found, told, page = page_of(worker, tmp_path, *columns)
    assert {name: score.value for name, score in found.drift.items()} == {"far": value, "near": 0.05, "few": 0.7, "text": 0.004}
    assert {m["config"]["column"]: m["value"] for m in told["metrics"]} == {"far": value, "near": 0.05, "few": 0.7, "text": 0.004}
    of_text = next(m["config"] for m in told["metrics"] if m["config"]["column"] == "text")
    expected = {"method": "length_ks", "threshold": 0.01, "p_value": 0.004, "effect": 0.31, "minimum_effect": 0.1, "n": 44,
                "n_reference": 90, "status": "drift"}  # fmt: skip
    assert {name: of_text[name] for name in expected} == expected
    tests = {test["metric_config"]["params"]["column"]: test["status"] for test in told["tests"]}
    assert tests == {"far": "FAIL", "near": "SUCCESS", "few": "ERROR", "text": "FAIL"}
    assert "2 of 3" in page
    assert "Kolmogorov-Smirnov of text length. Drift score: 0.004, threshold: 0.01, p-value: 0.004" in page
    assert "Rows: 44 in the window, 90 in the reference." in page


def test_the_owners_verdicts_are_what_the_page_says(worker: EvidentlyWorker, tmp_path: Path) -> None:
    """Whatever threshold and ladder would say: the owner knows the power and the p-value as well."""
    said = {"a": Verdict(status="insufficient_data", threshold=0.5, p_value=0.2, reason="An effect would be found too seldom."),
            "b": Verdict(status="drift", threshold=0.1, p_value=0.0003, reason="The score is past its threshold."),
            "c": Verdict(status="ok", threshold=0.5, p_value=0.4, reason="The score stays within its threshold.")}  # fmt: skip
    columns = [known(name, 0.2, 0.5, verdict=verdict, ladder=(0.5, 0.1, 0.1)) for name, verdict in said.items()]
    _, told, page = page_of(worker, tmp_path, *columns)
    configs = {m["config"]["column"]: m["config"] for m in told["metrics"]}
    for name, verdict in said.items():
        assert (configs[name]["status"], configs[name]["threshold"], configs[name]["p_value"]) == (
            verdict.status, verdict.threshold, verdict.p_value)  # fmt: skip
    tests = {test["metric_config"]["params"]["column"]: test for test in told["tests"]}
    assert [tests[name]["status"] for name in said] == ["ERROR", "FAIL", "SUCCESS"]
    assert all(tests[name]["description"].endswith(verdict.reason) for name, verdict in said.items())
    assert "1 of 2" in page


def test_the_bars_are_those_of_the_picture(worker: EvidentlyWorker, tmp_path: Path) -> None:
    column = known("x", 0.2, 0.3)
    drawn = column.picture
    assert drawn is not None
    assert drawn.edges is not None
    found, _, _ = page_of(worker, tmp_path, column)
    stored = json.loads(gzip.decompress(found.snapshots["drift"].read_bytes()))
    chart = next(w["params"] for w in stored["widgets"] if w["type"] == "big_graph")
    current, reference = chart["data"]
    assert current["x"] == pytest.approx((np.array(drawn.edges[:-1]) + np.array(drawn.edges[1:])) / 2)
    assert current["y"] == pytest.approx(100 * np.array(drawn.current) / 500, abs=1e-4)
    assert reference["y"] == pytest.approx(100 * np.array(drawn.reference) / 3_000, abs=1e-4)
    rows = next(b for b in chart["layout"]["updatemenus"][0]["buttons"] if b["label"] == "abs")["args"][0]["y"]
    assert rows == [list(drawn.current), list(drawn.reference)]


def test_columns_past_their_thresholds_together_are_named_together(worker: EvidentlyWorker, tmp_path: Path) -> None:
    """Benjamini & Hochberg's ladder: two columns past the second rung are named, though neither reaches the first."""
    ladder = (0.5, 0.3, 0.1)
    columns = (known("a", 0.35, 0.5, ladder=ladder), known("b", 0.4, 0.5, ladder=ladder), known("c", 0.05, 0.5, ladder=ladder))
    _, told, _ = page_of(worker, tmp_path, *columns)
    assert {m["config"]["column"]: (m["config"]["status"], m["config"]["threshold"]) for m in told["metrics"]} == {
        "a": ("drift", 0.3), "b": ("drift", 0.3), "c": ("ok", 0.3)}  # fmt: skip


def test_a_column_without_a_score_is_listed_with_its_reason(worker: EvidentlyWorker, tmp_path: Path) -> None:
    missing = replace(known("empty", 0, 0.1), score=Score(reason="The window has no value of this column."), picture=None)
    found, told, page = page_of(worker, tmp_path, known("x", 0.2, 0.3), missing)
    assert found.drift["empty"].reason == "The window has no value of this column."
    assert [m["config"]["column"] for m in told["metrics"]] == ["x"]
    assert "Not compared" in page
    assert "The window has no value of this column." in page


def test_what_is_not_known_is_computed_from_the_rows(worker: EvidentlyWorker, tmp_path: Path) -> None:
    """One column is known, the other is asked of Evidently; its picture is made from the rows too."""
    random = np.random.default_rng(5)
    before, after = pa.table({"y": random.normal(size=900)}), pa.table({"y": random.normal(1, 1, 300)})
    columns = (known("x", 0.2, 0.3), DriftColumn("y", "numerical", "anderson", 0.01))
    job = Job(task="binary", current=after, reference=before, columns=columns, parts=frozenset({"drift"}), snapshots=tmp_path)
    found = worker.analyse(job)
    assert found.drift["x"].value == 0.2
    assert found.drift["y"].p_value == pytest.approx(0.001)
    stored = json.loads(gzip.decompress(found.snapshots["drift"].read_bytes()))
    charts = [w["params"]["layout"]["updatemenus"][0]["buttons"][1]["args"][0]["y"] for w in stored["widgets"] if w["type"] == "big_graph"]
    seen = picture("anderson", *(Sample.of(comparable(t, "y", "numerical")) for t in (before, after)))
    assert charts[1] == [list(seen.current), list(seen.reference)]


def test_a_thousand_columns_make_a_page_of_less_than_five_megabytes(worker: EvidentlyWorker, tmp_path: Path) -> None:
    usual = known("x", 0.2, 0.3)
    columns = [replace(usual, name=f"a feature with a long name, number {i}") for i in range(999)]
    drifted = replace(usual, name="the drifted one", score=replace(usual.score or Score(reason=""), value=0.9))
    found, told, page = page_of(worker, tmp_path, *columns, drifted)
    assert len(told["metrics"]) == 1_000
    assert len(page.encode()) < 5_000_000
    stored = json.loads(gzip.decompress(found.snapshots["drift"].read_bytes()))["widgets"]
    assert sum(w["type"] == "big_graph" for w in stored) == 100
    assert stored[-1]["type"] == "big_graph", "a drifted column has its chart, however many others there are"


_PLAIN = """
import gzip, json, sys, warnings
warnings.simplefilter("ignore")
from evidently.core.report import Snapshot
snapshot = Snapshot.loads(gzip.decompress(open(sys.argv[1], "rb").read()).decode())
assert not [name for name in sys.modules if name.startswith("monitoring")]
assert "Drift in column" in snapshot.get_html_str(as_iframe=False)
print(json.dumps([[m["value"] for m in snapshot.dict()["metrics"]], [t["status"] for t in snapshot.dict()["tests"]]]))
"""


@pytest.mark.slow
def test_any_evidently_loads_the_snapshot_without_this_house(worker: EvidentlyWorker, tmp_path: Path) -> None:
    found, _, _ = page_of(worker, tmp_path, known("x", 0.25, 0.2), known("y", 0.1, 0.2))
    told = subprocess.run([sys.executable, "-c", _PLAIN, str(found.snapshots["drift"])], capture_output=True, text=True, check=True,
                          cwd=tmp_path, env={"DO_NOT_TRACK": "1"})  # fmt: skip
    assert json.loads(told.stdout) == [[0.25, 0.1], ["FAIL", "SUCCESS"]]


@pytest.mark.slow
def test_pages_weigh_the_same_whatever_the_rows(worker: EvidentlyWorker, tmp_path: Path) -> None:
    """1,000 rows and the most that a run gives to Evidently: no row may leave a trace of its own in a page."""
    weights: dict[str, list[int]] = {"drift": [], "performance": []}
    for n in (1_000, MOST_COMPARED):
        random = np.random.default_rng(n)
        label = random.normal(size=n)
        table = pa.table({"x": random.standard_cauchy(n), "c": random.choice(list("abc"), n), "@label": label,
                          "@prediction": label + random.normal(size=n)})  # fmt: skip
        columns = (DriftColumn("x", "numerical", "ks", 0.01), DriftColumn("c", "categorical", "psi", 0.1))
        job = Job(task="regression", current=table, reference=table.slice(0, 1_000), columns=columns, snapshots=tmp_path,
                  parts=frozenset({"drift", "performance"}))  # fmt: skip
        found = worker.analyse(job)
        assert not found.failures
        for part, path in found.snapshots.items():
            weights[part].append(worker.render(path, format="html", out=tmp_path / f"{part}.html").stat().st_size)
    for few, many in weights.values():
        assert many < 5_000_000
        assert many < few * 1.02
