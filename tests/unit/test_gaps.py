"""Gaps between groups: a table computed by hand, scikit-learn's rates, the stated error rate, and what is suppressed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from sklearn.metrics import confusion_matrix
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from monitoring import ModelSchema
from monitoring.analysis.baseline import Baseline
from monitoring.analysis.gap_points import add_gaps
from monitoring.analysis.labels import Labels
from monitoring.errors import SchemaError
from monitoring.findings import Findings
from monitoring.segments.gaps import MINIMUM_COUNTED, MINIMUM_GROUP, measure_gap, sums
from monitoring.segments.outcomes import Rate, rates
from monitoring.subject import Subject
from monitoring.windows import Window

START = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=1))


def rows(*cells: tuple[str, str, str, int]) -> pa.Table:
    """Rows of a binary model: (group, label, decision, how many); the score is 0.8 for a positive decision, 0.2 for a negative one."""
    groups, labels, decisions = ([cell[i] for cell in cells for _ in range(cell[3])] for i in range(3))
    return pa.table({"sex": groups, "@label": labels, "@prediction": decisions,
                     "@score": [0.8 if decision == "1" else 0.2 for decision in decisions]})


# Two groups of 100. By hand: women: 40 positive labels, 30 of them found; 60 negative ones, 6 of them decided positive.
# Men: 50 positive labels, 45 found; 50 negative ones, 10 decided positive.
TOY = rows(("f", "1", "1", 30), ("f", "1", "0", 10), ("f", "0", "1", 6), ("f", "0", "0", 54),
           ("m", "1", "1", 45), ("m", "1", "0", 5), ("m", "0", "1", 10), ("m", "0", "0", 40))
BY_HAND = {
    "tpr_gap": 30 / 40 - 45 / 50,  # 0.75 - 0.90 = -0.15
    "fpr_gap": 6 / 60 - 10 / 50,  # 0.10 - 0.20 = -0.10
    "selection_rate_gap": 36 / 100 - 55 / 100,  # -0.19
    "accuracy_gap": 84 / 100 - 85 / 100,  # -0.01
    # mean scores: 0.36 * 0.8 + 0.64 * 0.2 = 0.416 and 0.55 * 0.8 + 0.45 * 0.2 = 0.53; outcomes: 0.40 and 0.50
    "calibration_gap": (0.416 - 0.40) - (0.53 - 0.50),
}
# Newcombe (1998), method 10, from Wilson's intervals of 30/40 (0.5981 to 0.8581) and 45/50 (0.7864 to 0.9565):
# -0.15 - sqrt((0.75 - 0.5981)² + (0.9565 - 0.90)²) and -0.15 + sqrt((0.8581 - 0.75)² + (0.90 - 0.7864)²).
TPR_BY_HAND = (-0.3121, 0.0068)


def schema(**more: Any) -> ModelSchema:
    return ModelSchema.from_dict({"task": "binary", "features": {"amount": "numerical"}, "positive_label": 1, "segments": ["sex"],
                                  "drift": {"false_alarms": 0.05}, **more})


def points(window: pa.Table, reference: pa.Table | None = None, **more: Any) -> list[dict[str, Any]]:
    found = Findings({"model": "m", "version": "1", "window_start": WINDOW.start, "window_end": WINDOW.end, "window": "1d",
                      "partial": False, "computed_at": WINDOW.end, "run": "r"},
                     rows=window.num_rows, labelled=window.num_rows, n_reference=None)
    labels = Labels.of(window, WINDOW, timedelta(0), WINDOW.end + timedelta(days=9))
    add_gaps(found, Subject("m", "1", schema(**more)), window, labels, Baseline(reference, "digest") if reference is not None else None)
    return found.table().to_pylist()


def of(found: list[dict[str, Any]], metric: str, segment: str = "sex=f") -> dict[str, Any]:
    return next(point for point in found if point["metric"] == metric and point["segment"] == segment)


def test_a_subgroup_table_computed_by_hand() -> None:
    found = points(TOY)
    assert {metric: of(found, metric)["value"] for metric in BY_HAND} == pytest.approx(BY_HAND)
    assert {metric: of(found, metric, "sex=m")["value"] for metric in BY_HAND} == pytest.approx({m: -v for m, v in BY_HAND.items()})
    tpr = of(found, "tpr_gap")
    assert (tpr["lower"], tpr["upper"]) == pytest.approx(TPR_BY_HAND, abs=1e-4)
    assert (tpr["n"], tpr["method"], tpr["status"]) == (40, "newcombe", "ok")
    assert json.loads(tpr["detail"]) == {"group": 0.75, "rest": 0.9, "n_rest": 50}


def test_rates_are_those_of_scikit_learn_for_each_class_against_the_rest() -> None:
    random = np.random.default_rng(4)
    classes = np.array(["a", "b", "c"])
    label, decision = random.choice(classes, 900), random.choice(classes, 900)
    group = random.random(900) < 0.4
    frame = pa.table({"@label": label, "@prediction": decision})
    for rate in rates(frame, task="multiclass", positive_label=None):
        if rate.metric not in {"tpr_gap", "fpr_gap"}:
            continue
        for mask in (group, ~group):
            (tn, fp), (fn, tp) = confusion_matrix(label[mask] == rate.column, decision[mask] == rate.column)
            expected = tp / (tp + fn) if rate.metric == "tpr_gap" else fp / (fp + tn)
            assert sums(rate, mask).mean == pytest.approx(expected)


def test_a_gap_of_means_has_welch_s_interval_of_statsmodels() -> None:
    random = np.random.default_rng(6)
    values, group = random.gamma(2, 3, 300), random.random(300) < 0.3
    gap = measure_gap(Rate("mae_gap", "", np.ones(300, bool), values, False, "labelled rows"), group, ~group, None)
    expected = CompareMeans(DescrStatsW(values[group]), DescrStatsW(values[~group])).tconfint_diff(usevar="unequal")
    assert (gap.lower, gap.upper) == pytest.approx(expected)


def test_a_gap_that_the_reference_has_too_is_no_drift_and_one_that_grew_is() -> None:
    tenfold = pa.concat_tables([TOY] * 10)
    assert {point["status"] for point in points(tenfold, tenfold)} == {"ok"}
    worse = rows(("f", "1", "1", 200), ("f", "1", "0", 200), ("f", "0", "1", 60), ("f", "0", "0", 540),
                 ("m", "1", "1", 450), ("m", "1", "0", 50), ("m", "0", "1", 100), ("m", "0", "0", 400))
    found = points(worse, tenfold)
    assert of(found, "tpr_gap")["status"] == "drift"
    assert of(found, "tpr_gap")["threshold"] == pytest.approx(-0.15)
    assert "grown from -0.15" in of(found, "tpr_gap")["reason"]
    assert of(found, "fpr_gap")["status"] == "ok"
    assert {point["status"] for point in points(tenfold, worse)} == {"ok"}  # it shrank


def test_a_limit_in_the_model_s_file_warns_of_a_gap_that_was_always_there() -> None:
    many = pa.concat_tables([TOY] * 100)
    found = points(many, many, fairness={"columns": ["sex"], "limit": 0.1})
    assert {point["metric"] for point in found if point["status"] == "warn"} == {"tpr_gap", "selection_rate_gap"}
    assert "past the limit of 0.1" in of(found, "tpr_gap")["reason"]


def test_groups_and_counts_below_the_stated_sizes_are_suppressed() -> None:
    small = rows(("f", "1", "1", MINIMUM_GROUP - 1), ("m", "1", "1", 200), ("m", "0", "0", 200))
    assert {point["value"] for point in points(small) if point["segment"] == "sex=f"} == {None}
    scarce = rows(("f", "1", "1", MINIMUM_COUNTED - 1), ("f", "0", "0", 90), ("m", "1", "1", 200), ("m", "0", "0", 200))
    found = points(scarce)
    suppressed = of(found, "tpr_gap")
    assert (suppressed["value"], suppressed["lower"], suppressed["status"]) == (None, None, "insufficient_data")
    assert "fewer than 10" in suppressed["reason"]
    assert str(MINIMUM_COUNTED - 1) not in suppressed["reason"] + str(suppressed["detail"])  # the count itself is not told
    assert of(found, "fpr_gap")["value"] is not None


def test_without_labels_decisions_are_compared_and_nothing_else() -> None:
    window = TOY.set_column(1, "@label", pa.nulls(TOY.num_rows, pa.string()))
    assert {point["metric"] for point in points(window)} == {"selection_rate_gap"}


def test_rows_without_a_group_are_in_neither_side() -> None:
    nobody = rows(("", "1", "0", 500)).set_column(0, "sex", pa.nulls(500, pa.string()))
    assert of(points(pa.concat_tables([TOY, nobody])), "tpr_gap")["value"] == pytest.approx(-0.15)


def test_fairness_is_a_list_of_segments_or_a_mapping() -> None:
    assert schema(fairness=["sex"]).fairness.columns == ("sex",)
    assert ModelSchema.from_dict(schema(fairness={"limit": 0.2}).to_dict()).fairness.limit == 0.2
    assert "fairness" not in schema().to_dict()
    for wrong in (["age"], {"columns": "sex"}, {"limit": 2}, {"limits": 0.1}):
        with pytest.raises(SchemaError, match="fairness"):
            schema(fairness=wrong)


@pytest.mark.slow
@pytest.mark.parametrize(("rate", "size"), [(0.5, 400), (0.9, 400), (0.03, 1_500)])
def test_where_no_gap_has_grown_no_more_windows_are_named_than_the_budget_says(rate: float, size: int) -> None:
    """200 windows, four groups with the same rates as in the reference, a budget of 5 %."""
    alarms = 0
    for seed in range(200):
        random = np.random.default_rng([seed, int(rate * 100)])
        reference, window = (drawn(random, n, rate) for n in (5_000, size))
        alarms += any(point["status"] == "drift" for point in points(window, reference))
    assert alarms <= stats.binom.ppf(0.999, 200, 0.05)


def drawn(random: np.random.Generator, n: int, rate: float) -> pa.Table:
    """Four groups of different sizes; labels and decisions that agree in nine of ten rows."""
    label = random.random(n) < rate
    decision = np.where(random.random(n) < 0.9, label, ~label)
    return pa.table({"sex": random.choice(["a", "b", "c", "d"], n, p=[0.5, 0.3, 0.15, 0.05]), "@label": np.where(label, "1", "0"),
                     "@prediction": np.where(decision, "1", "0"), "@score": np.clip(rate + 0.3 * decision, 0, 1)})
