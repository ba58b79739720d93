"""Numbers are written in one way: three significant digits, thin thousands, a true minus sign, units."""

from __future__ import annotations

import pytest

from monitoring.charts.numbers import aligned, number, retold, signed, with_unit
from pages.findings.reasons import grouped
from pages.frame import plain


@pytest.mark.parametrize(("value", "said"), [
    (1585, "1\u202f585"), (0.1, "0.100"), (-0.26, "−0.260"), (-12345, "−12\u202f345"), (0.0000012, "1.20e-06"), (-0.0000012, "−1.20e-06"),
    (2345.678, "2\u202f350"), (None, "–"), (float("nan"), "–"), (0, "0"),
])
def test_a_number_is_written_with_three_digits_and_thin_thousands(value: float | None, said: str) -> None:
    assert number(value) == said


def test_differences_bear_their_sign_and_of_shares_they_are_points() -> None:
    assert [signed(value, "share") for value in (0.0179, -0.0276, 0, None)] == ["+1.79 pp", "−2.76 pp", "0 pp", "–"]
    assert signed(-3.5, "ms") == "−3.50 ms"
    assert with_unit(1, "rows") == "1 row"


def test_the_texts_of_a_column_sort_as_its_numbers_do() -> None:
    values = [1585.0, 0.2, 42.0, 10_000.0, 213.0, 0.0453, 9.99]
    shown = dict(zip(aligned(values), values, strict=True))
    assert [shown[text] for text in sorted(shown)] == sorted(values)
    assert aligned([None, 12]) == [" –", "12"]


def test_a_stored_sentence_is_retold_with_thin_thousands() -> None:
    assert retold("10,000 reference and 1,585 window rows, p = 0,5") == "10\u202f000 reference and 1\u202f585 window rows, p = 0,5"
    assert retold(None) == ""
    assert plain("in 0.9 % of windows") == "in 0.9\u00a0% of windows"


def test_reasons_that_say_the_same_are_said_once_the_alarming_first() -> None:
    found = grouped([("ok", "a", "calm"), ("insufficient_data", "b", "few"), ("drift", "c", "far"), ("insufficient_data", "d", "few"),
                     ("ok", "e", "")])  # fmt: skip
    assert [(reason.status.name, reason.names, reason.words) for reason in found] == [
        ("drift", ("c",), "far"), ("ok", ("a",), "calm"), ("insufficient_data", ("b", "d"), "few")]
