"""The reference's own windows: season and memory are no drift, and where they cannot be seen the verdict says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from scipy.signal import lfilter

from monitoring.drift import Sample, score
from monitoring.drift_nulls import draw
from monitoring.null_cells import cells_of
from monitoring.null_variation import vary
from monitoring.own_windows import LEAST_WINDOWS, OwnWindows, Span, numbered, own_windows
from monitoring.verdicts import DriftSettings, calibrate
from monitoring.windows import WindowSpec

START = datetime(2026, 1, 5, tzinfo=UTC)
DAY = Span(START, START + timedelta(days=1))


def times(days: int, per_day: int) -> pa.Array:
    step = 86_400_000_000 // per_day
    return pa.array(int(START.timestamp()) * 1_000_000 + step * np.arange(days * per_day)).cast(pa.timestamp("us", "UTC"))


def cut(values: pa.Array, days: int, per_day: int, span: Span = DAY) -> OwnWindows:
    found = own_windows(values, times(days, per_day), span)
    assert isinstance(found, OwnWindows), found
    return found


def test_rows_are_counted_in_the_window_and_cell_they_lie_in() -> None:
    values = np.random.default_rng(1).normal(size=12 * 50)
    found = cut(pa.array(values), 12, 50)
    edges = np.quantile(values, [0.25, 0.5, 0.75])
    expected = [[np.sum(np.digitize(day, edges) == cell) for cell in range(4)] for day in values.reshape(12, 50)]
    starts = np.array([0, 150, 300, 450])
    assert found.counts(starts).tolist() == expected


def test_categories_are_counted_in_order_of_their_names_and_nulls_are_left_out() -> None:
    words = pa.array([["b", "a", None, "c"][place % 4] for place in range(12 * 40)])
    found = cut(words, 12, 40)
    counts = Sample.of(words).counts
    starts = np.cumsum([0, *(counts[key] for key in sorted(counts))])[:-1]
    assert found.counts(starts).tolist() == [[10.0, 10.0, 10.0]] * 12


def test_windows_that_are_not_whole_are_left_out_and_the_phase_is_that_of_the_judged_window() -> None:
    values = pa.array(np.arange(20 * 24.0))
    half = Span(START + timedelta(hours=8), START + timedelta(hours=32))
    assert cut(values, 20, 24).count == 20
    assert cut(values, 20, 24, half).count == 20  # 19 whole ones and 16 hours of the last
    assert cut(values, 20, 24, Span(START, START, rows=30)).count == 16


@pytest.mark.parametrize(("name", "count"), [("1mo", 48), ("3mo", 16)])
def test_calendar_months_are_alike_though_their_lengths_differ(name: str, count: int) -> None:
    """What any of them is judged by is cut in the same places, those that `WindowSpec` cuts at, and has one name."""
    spec, start = WindowSpec.parse(name), datetime(2023, 1, 1, tzinfo=UTC)
    days = np.arange(np.datetime64("2023-01-01"), np.datetime64("2027-01-01")).astype("datetime64[us]").astype(np.int64)
    windows = spec.between(start, datetime(2027, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    expected = [place for place, window in enumerate(windows) for _ in range((window.end - window.start).days)]
    spans = [Span.of(window) for window in windows]
    assert len({span.name for span in spans}) == 1
    for place, span in enumerate(spans):
        assert (span.cut(days) + place).tolist() == expected
    found = numbered(pa.array(days).cast(pa.timestamp("us", "UTC")), spans[1], least_rows=20)
    assert found[1] == len(spans) == count


@pytest.mark.parametrize(("given", "said"), [
    (None, "no times"), (pa.nulls(480, pa.timestamp("us", "UTC")), "no times"), (times(5, 96), "has 5 windows"),
    (times(48, 10), "have 10 rows"),
])  # fmt: skip
def test_where_windows_cannot_be_compared_the_reason_is_said_and_reaches_the_calibration(given: pa.Array | None, said: str) -> None:
    values = pa.array(np.random.default_rng(1).normal(size=480))
    found = own_windows(values, given, DAY)
    assert isinstance(found, str)
    assert said in found
    calibration = calibrate("wasserstein", Sample.of(values), 100, key="x", own=found)
    assert (calibration.independent, calibration.own_windows) == (found, 0)
    assert str(LEAST_WINDOWS) in found or "times" in found or "20" in found


def memory(random: np.random.Generator, n: int) -> np.ndarray:
    return np.asarray(lfilter([np.sqrt(1 - 0.9**2)], [1, -0.9], random.normal(size=n)))


def weekly(random: np.random.Generator, n: int) -> np.ndarray:
    return random.normal(size=n) + 0.5 * ((np.arange(n) // 100) % 7 >= 5)


def alarms(stream: object, method: str, *, level: float, blocks: bool, references: int = 10) -> float:
    """The share of 28 daily windows of 100 rows without drift that are past the threshold, over references of 28 days."""
    named = []
    for seed in range(references):
        values = stream(np.random.default_rng(seed), 56 * 100)  # type: ignore[operator]
        reference = pa.array(values[:2_800])
        own = cut(reference, 28, 100) if blocks else None
        settings = DriftSettings(level=level, minimum_effect=0.0)
        calibration = calibrate(method, Sample.of(reference), 100, key=str(seed), settings=settings, own=own)
        assert calibration.null is not None
        for day in values[2_800:].reshape(28, 100):
            named.append(calibration.null.p_value(score(method, Sample.of(reference), Sample.of(pa.array(day)))) <= level)
    return float(np.mean(named))


@pytest.mark.parametrize("stream", [memory, weekly])
@pytest.mark.parametrize("method", ["wasserstein", "ks", "psi"])
def test_season_and_memory_are_no_drift(stream: object, method: str) -> None:
    """At 2 %, of 280 windows 5.6 are expected (they depend on each other); taken as independent rows, tens of percent are named."""
    assert alarms(stream, method, level=0.02, blocks=True) <= 0.06
    assert alarms(stream, method, level=0.02, blocks=False, references=3) > 0.12


def long_memory(random: np.random.Generator, n: int) -> np.ndarray:
    return np.asarray(lfilter([np.sqrt(1 - 0.98**2)], [1, -0.98], random.normal(size=n)))


def hours(random: np.random.Generator, n: int) -> np.ndarray:
    return random.normal(size=n) + np.sin(2 * np.pi * np.arange(n) / 50 / 24)


@pytest.mark.parametrize("stream", [long_memory, hours])
@pytest.mark.parametrize("method", ["wasserstein", "ks", "jensenshannon"])
def test_pairs_drawn_without_drift_score_what_the_own_windows_score(stream: object, method: str) -> None:
    """Also where windows differ by several times chance: without the last stretch the draws reached 60 to 80 % of it."""
    values = stream(np.random.default_rng(5), 5_000)  # type: ignore[operator]
    reference, cuts = pa.array(values), values.reshape(100, 50)
    others = [Sample.of(pa.array(np.delete(cuts, place, axis=0).ravel())) for place in range(100)]
    scores = np.array([score(method, others[place], Sample.of(pa.array(cuts[place]))) for place in range(100)])
    drawn = draw(method, Sample.of(reference), 50, seed=1, own=cut(reference, 100, 50)).scores
    observed, chance = (-np.log(part).mean() if method == "ks" else part.mean() for part in (scores, drawn))
    assert chance == pytest.approx(observed, rel=0.1)


def test_a_memory_longer_than_a_window_keeps_the_budget_where_the_reference_is_long() -> None:
    """At 0.1 %, of 600 windows 0.6 are expected (they depend on each other). Pairs alone named 2 %: they know no window further out
    than the reference's, and end there."""
    named = []
    for seed in range(30):
        values = long_memory(np.random.default_rng(seed), 6_000)
        reference = pa.array(values[:5_000])
        calibration = calibrate("wasserstein", Sample.of(reference), 50, key=str(seed), own=cut(reference, 100, 50))
        assert calibration.null is not None
        scores = [score("wasserstein", Sample.of(reference), Sample.of(pa.array(part))) for part in values[5_000:].reshape(20, 50)]
        named += [calibration.null.p_value(one) <= 0.001 for one in scores]
    assert sum(named) <= 5


def test_too_few_windows_that_hang_together_are_insufficient_data_and_a_longer_reference_is_asked_for() -> None:
    few = pa.array(long_memory(np.random.default_rng(5), 600))
    calibration = calibrate("wasserstein", Sample.of(few), 50, key="few", own=cut(few, 12, 50))
    assert calibration.null is None
    assert calibration.effective_windows is not None
    assert calibration.effective_windows < LEAST_WINDOWS
    for part in ("12 windows", "10 are needed", "load a longer reference, or judge longer windows"):
        assert part in (calibration.reason or "")


def test_windows_that_hang_together_count_as_fewer() -> None:
    """The average of a reference whose memory outlasts its windows is less sure than as many independent windows make it."""
    def effective(values: np.ndarray) -> float:
        reference = Sample.of(pa.array(values))
        found = vary("wasserstein", cells_of("wasserstein", reference, 50), cut(pa.array(values), 100, 50), np.random.default_rng(1),
                     in_order=True)  # fmt: skip
        assert found is not None
        return found.effective

    assert effective(long_memory(np.random.default_rng(5), 5_000)) < 70
    assert effective(hours(np.random.default_rng(5), 5_000)) > 90


def test_independent_rows_lose_nothing() -> None:
    """The threshold from own windows is that from independent rows, give or take what 28 windows can tell."""
    reference = pa.array(np.random.default_rng(3).normal(size=5_600))
    plain, timed = (calibrate("wasserstein", Sample.of(reference), 200, key="x", own=own) for own in (None, cut(reference, 28, 200)))
    assert plain.chance is not None
    assert timed.chance is not None
    assert timed.chance == pytest.approx(plain.chance, rel=0.2)
    assert timed.own_windows == 28
    assert timed.dispersion < 1.3


def test_a_test_without_a_null_of_its_own_says_that_it_takes_rows_as_independent() -> None:
    reference = pa.array(np.random.default_rng(3).normal(size=5_600))
    calibration = calibrate("t_test", Sample.of(reference), 200, key="x", own=cut(reference, 28, 200))
    assert calibration.independent == "t_test has no null that knows of time"
