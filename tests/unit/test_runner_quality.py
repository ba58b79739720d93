"""Quality, traffic and label points: what is unusual is named, what chance brings is not, and what is absent says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from statsmodels.stats.weightstats import DescrStatsW

from monitoring._sampling import Sampler
from monitoring.analysis.baseline import Baseline
from monitoring.analysis.quality_points import add_quality
from monitoring.analysis.traffic_points import add_labels, add_traffic
from monitoring.findings import Findings
from monitoring.performance import Groups
from monitoring.performance.timings import delay_quantiles, latency_intervals
from monitoring.profiles import label_delays_of
from monitoring.windows import Window

START = datetime(2026, 3, 1, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=1))
COMMON = {"model": "m", "version": "1", "window_start": WINDOW.start, "window_end": WINDOW.end, "window": "1d", "partial": False,
          "computed_at": START, "run": "r"}  # fmt: skip
KINDS = {"amount": "numerical", "country": "categorical"}


def findings(rows: int = 100) -> Findings:
    return Findings(COMMON, rows=rows, labelled=0, n_reference=None)


def reference(n: int = 500, *, seed: int = 0, missing: int = 5) -> Baseline:
    random = np.random.default_rng(seed)
    amount = random.normal(size=n)
    countries = [f"c{min(int(value), 30)}" for value in random.exponential(6, n)]
    return Baseline(pa.table({"amount": pa.array(amount, mask=np.arange(n) < missing), "country": countries}), "digest")


def quality(
    baseline: Baseline | None, amount: np.ndarray, *, missing: int = 0, misfits: int = 0, countries: list[str] | None = None
) -> list[dict[str, Any]]:
    """Points from rows such as the store gives, counted here by hand; the first `missing` amounts are not there."""
    n = len(amount)
    below = above = new = None
    if baseline is not None:
        known = sorted(baseline.sample("amount", "numerical").counts)
        below, above = int((amount[missing:] < known[0]).sum()), int((amount[missing:] > known[-1]).sum())
        new = sum(country not in baseline.sample("country", "categorical").counts for country in countries or [])
    nothing = {"below": None, "above": None, "new_categories": None, "missing": 0, "type_errors": 0}
    found = findings(n)
    add_quality(
        found,
        [
            {**nothing, "column": "amount", "n": n, "missing": missing, "type_errors": misfits, "below": below, "above": above},
            {**nothing, "column": "country", "n": len(countries or []), "new_categories": new},
        ],
        baseline,
        KINDS,
    )
    return found.table().to_pylist()


def status(points: list[dict[str, Any]], metric: str, column: str = "amount") -> str:
    return next(str(p["status"]) for p in points if (p["metric"], p["column"]) == (metric, column))


def test_windows_like_the_reference_are_hardly_ever_named() -> None:
    named = 0
    for seed in range(200):
        random = np.random.default_rng(1_000 + seed)
        countries = [f"c{min(int(value), 30)}" for value in random.exponential(6, 100)]
        points = quality(reference(seed=seed), random.normal(size=100), missing=int(random.binomial(100, 0.01)), countries=countries)
        named += sum(p["status"] in {"warn", "drift"} for p in points)
    assert named <= 3  # of 1,000 judged shares, at 0.001 each


def test_what_breaks_is_named_with_its_counts() -> None:
    points = quality(reference(), np.full(100, 99.0), missing=40, misfits=20, countries=["XX"] * 100)
    for metric in ("missing_share", "type_errors", "out_of_range_share"):
        assert status(points, metric) == "drift", metric
    assert status(points, "new_category_share", "country") == "drift"
    missing = next(p for p in points if p["metric"] == "missing_share" and p["column"] == "amount")
    assert (missing["value"], missing["detail"]) == (0.4, '{"reference":0.01}')
    assert missing["reason"].startswith("40 of 100 rows; a window like the reference (5 of 500)")


def test_a_datetime_beyond_the_references_last_day_is_told_and_not_judged() -> None:
    days = pa.array([START - timedelta(days=day) for day in range(1, 501)], pa.timestamp("us", "UTC"))
    found = findings()
    row = {"column": "opened", "n": 100, "missing": 0, "type_errors": 0, "below": 0, "above": 60, "new_categories": None}
    add_quality(found, [row], Baseline(pa.table({"opened": days}), "digest"), {"opened": "datetime"})
    point = next(p for p in found.table().to_pylist() if p["metric"] == "out_of_range_share")
    assert (point["status"], point["value"]) == ("ok", 0.6)


def test_a_reason_is_a_sentence_wherever_it_comes_from() -> None:
    found = findings()
    for reason in ("the window has no call", "Is it so?", ""):
        found.add("rows", 1.0, reason=reason)
    assert [point["reason"] for point in found.table().to_pylist()] == ["The window has no call.", "Is it so?", None]


def test_a_few_points_more_are_a_warning_and_less_than_one_is_nothing() -> None:
    assert status(quality(reference(5_000, missing=50), np.zeros(1_000), missing=40), "missing_share") == "warn"
    assert status(quality(reference(50_000, missing=50), np.zeros(100_000), missing=900), "missing_share") == "ok"


def test_without_a_reference_ranges_are_not_applicable_and_missing_values_are_counted() -> None:
    points = quality(None, np.zeros(100), missing=40, countries=["FR"] * 100)
    assert status(points, "missing_share") == "ok"
    assert status(points, "out_of_range_share") == "not_applicable"
    assert status(points, "new_category_share", "country") == "not_applicable"


def test_few_rows_carry_no_verdict_and_none_have_no_value() -> None:
    assert status(quality(reference(), np.full(10, 99.0)), "out_of_range_share") == "insufficient_data"
    assert status(quality(reference(), np.zeros(40), missing=40), "out_of_range_share") == "not_applicable"


def frame(latencies: list[float], *, labelled: int = 0) -> pa.Table:
    n, moment = len(latencies), pa.timestamp("us", "UTC")
    known = [place < labelled for place in range(n)]
    return pa.table(
        {
            "@t": pa.array([START] * n, moment),
            "@label": ["1" if there else None for there in known],
            "@labelled_at": pa.array([START + timedelta(hours=6) if there else None for there in known], moment),
            "@latency_ms": pa.array(latencies, pa.float64()),
        }
    )


def traffic(
    latencies: np.ndarray, baseline: Baseline | None = None, *, errors: int = 0, weights: np.ndarray | None = None
) -> dict[str, dict[str, Any]]:
    """Points of a window whose first `errors` calls failed."""
    n = len(latencies)
    weights = np.ones(n) if weights is None else weights
    quantiles = {f"latency_p{share}": float(np.percentile(latencies, share)) if n else None for share in (50, 95, 99)}
    row = {"rows": n, "errors": errors, "duplicates": 0, "n_latency": n, **quantiles}
    row |= {"weight": weights.sum(), "weight_squares": (weights**2).sum(), "error_weight": weights[:errors].sum()}
    row["latency_mean"] = float(latencies.mean()) if n else None
    found = findings(n)
    add_traffic(found, row, latency_intervals(latencies, Groups.whole(n))[0], WINDOW, baseline, WINDOW.end)
    return {p["metric"]: p for p in found.table().to_pylist()}


def test_a_slow_release_is_drift_and_a_little_slower_is_not() -> None:
    random = np.random.default_rng(5)
    baseline = Baseline(frame(random.lognormal(2.5, 0.3, 3_000).tolist()), "digest")
    assert {p["status"] for p in traffic(random.lognormal(2.5, 0.3, 2_000), baseline).values()} == {"ok"}
    slow = traffic(random.lognormal(2.5, 0.3, 2_000) * 1.5, baseline)
    assert {slow[metric]["status"] for metric in ("latency_p50", "latency_p95", "latency_p99", "latency_mean")} == {"drift"}
    assert slow["latency_p95"]["lower"] <= slow["latency_p95"]["value"] <= slow["latency_p95"]["upper"]
    assert traffic(random.lognormal(2.5, 0.3, 20_000) * 1.1, baseline)["latency_p50"]["status"] == "warn"


def test_traffic_of_a_day_is_per_second_and_errors_are_a_share() -> None:
    found = traffic(np.full(864, 5.0), errors=86)
    assert found["throughput"]["value"] == 0.01
    assert found["error_rate"]["value"] == 86 / 864
    assert found["error_rate"]["lower"] < 86 / 864 < found["error_rate"]["upper"]
    assert found["latency_p50"]["status"] == "ok"


def test_a_sampled_log_s_error_rate_is_that_of_the_calls_that_its_rows_stand_for() -> None:
    """Every error is kept, and of other calls those whose id falls below the rate; statsmodels says what the weighted share is."""
    held, simple = 0, []
    for seed in range(40):
        random, sampler = np.random.default_rng(seed), Sampler(0.1, lambda: 0)
        failed = random.random(20_000) < 0.01
        weights = [(sampler.weight(f"{seed}-{place}", failed=bool(fails)), fails) for place, fails in enumerate(failed)]
        kept = sorted(((weight, fails) for weight, fails in weights if weight is not None), key=lambda pair: not pair[1])
        array, errors = np.array([weight for weight, _ in kept]), int(failed.sum())
        found = traffic(np.full(len(kept), 5.0), errors=errors, weights=array)
        point = found["error_rate"]
        assert point["value"] == pytest.approx(DescrStatsW(np.arange(len(kept)) < errors, weights=array).mean, rel=1e-12)
        assert point["n"] == len(kept)
        held += point["lower"] <= 0.01 <= point["upper"]
        simple.append(errors / len(kept))
        assert found["throughput"]["value"] == pytest.approx(20_000 / 86_400, rel=0.1)
    assert held >= 36
    assert min(simple) > 0.05  # what the rows alone would say


def test_equal_weights_change_no_error_rate() -> None:
    alone, equal = (traffic(np.full(864, 5.0), errors=86, weights=np.full(864, weight)) for weight in (1.0, 2.5))
    for key in ("value", "lower", "upper", "n"):
        assert alone["error_rate"][key] == equal["error_rate"][key]
    assert equal["throughput"]["value"] == 2.5 * alone["throughput"]["value"]


def test_calls_without_latency_say_so() -> None:
    found = traffic(np.empty(0))
    assert {found[metric]["status"] for metric in ("latency_p50", "latency_mean", "error_rate")} == {"not_applicable"}


def test_label_coverage_and_delay_are_of_the_labels_there_are() -> None:
    points = labels(frame([1.0] * 8, labelled=2), 2)
    assert points["label_coverage"]["value"] == 0.25
    assert points["label_delay_p50"]["value"] == 6 * 3600
    assert labels(frame([1.0] * 8), 0)["label_delay_p50"]["status"] == "not_applicable"


def labels(rows: pa.Table, labelled: int) -> dict[str, dict[str, Any]]:
    found = findings(rows.num_rows)
    [delays] = delay_quantiles(label_delays_of(rows), Groups.whole(rows.num_rows))
    add_labels(found, rows.num_rows, labelled, delays)
    return {p["metric"]: p for p in found.table().to_pylist()}


@pytest.mark.parametrize("seed", range(3))
def test_latencies_and_delays_of_many_windows_are_those_of_each(seed: int) -> None:
    """Quantiles are numpy's, intervals those of the window alone; a window may have none."""
    random = np.random.default_rng(seed)
    code = random.integers(0, 4, 500) * 2  # windows 1, 3 and 5 are empty
    values = np.where(random.random(500) < 0.1, np.nan, random.exponential(5, 500))
    groups = Groups.of_codes(code, 8)
    delays, latencies = delay_quantiles(values[groups.rows], groups), latency_intervals(values[groups.rows], groups)
    for window in range(8):
        own = values[code == window]
        there = own[np.isfinite(own)]
        assert latencies[window] == latency_intervals(own, Groups.whole(len(own)))[0]
        assert len(delays[window]) == (2 if len(there) else 0)
        for metric, share in (("label_delay_p50", 0.5), ("label_delay_p95", 0.95)):
            if len(there):
                value, interval, n = delays[window][metric]
                assert (value, n) == (pytest.approx(np.quantile(there, share), rel=1e-12), len(there))
                assert interval is not None and interval.lower <= value <= interval.upper


def test_a_value_that_is_no_number_is_a_failed_point_and_never_nan() -> None:
    found = findings()
    found.add("mae", float("nan"), lower=float("inf"))
    (point,) = found.table().to_pylist()
    assert (point["value"], point["lower"], point["status"]) == (None, None, "failed")
    assert "no number" in point["reason"]
