"""Why a model needs attention: performance only once its labels are in, drift, latency and errors, each with its first window."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from pages.findings.overview import Summary, headline, sentences, summarise
from storage.points import POINTS

MONDAY = datetime(2026, 11, 2, tzinfo=UTC)
BINARY = {"task": "binary", "version": "1"}
Day = dict[str, Any]
CALM: Day = {"status": "ok", "threshold": 0.87, "value": 0.88}
FEW: Day = {"status": "insufficient_data", "value": 0.5, "reason": "2 labels are too few"}
FALLEN: Day = {"status": "drift", "threshold": 0.87, "value": 0.143}
PROVISIONAL: Day = {**FALLEN, "value": 0.0, "detail": json.dumps({"provisional": True})}


def summary(*, task: str = "binary", zone: str = "UTC", **metrics: list[Day]) -> Summary:
    """The summary of a model with these points, one day after the other; `rows` of 100 for every day."""
    longest = max(len(days) for days in metrics.values())
    made = []
    for metric, days in {"rows": [{"value": 100.0}] * longest, **metrics}.items():
        for number, changes in enumerate(days):
            start = MONDAY + timedelta(days=number)
            common = {"model": "m", "version": "1", "segment": "", "metric": metric, "column": "", "method": "psi", "n": 100,
                      "n_labelled": 100, "status": "ok", "window": "1d", "partial": False, "window_start": start,
                      "window_end": start + timedelta(days=1)}  # fmt: skip
            made.append({**dict.fromkeys(POINTS.names), **common, **changes})
    return summarise("m", {**BINARY, "task": task}, pa.Table.from_pylist(made, schema=POINTS), zone=zone)


def fact(one: Summary, place: int) -> tuple[str, str, str]:
    """Value, note and status of a fact of the card."""
    found = one.facts[place]
    return found.value, found.note, found.status


def test_a_fall_names_the_first_window_and_its_value() -> None:
    one = summary(recall=[CALM, FALLEN, {**FALLEN, "value": 0.2}])
    assert one.status.name == "drift"
    assert headline([one]) == "1 of 1 model needs attention: m, recall fell to 14.3 % on 3 Nov."


def test_a_fall_that_the_range_begins_with_may_be_older() -> None:
    assert summary(recall=[FALLEN, FALLEN]).sentence == "recall has been low since 2 Nov or before (14.3 % then)"


def test_days_too_small_to_judge_do_not_end_a_fall() -> None:
    assert summary(recall=[CALM, FALLEN, FEW, FALLEN]).sentence == "recall fell to 14.3 % on 3 Nov"


@pytest.mark.parametrize("newest", [PROVISIONAL, FEW, {"status": "not_applicable", "value": None, "reason": "no labels yet"}])
def test_windows_whose_labels_are_not_in_colour_nothing(newest: Day) -> None:
    one = summary(recall=[CALM, CALM, newest], roc_auc=[CALM, CALM, newest])
    assert one.status.name == "ok"
    assert headline([one]) == "Nothing needs attention: 1 of 1 model judged and calm."
    assert fact(one, 1)[0] == "88 %"  # recall, of which the headline speaks
    assert "3 Nov – 4 Nov 2026" in fact(one, 1)[1]
    assert one.strip[MONDAY + timedelta(days=2)] == ("insufficient_data", "drift")


def test_a_main_metric_that_is_only_provisional_says_so() -> None:
    value, note, status = fact(summary(roc_auc=[{**PROVISIONAL, "value": 0.7}]), 1)
    assert (value, status) == ("0.700", "")
    assert note.startswith("provisional")


def test_a_main_metric_with_too_few_labels_says_so_and_no_other_takes_its_place() -> None:
    one = summary(accuracy=[{**CALM, "value": 1.0}] * 2, recall=[FEW, {**FEW, "value": 0.25}], precision=[CALM] * 2)
    assert one.facts[1].label == "Recall"
    assert fact(one, 1) == ("Insufficient data", "25 % 3 Nov – 4 Nov 2026: 2 labels are too few", "insufficient_data")
    none: Day = {"status": "not_applicable", "value": None, "reason": 'no label is "1"'}
    due: Day = {**none, "reason": "no labels yet", "detail": json.dumps({"provisional": True})}
    one = summary(accuracy=[{**CALM, "value": 1.0}, due], recall=[none, due])
    assert (one.facts[1].label, *fact(one, 1)) == ("Recall", "–", 'no label is "1"', "")


def test_what_has_fallen_stands_on_the_card_though_the_main_metric_is_scarce() -> None:
    one = summary(accuracy=[CALM, FALLEN], recall=[FEW, FEW])
    assert (one.facts[1].label, *fact(one, 1)) == ("Accuracy", "14.3 %", "3 Nov – 4 Nov 2026, 100 labels", "drift")


def test_where_nothing_has_fallen_the_main_metric_is_the_tasks() -> None:
    assert summary(accuracy=[CALM], recall=[{**CALM, "value": 0.9}]).facts[1].label == "Recall"
    assert summary(task="multiclass", accuracy=[CALM], recall=[CALM]).facts[1].label == "Accuracy"


def test_the_main_metric_says_its_window_labels_and_coverage() -> None:
    days = [{**CALM, "lower": 0.8, "upper": 0.9, "n_labelled": 1044, "label_coverage": 0.821}]
    assert fact(summary(roc_auc=days), 1)[1] == "[0.800, 0.900] 2 Nov – 3 Nov 2026, 1\u202f044 labels (82.1 %)"


def test_latency_and_errors_count_in_the_newest_window_that_is_over() -> None:
    slow: Day = {"status": "drift", "threshold": 23.0, "value": 107.0}
    quick: Day = {"status": "ok", "threshold": 23.0, "value": 22.0}
    one = summary(latency_p95=[quick, slow, slow, {**quick, "partial": True}])
    assert one.status.name == "drift"
    assert one.sentence == "latency p95 rose to 107 ms on 3 Nov"
    assert fact(one, 2) == ("107 ms", "until 5 Nov 2026 00:00", "drift")
    assert one.strip[MONDAY + timedelta(days=1)] == ("drift", "traffic")
    failing = summary(error_rate=[{"status": "ok", "threshold": 0.01, "value": 0.0}, {"status": "warn", "threshold": 0.01, "value": 0.05}])
    assert failing.sentence == "error rate rose to 5 % on 3 Nov"


def test_drift_performance_and_latency_make_one_sentence_the_most_alarming_first() -> None:
    drifted: Day = {"status": "drift", "threshold": 0.1, "value": 0.4, "column": "amount"}
    calm: Day = {**drifted, "status": "ok", "value": 0.01}
    slow: Day = {"status": "warn", "threshold": 23.0, "value": 25.0}
    quick: Day = {**slow, "status": "ok", "value": 22.0}
    one = summary(recall=[CALM, FALLEN], drift=[calm, drifted], latency_p95=[quick, slow])
    assert one.sentence == "recall fell to 14.3 % on 3 Nov, 1 feature drifted since 3 Nov, and latency p95 rose to 25 ms on 3 Nov"
    assert one.strip == {MONDAY: ("ok", "drift"), MONDAY + timedelta(days=1): ("drift", "drift")}
    both = [one, one]
    assert headline(both) == "2 of 2 models need attention."
    assert [said for _, said in sentences(both)] == [one.sentence[0].upper() + one.sentence[1:] + "."] * 2
    assert sentences([one]) == []


def test_several_scores_are_counted() -> None:
    names = ("score:a", "score:b", "prediction")
    days: list[Callable[[str], Day]] = [lambda name: {"status": "ok", "threshold": 0.1, "value": 0.0, "column": name},
                                        lambda name: {"status": "drift", "threshold": 0.1, "value": 0.4, "column": name}]
    tables = [summary(drift=[make(name) for make in days]).shown for name in names]
    points = pa.concat_tables([tables[0], *(table.filter(pa.compute.equal(table.column("metric"), "drift")) for table in tables[1:])])
    assert summarise("m", BINARY, points, zone="UTC").sentence == "prediction and 2 scores drifted since 3 Nov"


def test_where_all_are_equally_bad_the_plainest_metric_is_named() -> None:
    one = summary(log_loss=[{**CALM, "value": 0.1}, {**FALLEN, "value": 2.0}], roc_auc=[CALM, FALLEN], recall=[CALM, FALLEN])
    assert one.sentence.startswith("recall fell")
    assert summary(log_loss=[{**CALM, "value": 0.1}, {**FALLEN, "value": 2.0}]).sentence == "log loss rose to 2 nats on 3 Nov"


def test_the_largest_cut_of_a_ranking_speaks_for_it() -> None:
    days = [[{**CALM, "column": f"k={k}"}, {**FALLEN, "column": f"k={k}", "value": k / 100}] for k in (5, 10)]
    tables = [summary(task="ranking", ndcg_at_k=some).shown for some in days]
    points = pa.concat_tables([tables[0], tables[1].filter(pa.compute.equal(tables[1].column("metric"), "ndcg_at_k"))])
    one = summarise("m", {"task": "ranking"}, points, zone="UTC")
    assert one.sentence == "NDCG@10 fell to 10 % on 3 Nov"
    assert one.facts[1].label == "NDCG@10"


def test_another_zone_says_its_own_days() -> None:
    assert summary(recall=[CALM, FALLEN], zone="Asia/Tokyo").sentence == "recall fell to 14.3 % on 3 Nov 09:00"


def test_metrics_that_nothing_was_compared_with_judge_nobody() -> None:
    one = summary(recall=[{"status": "ok", "value": 0.4}])
    assert one.status.name == "insufficient_data"
    assert one.sentence == "no drift computed: load a reference"
