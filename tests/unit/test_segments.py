"""Segments: their names, which of them are computed, their samples, and drift judged over all of them together."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitoring.analysis.baseline import Baseline
from monitoring.drift import Sample, score
from monitoring.drift_nulls import NullCache
from monitoring.own_windows import OwnWindows, Span
from monitoring.reference.kept import Kept
from monitoring.segments import drift
from monitoring.segments.columns import Columns
from monitoring.segments.drift import Comparison, judge, segment_null_size, yardstick
from monitoring.segments.naming import conditions, segment_name
from monitoring.segments.performance import judge_together
from monitoring.segments.slices import MINIMUM_PAIR, MOST_PAIRS, MOST_VALUES, matching, slices
from monitoring.verdicts import DriftSettings, Verdict
from storage.custody.reference_profiles import Fact

words = st.text(st.sampled_from("ab&= %\u00e9"), max_size=8)
columns = st.text(st.sampled_from("ab& %"), min_size=1, max_size=5)
START = datetime(2026, 1, 5, tzinfo=UTC)


def frame(n: int, *, seed: int = 1, shifted: str = "") -> pa.Table:
    """Rows with two segments and two features; the numbers of the country `shifted` are one standard deviation higher."""
    random = np.random.default_rng(seed)
    country, channel = random.choice(["FR", "DE", "ES"], n, p=[0.6, 0.3, 0.1]), random.choice(["web", "app"], n)
    amount = random.normal(0, 1, n) + (country == shifted)
    colour = random.choice(["red", "green", "blue"], n)
    return pa.table({"country": country, "channel": channel, "amount": amount, "colour": colour})


def test_a_segment_is_named_as_the_contract_says() -> None:
    assert segment_name([("country", "FR")]) == "country=FR"
    assert segment_name([("country", "FR"), ("channel", "web")]) == "country=FR & channel=web"
    assert segment_name([("shop", "Marks & Co")]) == "shop=Marks && Co"


@given(st.lists(st.tuples(columns, words), min_size=1, max_size=2))
def test_a_name_says_its_conditions_and_nothing_else(where: list[tuple[str, str]]) -> None:
    assert conditions(segment_name(where)) == tuple(where)


def test_all_rows_have_no_conditions() -> None:
    assert conditions("") == ()


def test_segments_are_the_values_and_the_large_pairs_of_declared_columns() -> None:
    table = frame(1000)
    rows = list(zip(table["country"].to_pylist(), table["channel"].to_pylist(), strict=True))
    pairs = {f"country={a} & channel={b}": n for (a, b), n in Counter(rows).items() if n >= MINIMUM_PAIR}
    expected = {f"country={value}": n for value, n in Counter(a for a, _ in rows).items()}
    expected |= {f"channel={value}": n for value, n in Counter(b for _, b in rows).items()}
    assert {part.name: part.n for part in slices(table, ["country", "channel"])} == expected | pairs
    assert 0 < len(pairs) < 6  # the two smallest pairs are left out
    assert slices(table, ["no such column"]) == []


def test_there_are_at_most_twenty_values_of_a_column_and_twenty_pairs() -> None:
    random = np.random.default_rng(3)
    many = [f"{value:02}" for value in random.integers(0, 40, 60_000)]
    found = slices(pa.table({"a": many, "b": random.choice(["x", "y"], 60_000), "c": [None] * 60_000}), ["a", "b", "c"])
    assert Counter(len(part.where) for part in found) == {1: MOST_VALUES + 2, 2: MOST_PAIRS}
    biggest = Counter(many).most_common(MOST_VALUES)[-1][1]
    assert min(part.n for part in found if part.where[0][0] == "a" and len(part.where) == 1) == biggest


def test_a_missing_value_is_in_no_segment() -> None:
    table = pa.table({"country": pa.array(["FR", None, "FR", "DE"])})
    assert {part.name: part.mask.tolist() for part in slices(table, ["country"])} == {
        "country=FR": [True, False, True, False], "country=DE": [False, False, False, True],
    }  # fmt: skip


def test_the_same_conditions_pick_the_same_rows_of_another_table() -> None:
    table = frame(500, seed=2)
    for part in slices(frame(1000), ["country", "channel"]):
        found = matching(table, part.where)
        assert found is not None
        assert table.filter(pa.array(found)).select([name for name, _ in part.where]).to_pylist() == [dict(part.where)] * int(found.sum())
    assert matching(table, (("country", "XX"),)).tolist() == [False] * 500  # type: ignore[union-attr]
    assert matching(table, (("nowhere", "FR"),)) is None


def test_a_segment_s_sample_is_that_of_its_rows_alone() -> None:
    table = frame(800).set_column(2, "amount", pa.array([None, float("nan"), float("inf")] + [float(i % 97) for i in range(797)]))
    prepared = Columns(table)
    for part in slices(table, ["country", "channel"]):
        own = table.filter(pa.array(part.mask))
        for name, kind in (("amount", "numerical"), ("colour", "categorical")):
            expected, found = Sample.of_column(own, name, kind), prepared.sample(name, kind, part.mask)
            assert found.counts == expected.counts
            assert found.n == expected.n


def compared(reference: pa.Table, window: pa.Table, cache: NullCache) -> list[tuple[str, str, Comparison]]:
    settings, methods = DriftSettings(), {"amount": ("wasserstein", "numerical"), "colour": ("jensenshannon", "categorical")}
    found = []
    for part in slices(window, ["country", "channel"]):
        mask = matching(reference, part.where)
        assert mask is not None
        for name, (method, kind) in methods.items():
            a, b = Columns(reference).sample(name, kind, mask), Columns(window).sample(name, kind, part.mask)
            found.append((part.name, name, compare(method, a, b, key=f"{name}/{part.name}", settings=settings, cache=cache)))
    return found


def compare(method: str, reference: Sample, window: Sample, *, key: str, settings: DriftSettings, cache: NullCache) -> Comparison:
    """One comparison, whose yardstick is known to nobody yet."""
    return drift.compare(method, reference, window, settings=settings,
                         known=lambda n: yardstick(method, reference, n, key=key, settings=settings, cache=cache))  # fmt: skip


def test_a_drift_of_one_segment_is_found_where_it_is_and_scored_exactly() -> None:
    reference, window = frame(4_000, seed=7), frame(600, seed=8, shifted="ES")
    found = compared(reference, window, NullCache())
    verdicts = judge([one for _, _, one in found], share=0.01)
    named = {(segment, column) for (segment, column, _), verdict in zip(found, verdicts, strict=True) if verdict.status == "drift"}
    assert ("country=ES", "amount") in named
    assert all(column == "amount" and "country=FR" not in segment and "country=DE" not in segment for segment, column in named)
    rows = [Sample.of_column(table.filter(pa.array([c == "ES" for c in table["country"].to_pylist()])), "amount", "numerical")
            for table in (reference, window)]
    shown = {(segment, column): (one, verdict) for (segment, column, one), verdict in zip(found, verdicts, strict=True)}
    one, verdict = shown["country=ES", "amount"]
    assert one.value == pytest.approx(score("wasserstein", *rows), abs=1e-12)
    assert verdict.threshold is not None and one.value is not None and one.value >= verdict.threshold
    assert "judged together" in verdict.reason


def test_a_small_segment_is_insufficient_and_an_unknown_method_says_so() -> None:
    few, many = Sample(numbers=np.arange(29.0)), Sample(numbers=np.arange(500.0))
    settings = DriftSettings()
    for reference, window in ((many, few), (few, many)):
        small = compare("wasserstein", reference, window, key="k", settings=settings, cache=NullCache())
        assert (small.status, small.p_value) == ("insufficient_data", None)
        assert "29" in small.reason
    other = compare("anderson", many, many, key="k", settings=settings, cache=NullCache())
    assert (other.status, other.p_value) == ("not_applicable", None)
    assert judge([other], share=0.01)[0].status == "not_applicable"


def test_a_difference_too_small_to_matter_is_not_named_however_sure() -> None:
    random = np.random.default_rng(2)
    a, b = (Sample(numbers=np.sort(random.normal(shift, 1, 200_000))) for shift in (0.0, 0.05))
    found = compare("wasserstein", a, b, key="k", settings=DriftSettings(), cache=NullCache())
    assert found.p_value is not None and found.p_value <= 1e-6
    verdict = judge([found], share=0.01)[0]
    assert verdict.status == "ok"
    assert "below 0.1" in verdict.reason


@given(st.integers(1, 10_000_000))
def test_a_segment_s_null_is_drawn_for_no_more_rows_than_it_has(n: int) -> None:
    assert n / 1.5 < segment_null_size(n) <= n


@pytest.mark.slow
def test_without_drift_no_more_windows_name_a_segment_than_the_budget_says() -> None:
    """144 windows of 12 references at a budget of 10 %, no minimum effect: the share that name any segment, within its binomial error."""
    cache, alarms, windows = NullCache(), 0, 144
    settings = DriftSettings(minimum_effect=0.0)
    for seed in range(windows):
        reference, window = frame(3_000, seed=1_000 + seed % 12), frame(600, seed=5_000 + seed)
        family = []
        for part in slices(window, ["country", "channel"]):
            mask = matching(reference, part.where)
            assert mask is not None
            for name, method, kind in (("amount", "wasserstein", "numerical"), ("colour", "jensenshannon", "categorical")):
                a, b = Columns(reference).sample(name, kind, mask), Columns(window).sample(name, kind, part.mask)
                family.append(compare(method, a, b, key=f"{seed % 12}/{name}/{part.name}", settings=settings, cache=cache))
        alarms += any(verdict.status == "drift" for verdict in judge(family, share=0.1))
    assert alarms <= stats.binom.ppf(0.999, windows, 0.1)


def test_metrics_of_segments_are_judged_together() -> None:
    """Fifty segments with six metrics, 400 windows without a change: by themselves 14 % of windows name one; together 0.3 % may."""
    random = np.random.default_rng(7)
    alone = together = 0
    for _ in range(400):
        verdicts = [Verdict(status="drift" if p < 0.0005 else "ok", p_value=p, threshold=0.9, reason="x") for p in random.random(300)]
        alone += any(verdict.status == "drift" for verdict in verdicts)
        together += any(verdict.status == "drift" for verdict in judge_together(verdicts, [1.0] * 300, metrics=6))
    assert alone > 35
    assert together <= 5


def test_a_segment_that_got_much_worse_is_named_among_many_and_a_chance_find_says_why_not() -> None:
    ok = [Verdict(status="ok", p_value=0.5, threshold=0.9)] * 298
    sure, chance = (Verdict(status="drift", p_value=p, threshold=0.9, reason="Worse") for p in (1e-9, 4e-4))
    found = judge_together([sure, chance, *ok], [1.0] * 300, metrics=6)
    assert [verdict.status for verdict in found[:3]] == ["drift", "ok", "ok"]
    assert found[1].reason == (
        "Worse; among 300 metrics of segments judged together that is no surprise: without a change at most 0.3 % of windows name any")
    assert found[2].threshold is not None
    assert found[2].threshold < 0.9
    undefined = Verdict(status="insufficient_data", reason="Few.")
    assert judge_together([undefined], [None], metrics=0) == [undefined]


def seasonal(days: int, seed: int) -> pa.Table:
    """100 rows a day of two sites; of one of them the amounts are half a standard deviation higher at weekends."""
    random, day = np.random.default_rng(seed), np.repeat(np.arange(days), 100)
    site = random.choice(["a", "b"], len(day))
    start = int(START.timestamp()) * 1_000_000
    moments = pa.array(start + 864_000_000 * np.arange(len(day))).cast(pa.timestamp("us", "UTC"))
    return pa.table({"@t": moments, "site": site, "amount": random.normal(size=len(day)) + 0.7 * ((site == "a") & (day % 7 >= 5))})


def test_a_season_of_a_segment_is_no_drift_of_it() -> None:
    """At 2 %, of 56 days 1.1 are expected to be named; with rows taken as independent most weekends are."""
    baseline, after = Baseline(seasonal(56, 1), "x"), seasonal(56, 2)
    where, day, settings = (("site", "a"),), Span(START, START + timedelta(days=1)), DriftSettings(level=0.02, minimum_effect=0.0)
    reference = baseline.segment_sample(where, "amount", "numerical")
    own = baseline.segment_windows(where, "amount", "numerical", day)
    assert isinstance(own, OwnWindows)
    assert own.count == 56
    named = {}
    for known in (own, None):
        calibration = yardstick("wasserstein", reference, 45, key=f"{known is None}", settings=settings, cache=NullCache(), own=known)
        rows = [after.slice(place * 100, 100) for place in range(56)]
        windows = [Sample.of_column(part.filter(pc.equal(part["site"], "a")), "amount", "numerical") for part in rows]
        found = [drift.compare("wasserstein", reference, one, settings=settings, known=lambda _, c=calibration: c) for one in windows]
        named[known is None] = sum((one.p_value or 1) <= 0.02 for one in found)
        assert {one.own_windows for one in found} == {0 if known is None else 56}
    assert named[False] <= 4
    assert named[True] >= 8


def test_a_segment_that_cannot_be_cut_says_why() -> None:
    table = seasonal(5, 1)
    day = Span(START, START + timedelta(days=1))
    assert "has 5 windows" in str(Baseline(table, "x").segment_windows((("site", "a"),), "amount", "numerical", day))
    assert "no times" in str(Baseline(table.drop_columns(["@t"]), "x").segment_windows((("site", "a"),), "amount", "numerical", day))


def test_a_segment_of_a_range_that_fits_no_calendar_says_that_and_of_one_without_rows_that_it_was_not_kept() -> None:
    table, where = seasonal(56, 1), (("site", "a"),)
    odd = Span(START + timedelta(hours=5), START + timedelta(hours=29))
    why = "a segment's rows in the reference are cut along the calendar only, which this range does not fit"
    assert Baseline(table, "x").segment_windows(where, "amount", "numerical", odd) == why
    facts: dict[str, Fact] = {}
    files = SimpleNamespace(read=facts.get, write=facts.__setitem__)
    before = Baseline(table, "x", kept=Kept(files))
    assert before.sample("amount", "numerical").n == len(before) == 5600  # neither blocks nor segments are kept beside it
    after = Baseline(table, "x", kept=Kept(files, gone="They were deleted.", once=frozenset(facts)))
    gone = "how the segment's windows of this length differ was not kept. They were deleted."
    assert after.segment_windows(where, "amount", "numerical", Span(START, START + timedelta(days=1))) == gone
