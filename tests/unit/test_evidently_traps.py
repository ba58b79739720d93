"""Evidently 0.7.23's traps, each shown and each stepped over. One worker serves all tests of this module."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from monitoring.engine_jobs import PARTS, DriftColumn, Job, Result, Score
from monitoring.evidently_worker import EvidentlyWorker


@pytest.fixture(scope="module")
def worker() -> Iterator[EvidentlyWorker]:
    with EvidentlyWorker(timeout=120) as worker:
        yield worker


@pytest.fixture(scope="module")
def evidently() -> Any:
    """Evidently's public face in this process, for comparison."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import evidently
        import evidently.metrics
    return evidently


def drift_of(worker: EvidentlyWorker, method: str, reference: list[Any], window: list[Any], kind: str = "categorical") -> Score:
    type_ = pa.string() if kind == "categorical" else pa.float64()
    tables = (pa.table({"x": pa.array(values, type_)}) for values in (reference, window))
    job = Job(task="binary", reference=next(tables), current=next(tables), columns=(DriftColumn("x", kind, method),),
              parts=frozenset({"drift"}))
    return worker.analyse(job).drift["x"]


def quality(worker: EvidentlyWorker, task: str = "binary", **columns: Any) -> Result:
    table = pa.table({f"@{name}": values for name, values in columns.items()})
    return worker.analyse(Job(task=task, current=table, positive_label="1", parts=frozenset({"performance"})))


def test_trap_1_the_logged_decision_is_measured_not_the_score_cut_at_one_half(worker: EvidentlyWorker) -> None:
    rng = np.random.default_rng(1)
    label = rng.random(2_000) < 0.1
    score = np.clip(0.2 * label + 0.3 * rng.random(2_000), 0, 1)  # deployed cut: 0.2; nothing reaches 0.5
    decision = score >= 0.2
    found = quality(worker, label=np.where(label, "1", "0"), prediction=np.where(decision, "1", "0"), score=score).performance
    assert found["recall", ""].value == pytest.approx((decision & label).sum() / label.sum(), abs=1e-12)
    assert found["precision", ""].value == pytest.approx((decision & label).sum() / decision.sum(), abs=1e-12)
    assert found["true_positives", ""].value == (decision & label).sum()
    from sklearn.metrics import log_loss, roc_auc_score

    assert found["roc_auc", ""].value == pytest.approx(roc_auc_score(label, score), abs=1e-12)
    assert found["log_loss", ""].value == pytest.approx(log_loss(label, score), abs=1e-12)


def test_trap_2_values_at_k_are_taken_by_position_because_ndcg_and_mrr_number_their_ranks_one_too_high(worker: EvidentlyWorker) -> None:
    table = pa.table({
        "user": ["a", "a", "a", "b", "b", "b", "c", "c", "c"], "item": list("xyzxyzxyz"),
        "@score": [1.25, 1.0, 0.3, 0.9, 0.8, 0.7, 1.0, 0.5, 0.3], "@label": [1.0, 0, 0, 0, 0, 0, 0, 0, 1],
    })  # fmt: skip
    found = worker.analyse(
        Job(task="ranking", current=table, user="user", item="item", ks=(1, 2, 3, 50), parts=frozenset({"performance"}))
    ).performance
    assert [found["ndcg_at_k", f"k={k}"].value for k in (1, 2, 3)] == pytest.approx([0.5, 0.5, 0.75])
    assert [found["mrr", f"k={k}"].value for k in (1, 2, 3)] == pytest.approx([0.5, 0.5, 2 / 3])
    assert [found["map_at_k", f"k={k}"].value for k in (1, 2, 3)] == pytest.approx([0.5, 0.5, 2 / 3])
    assert found["recall_at_k", "k=50"] == found["recall_at_k", "k=3"]


def test_trap_2_items_of_equal_score_share_no_rank(worker: EvidentlyWorker) -> None:
    table = pa.table({"user": ["a"] * 3, "@score": [0.5, 0.5, 0.5], "@label": [1.0, 1.0, 0.0]})
    found = worker.analyse(Job(task="ranking", current=table, user="user", ks=(1, 2), parts=frozenset({"performance"}))).performance
    assert found["precision_at_k", "k=1"].value == 1.0
    assert found["recall_at_k", "k=1"].value == 0.5


def test_trap_3_g_test_of_unequal_sizes_and_chi_square_of_one_category_say_why_not(worker: EvidentlyWorker) -> None:
    assert "same size" in (drift_of(worker, "g_test", ["a", "b", "c"] * 20, ["a", "b"] * 20).reason or "")
    assert drift_of(worker, "g_test", ["a", "b", "c"] * 20, ["a", "b", "c"] * 20).value == pytest.approx(1.0)
    assert "only one" in (drift_of(worker, "chisquare", ["a"] * 50, ["a"] * 40).reason or "")


def test_trap_3_anderson_is_cut_off_and_its_cut_still_counts_as_past_the_threshold(worker: EvidentlyWorker) -> None:
    from monitoring.drift import Sample
    from monitoring.verdicts import calibrate, judge_drift

    rng = np.random.default_rng(1)
    reference, window = rng.normal(0, 1, 400).tolist(), rng.normal(2, 1, 400).tolist()
    score = drift_of(worker, "anderson", reference, window, "numerical")
    assert score.value == 0.001
    assert judge_drift(score, calibrate("anderson", Sample.of(pa.array(reference)), 400, key="x")).status == "drift"


@pytest.mark.parametrize("method", ["wasserstein", "ks", "psi", "jensenshannon", "kl_div", "hellinger", "ed", "t_test", "mannw"])
def test_trap_4_nulls_are_dropped_from_numbers_before_evidently_sees_them(worker: EvidentlyWorker, method: str) -> None:
    rng = np.random.default_rng(2)
    reference, window = rng.normal(0, 1, 300).tolist(), rng.normal(0.2, 1, 200).tolist()
    holes = [None, float("nan"), float("inf"), -float("inf")]
    clean = drift_of(worker, method, reference, window, "numerical")
    holed = drift_of(worker, method, [*holes, *reference, *holes], [*window, *holes], "numerical")
    assert holed == clean
    assert (holed.n, holed.n_reference) == (200, 300)


@pytest.mark.parametrize("method", ["z", "chisquare", "psi", "jensenshannon", "hellinger", "TVD", "chisquare_contingency"])
def test_trap_4_nulls_are_no_category(worker: EvidentlyWorker, method: str) -> None:
    reference, window = ["a", "b"] * 40, ["a", "a", "b"] * 20
    clean, holed = drift_of(worker, method, reference, window), drift_of(worker, method, [None, *reference], [None] * 30 + window)
    assert holed.value == pytest.approx(clean.value, abs=1e-12)
    assert holed.n == 60


def test_trap_4_a_column_of_nulls_says_so_and_harms_no_other(worker: EvidentlyWorker) -> None:
    table = pa.table({"x": pa.array([1.0, 2.0, 3.0]), "none": pa.nulls(3, pa.float64())})
    columns = (DriftColumn("x", "numerical", "ks"), DriftColumn("none", "numerical", "ks"), DriftColumn("gone", "numerical", "ks"))
    found = worker.analyse(Job(task="binary", current=table, reference=table, columns=columns, parts=frozenset({"drift"}))).drift
    assert found["x"].value == 1.0
    assert found["none"].reason == "The reference has no value of this column."
    assert found["gone"].reason == "The window has no column of this name."


def test_trap_5_six_rows_get_a_score_but_no_verdict(worker: EvidentlyWorker) -> None:
    from monitoring.drift import Sample
    from monitoring.verdicts import calibrate, judge_drift

    reference = np.random.default_rng(3).normal(size=5_000).tolist()
    score = drift_of(worker, "wasserstein", reference, [3.0, 4.0, 5.0, 3.5, 4.5, 5.5], "numerical")
    assert score.value is not None
    assert score.value > 1
    assert judge_drift(score, calibrate("wasserstein", Sample.of(pa.array(reference)), 6, key="x")).status == "insufficient_data"


def test_trap_6_what_evidently_lacks_is_not_made_up_here(worker: EvidentlyWorker) -> None:
    """Average precision, Brier score and calibration come from scikit-learn (`monitoring.performance`)."""
    found = quality(worker, label=["1", "0"] * 20, prediction=["1", "0"] * 20, score=[0.9, 0.1] * 20).performance
    names = {metric for metric, _ in found}
    assert {"accuracy", "roc_auc", "log_loss"} <= names
    assert not names & {"average_precision", "brier", "expected_calibration_error"}


def test_trap_7_a_score_names_its_method_and_never_the_word_auto(worker: EvidentlyWorker) -> None:
    rng = np.random.default_rng(4)
    assert drift_of(worker, "auto", rng.normal(size=1_000).tolist(), rng.normal(size=90).tolist(), "numerical").method == "ks"
    assert drift_of(worker, "auto", rng.normal(size=1_001).tolist(), rng.normal(size=90).tolist(), "numerical").method == "wasserstein"
    assert drift_of(worker, "auto", ["a", "b", "c"] * 10, ["a"] * 30).method == "chisquare"


def test_trap_8_a_stored_snapshot_is_the_same_after_reload_even_where_it_holds_nan(worker: EvidentlyWorker, tmp_path: Path) -> None:
    """Compared as text, because Evidently's own comparison fails on NaN; its JSON is strict: NaN is null."""
    table = pa.table({"x": pa.array([1.0, None, 3.0] * 20), "c": pa.array(["a", None, "b"] * 20), "constant": pa.array([7.0] * 60)})
    columns = tuple(DriftColumn(n, k, "auto") for n, k in (("x", "numerical"), ("c", "categorical"), ("constant", "numerical")))
    job = Job(task="binary", current=table, reference=table, columns=columns, parts=frozenset(PARTS), snapshots=tmp_path)
    found = worker.analyse(job)
    assert not found.failures
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently.legacy.utils import NumpyEncoder

        from monitoring.evidently_engine.snapshots import load_snapshot
    for part in ("drift", "summary"):
        once = load_snapshot(found.snapshots[part])
        text = json.dumps(once.dump_dict(), cls=NumpyEncoder, sort_keys=True)
        again = type(once).load_dict(json.loads(text))
        assert json.dumps(again.dump_dict(), cls=NumpyEncoder, sort_keys=True) == text
        out = worker.render(found.snapshots[part], format="json", out=tmp_path / f"{part}.json")
        json.loads(out.read_text(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_values_equal_evidentlys_public_api(worker: EvidentlyWorker, evidently: Any) -> None:
    import pandas as pd

    rng = np.random.default_rng(5)
    reference = {"n": rng.normal(0, 1, 700), "c": rng.choice(list("abcd"), 700)}
    window = {"n": rng.normal(0.1, 1, 300), "c": rng.choice(list("abcd"), 300)}
    pairs = [("n", m) for m in ("ks", "wasserstein", "psi", "jensenshannon", "kl_div", "hellinger", "anderson", "cramer_von_mises", "es")]
    pairs += [("c", m) for m in ("chisquare", "psi", "jensenshannon", "kl_div", "hellinger", "z", "TVD")]
    definition = evidently.DataDefinition(numerical_columns=["n"], categorical_columns=["c"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sets = [evidently.Dataset.from_pandas(pd.DataFrame(d), data_definition=definition) for d in (window, reference)]
        metrics = [evidently.metrics.ValueDrift(column=c, method=m, threshold=0.1) for c, m in pairs]
        results = evidently.Report(metrics).run(*sets).metric_results
    for (column, method), metric in zip(pairs, metrics, strict=True):
        kind = "numerical" if column == "n" else "categorical"
        ours = drift_of(worker, method, reference[column].tolist(), window[column].tolist(), kind)
        assert ours.value == pytest.approx(results[metric.metric_id].value, rel=1e-9, abs=1e-9), method
