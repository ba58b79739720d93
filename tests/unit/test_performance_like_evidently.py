"""The performance of `points` is computed here; where Evidently has the metric, its own value on the same rows is the same to 1e-9."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from monitoring.analysis.performance_points import as_evidently_says
from monitoring.engine_jobs import Job, Score
from monitoring.evidently_worker import EvidentlyWorker
from monitoring.performance import Groups, measure, measure_groups
from tests.unit.test_performance import binary_frame, multiclass_frame, ranking_frame, regression_frame

pytestmark = pytest.mark.slow
RANKING: dict[str, Any] = {"user": "user", "item": "item", "ks": (1, 5, 40)}


@pytest.fixture(scope="module")
def worker() -> Iterator[EvidentlyWorker]:
    with EvidentlyWorker(timeout=300) as worker:
        yield worker


def with_holes(frame: pa.Table, share: float = 0.2) -> pa.Table:
    """Some labels and scores are missing, and some scores are NaN."""
    random = np.random.default_rng(8)
    for place, name in enumerate(frame.column_names):
        if name.startswith("@") and name != "@prediction":
            gone = pa.array(random.random(frame.num_rows) < share)
            frame = frame.set_column(place, name, pc.if_else(gone, pa.scalar(None, frame[name].type), frame[name]))
    return frame


def few_classes(frame: pa.Table) -> pa.Table:
    """A class that is never decided."""
    said = ["benign" if name == "unclear" else name for name in frame["@prediction"].to_pylist()]
    return frame.set_column(frame.column_names.index("@prediction"), "@prediction", pa.array(said))


@pytest.mark.parametrize(("task", "frames", "options", "least"), [
    ("binary", [binary_frame(300), with_holes(binary_frame(500, seed=2)), binary_frame(200, seed=3, cut=0.01)],
     {"positive_label": "1"}, 10),
    ("multiclass", [multiclass_frame(300), with_holes(multiclass_frame(400, seed=2)), few_classes(multiclass_frame(200, seed=3))], {}, 14),
    ("regression", [regression_frame(300), with_holes(regression_frame(300, seed=2))], {}, 5),
    ("ranking", [ranking_frame(), with_holes(ranking_frame(seed=2))], RANKING, 18),
])  # fmt: skip
def test_a_value_is_evidentlys(worker: EvidentlyWorker, task: str, frames: list[pa.Table], options: dict[str, Any], least: int) -> None:
    whole = pa.concat_tables(frames)
    code = np.repeat(np.arange(len(frames)), [frame.num_rows for frame in frames])
    for frame, ours in zip(frames, measure_groups(whole, Groups.of_codes(code, len(frames)), task=task, **options), strict=True):
        theirs = worker.analyse(Job(task=task, current=frame, parts=frozenset({"performance"}), **options)).performance
        compared = [key for key, score in theirs.items() if key in ours and score.value is not None and ours[key].value is not None]
        assert len(compared) >= least
        for key in compared:
            if key == ("map_at_k", "k=40"):
                continue  # longer than some lists: see below
            assert ours[key].value == pytest.approx(theirs[key].value, rel=1e-9, abs=1e-9), key


def test_evidentlys_values_are_taken_where_they_are_asked_for_and_mean_the_same() -> None:
    frame = binary_frame(100)
    ours = measure(frame, task="binary", positive_label="1")
    theirs = {("accuracy", ""): Score(value=0.25), ("brier", ""): Score(value=0.25), ("roc_auc", "1"): Score(value=0.25),
              ("f1", ""): Score(reason="It failed.")}  # fmt: skip
    found = as_evidently_says(ours, theirs)
    assert (found["accuracy", ""].value, found["accuracy", ""].interval) == (0.25, ours["accuracy", ""].interval)
    assert (found["f1", ""].value, found["f1", ""].reason) == (None, "It failed.")
    assert found["brier", ""] == ours["brier", ""]  # Evidently has no such metric
    assert found.keys() == ours.keys()
    weighted = measure(frame.append_column("@weight", pa.array([1.0, 3.0] * 50)), task="binary", positive_label="1")
    assert as_evidently_says(weighted, theirs) == weighted


def test_the_last_item_of_a_short_list_counts_once_in_map_and_again_for_each_further_k_in_evidentlys(worker: EvidentlyWorker) -> None:
    """Evidently's mean average precision passes 1 that way; here it is 1 for lists that are all relevant, whatever k is."""
    frame = pa.table({"@label": [1.0] * 6, "@score": [0.9, 0.8, 0.9, 0.8, 0.7, 0.6], "user": ["u", "u", "v", "v", "v", "v"],
                      "item": ["a", "b", "a", "b", "c", "d"]})  # fmt: skip
    options: dict[str, Any] = {"user": "user", "item": "item", "ks": (2, 4)}
    theirs = worker.analyse(Job(task="ranking", current=frame, parts=frozenset({"performance"}), **options)).performance
    [ours] = measure_groups(frame, Groups.whole(6), task="ranking", **options)
    assert theirs["map_at_k", "k=2"].value == ours["map_at_k", "k=2"].value == pytest.approx((1 + 0.5) / 2)
    assert theirs["map_at_k", "k=4"].value == pytest.approx((2 + 1) / 2)
    assert ours["map_at_k", "k=4"].value == 1
