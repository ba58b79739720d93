"""What has an interval and is no performance metric of all rows: latencies, delays, gaps between groups, tenths, the alert budget."""

from __future__ import annotations

__all__ = ["OTHERS"]

from datetime import timedelta

import numpy as np
import pyarrow as pa

from benchmarks.covering.populations import Key, Population, binary
from monitoring.performance import Groups, Measured
from monitoring.performance.budget import at_budget
from monitoring.performance.found import MINIMUM_LABELLED, too_few
from monitoring.performance.intervals import Interval, wilson
from monitoring.performance.timings import QUANTILES, delay_quantiles, latency_intervals
from monitoring.profiles import outcomes
from monitoring.segments.gaps import measure_gap
from monitoring.segments.outcomes import rates

_DAY_US = 86_400_000_000


def calls(random: np.random.Generator, n: int) -> pa.Table:
    """Skewed latencies in ms, one call in eight waiting for something slow; delays of labels in seconds."""
    waited = (random.random(n) < 0.125) * random.lognormal(4.5, 0.3, n)
    return pa.table({"latency": random.lognormal(2.5, 0.5, n) + waited, "delay": random.gamma(2.0, 40_000.0, n)})


def timed(frame: pa.Table) -> dict[Key, Measured]:
    """Quantiles and mean of latencies and of delays."""
    n, latency, delay = frame.num_rows, frame["latency"].to_numpy(), frame["delay"].to_numpy()
    values = {metric: float(np.quantile(latency, share)) for metric, share in QUANTILES.items()} | {"latency_mean": float(latency.mean())}
    edges = latency_intervals(latency, Groups.whole(n))[0]
    found = {(metric, ""): Measured(value=value, interval=edges[metric], n=n, rows=n) for metric, value in values.items()}
    return found | {(metric, ""): Measured(value=value, interval=interval, n=counted, rows=n)
                    for metric, (value, interval, counted) in delay_quantiles(delay, Groups.whole(n))[0].items()}  # fmt: skip


def grouped(random: np.random.Generator, n: int) -> pa.Table:
    """A third of the rows are of a group with other rates; n are those of the group."""
    frame = binary(0.3, 1.5, cut=0.4)(random, 3 * n)
    inside = np.arange(3 * n) < n
    turned = inside & (random.random(3 * n) < 0.15)
    decision = np.where(turned, "1", np.array(frame["@prediction"].to_pylist()))
    score = np.where(inside, frame["@score"].to_numpy() * 0.9, frame["@score"].to_numpy())
    return pa.table({"@label": frame["@label"], "@prediction": decision, "@score": score, "inside": inside})


def grouped_errors(random: np.random.Generator, n: int) -> pa.Table:
    """Skewed errors, those of the group larger."""
    inside = np.arange(3 * n) < n
    label = 20 + random.gamma(2.0, 50.0, 3 * n)
    error = random.exponential(10, 3 * n) * random.choice((-0.5, 1), 3 * n) * np.where(inside, 1.5, 1.0)
    return pa.table({"@label": label, "@prediction": label + error, "inside": inside})


def gaps(frame: pa.Table, *, task: str) -> dict[Key, Measured]:
    """Every gap between the group and the rest."""
    inside = frame["inside"].to_numpy(zero_copy_only=False)
    found = {}
    for rate in rates(frame, task=task, positive_label="1"):
        gap = measure_gap(rate, inside, ~inside, None)
        assert gap.value is not None
        assert gap.lower is not None
        assert gap.upper is not None
        found[rate.metric, ""] = Measured(value=gap.value, interval=Interval(gap.lower, gap.upper, gap.lower, gap.upper, gap.method),
                                          n=frame.num_rows, rows=frame.num_rows)  # fmt: skip
    return found


def growing_errors(random: np.random.Generator, n: int) -> pa.Table:
    """Ten times n rows whose skewed errors grow with the prediction, so that no two tenths are alike."""
    prediction = 20 + random.gamma(2.0, 50.0, 10 * n)
    return pa.table({"@label": prediction * (1 - random.exponential(0.2, 10 * n) * random.choice((-0.5, 1), 10 * n)),
                     "@prediction": prediction})  # fmt: skip


def even_errors(random: np.random.Generator, n: int) -> pa.Table:
    """Ten times n rows with normal errors that shift the prediction as well."""
    label = 20 + random.gamma(2.0, 50.0, 10 * n)
    return pa.table({"@label": label, "@prediction": label + random.normal(3, 10, 10 * n)})


def by_tenth(frame: pa.Table) -> dict[Key, Measured]:
    """The mean absolute error of each tenth of the predictions."""
    rows = [row for row in outcomes(frame, task="regression") if row["kind"] == "error_by_decile"]
    tenths: dict[str, dict[str, float]] = {row["label"]: {"n": row["n"]} for row in rows}
    for row in rows:
        tenths[row["label"]][row["series"]] = row["value"]
    return {("error_by_decile", f"tenth={label}"): Measured(
                value=one["current"], n=int(one["n"]), rows=frame.num_rows,
                interval=Interval(one["lower"], one["upper"], one["lower"], one["upper"], "delta"))
            for label, one in tenths.items()}  # fmt: skip


def days(random: np.random.Generator, n: int) -> pa.Table:
    """Days of 1,000 predictions, of which an alert budget of 50 a day looks at n in all; one label in five is not known."""
    many = max(1, n // 50)
    frame = binary(0.05, 2.0, cut=0.2)(random, 1_000 * many)
    times = np.repeat(np.arange(many), 1_000) * _DAY_US + random.integers(0, _DAY_US, 1_000 * many)
    known = random.random(1_000 * many) < 0.8
    label = [value if there else None for value, there in zip(frame["@label"].to_pylist(), known.tolist(), strict=True)]
    return pa.table({"@label": label, "@score": frame["@score"], "@t": pa.array(times, pa.timestamp("us", "UTC"))})


def budgeted(frame: pa.Table) -> dict[Key, Measured]:
    """Precision among what the budget pays for."""
    found = at_budget(frame, positive_label="1", per_day=50, length=timedelta(days=frame.num_rows // 1_000)).measured
    return {("precision_at_alert_budget", ""): found}


def served(random: np.random.Generator, n: int) -> pa.Table:
    """Calls of which one in fifty raises, and whose label is known of nine in ten."""
    return pa.table({"error": random.random(n) < 0.02, "labelled": random.random(n) < 0.9})


def shares(frame: pa.Table) -> dict[Key, Measured]:
    """error_rate and label_coverage, as `analysis.traffic_points` gives them."""
    n, found = frame.num_rows, {}
    for metric, name in (("error_rate", "error"), ("label_coverage", "labelled")):
        count = int(frame[name].to_numpy(zero_copy_only=False).sum())
        found[metric, ""] = Measured(value=count / n, interval=wilson(count, n), n=n, rows=n, scarce=too_few(n, "row", MINIMUM_LABELLED))
    return found


OTHERS = (
    Population("latencies and delays", calls, {}, measured=timed),
    Population("errors and labels of calls", served, {}, measured=shares),
    Population("gaps of shares", grouped, {"task": "binary"}, large=300_000, measured=gaps),
    Population("gaps of errors", grouped_errors, {"task": "regression"}, large=300_000, measured=gaps),
    Population("errors that grow, by tenth", growing_errors, {}, large=200_000, measured=by_tenth),
    Population("normal errors, by tenth", even_errors, {}, large=200_000, measured=by_tenth),
    Population("alert budget of 50 a day", days, {}, large=50_000, measured=budgeted),
)
