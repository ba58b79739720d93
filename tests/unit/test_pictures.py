"""Pictures of columns: the bins that Evidently draws, every row in one of them, few bars whatever the data."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitoring.drift import Sample
from monitoring.engine_jobs import DriftColumn, Job, Picture, Score, Verdict
from monitoring.engine_wire import job_from_line, job_to_line
from monitoring.pictures import MOST_LABELS, picture


def numbers(values: object) -> Sample:
    return Sample.of(pa.array(np.asarray(values, float)))


def words(values: list[str]) -> Sample:
    return Sample.of(pa.array(values, pa.string()))


@pytest.mark.parametrize("draw", ["normal", "exponential", "standard_cauchy"])
@pytest.mark.parametrize("n", [1, 2, 3, 50, 7_000])
def test_numbers_are_binned_as_evidently_draws_them(draw: str, n: int) -> None:
    random = np.random.default_rng(n)
    before, after = getattr(random, draw)(size=5_000), getattr(random, draw)(size=n) * 2 + 1
    seen = picture("wasserstein", numbers(before), numbers(after))
    edges = np.histogram_bin_edges(np.concatenate([after, before]), "doane")
    assert seen.edges == pytest.approx(edges, rel=1e-12)
    assert seen.reference == tuple(np.histogram(before, seen.edges)[0])
    assert seen.current == tuple(np.histogram(after, seen.edges)[0])
    assert (seen.n, seen.n_reference) == (n, 5_000)


finite = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=60)


@settings(deadline=None)
@given(before=finite, after=finite)
@example(before=[0.0], after=[1.2e-154])  # whose standard deviation's cube is too small for a double
def test_any_finite_numbers_have_a_picture_with_every_row_in_one_bar(before: list[float], after: list[float]) -> None:
    seen = picture("ks", numbers(before), numbers(after))
    assert (seen.n, seen.n_reference) == (len(after), len(before))
    assert seen.edges is not None
    assert all(np.diff(seen.edges) > 0)
    assert len(seen.current) <= 45


def test_a_window_without_a_value_still_shows_the_reference() -> None:
    seen = picture("ks", numbers([1.0, 2.0, 4.0]), numbers([]), nulls=7)
    assert (seen.n, seen.n_reference, seen.nulls) == (0, 3, 7)
    assert picture("ks", numbers([]), numbers([])).n == 0


def test_a_million_rows_have_few_bins() -> None:
    wild = np.random.default_rng(1).standard_cauchy(1_000_000)
    assert len(picture("wasserstein", numbers(wild), numbers(wild[:1000])).current) < 45


def test_categories_are_bars_the_most_frequent_first_and_the_rest_is_one_bar() -> None:
    many = [f"c{i:03}" for i in range(100) for _ in range(100 - i)]
    seen = picture("jensenshannon", words(many), words(["c099"] * 5000 + ["new"] * 9))
    assert seen.labels is not None
    assert seen.labels[:2] == ("c099", "c000")
    assert seen.labels[-1] == "(other)"
    assert len(seen.labels) == MOST_LABELS + 1
    assert (seen.n, seen.n_reference) == (5009, 5050)
    assert seen.current[-1] == 9


def test_the_rest_never_shares_a_name_with_a_category() -> None:
    seen = picture("psi", words(["(other)"] * 99 + [str(i) for i in range(50)]), words(["(other)"]))
    assert seen.labels is not None
    assert len(set(seen.labels)) == len(seen.labels) == MOST_LABELS + 1


def test_numbers_under_a_method_for_categories_are_bars_of_values() -> None:
    seen = picture("chisquare_contingency", numbers([0, 0, 1]), numbers([1, 2]))
    assert seen.labels == ("0.0", "1.0", "2.0")
    assert seen.current == (0, 1, 1)


def test_a_picture_is_whole_or_none() -> None:
    with pytest.raises(ValueError, match="same bars"):
        Picture(current=(1,), reference=(1, 2), labels=("a",))
    for wrong in ({}, {"labels": ("a",), "edges": (0.0, 1.0)}, {"edges": (0.0,)}, {"labels": ()}):
        with pytest.raises(ValueError, match="edges of its bars"):
            Picture(current=(1,), reference=(2,), **wrong)


def test_scores_and_pictures_cross_to_the_worker_unchanged() -> None:
    seen = picture("ks", numbers([1.0, 2.0, 4.5]), numbers([0.1]), nulls=2, nulls_reference=1)
    known = DriftColumn("x", "numerical", "ks", 0.01, 0.1, (0.01, 0.02), Score(value=0.3, method="ks", p_value=0.3, effect=0.2), seen,
                        Verdict(status="ok", threshold=0.2, p_value=0.3, reason="Within."))
    labelled = DriftColumn("c", "categorical", picture=picture("psi", words(["a"]), words(["b"])), score=Score(reason="None."))
    job = Job(task="binary", current=pa.table({}), columns=(known, labelled, DriftColumn("plain", "numerical")))
    line = json.loads(json.dumps(job_to_line(job, current="c", reference=None)))  # type: ignore[arg-type]
    assert job_from_line(line, current=job.current, reference=None).columns == job.columns
