"""No figure writes a share otherwise than text does; that a browser does so is in tests/e2e/test_percent.py."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from monitoring import charts
from monitoring.charts.numbers import with_unit
from monitoring.charts.percent import HOVER, LOCALES, in_percent
from monitoring.charts.theme import CONFIG
from monitoring.charts.timeline import y_format

_OF_SHARES = re.compile(r"(?:[:\"'])(?P<format>[+(-]?[\d.,~]*[%p])[\"'}]")  # d3's, as a tickformat or within a template
_SOURCES = sorted(path for path in Path(charts.__file__).parent.glob("*.py") if path.name != "numbers.py")  # whose "%" is text


@pytest.mark.parametrize("text", ['tickformat=".0%"', '"~%"', "%{x:.3~p}<br>", "'+.0%'"])
def test_a_share_that_d3_would_write_its_own_way_is_seen(text: str) -> None:
    assert _OF_SHARES.search(text)


@pytest.mark.parametrize("path", _SOURCES, ids=lambda path: path.stem)
def test_no_figure_has_shares_written_by_d3_s_own_way(path: Path) -> None:
    assert [found["format"] for found in _OF_SHARES.finditer(path.read_text())] == []


def test_a_share_is_a_sum_in_a_currency_called_percent() -> None:
    assert (in_percent(), in_percent(".0"), in_percent(".0", signed=True), HOVER) == ("$~%", "$.0%", "+$.0%", "$.3~p")
    assert y_format("share") == {"tickformat": "$~%"}
    before, after = LOCALES["en-US"]["format"]["currency"]
    assert f"{before}20{after}" == with_unit(0.2, "share")
    assert CONFIG["locales"] is LOCALES
