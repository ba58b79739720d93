"""Shares on axes and in hovers as all text writes them: `20 %`.

Plotly's formats (d3's) put a percent sign right behind the number and know no other. A currency's sign, though, is whatever the locale
says and goes before the percent sign where a format asks for it with `$`: so the currency of our figures is ` %`.
"""

from __future__ import annotations

__all__ = ["HOVER", "LOCALES", "in_percent"]

from typing import Any

LOCALES: dict[str, Any] = {"en-US": {"format": {"currency": ["", " %"]}}}
"""For Plotly's configuration, without which `in_percent` would read as dollars. en-US is the locale of figures that name none."""

HOVER = "$.3~p"
"""A share to three significant digits, within a hover template: `%{y:…}`."""


def in_percent(digits: str = "~", *, signed: bool = False) -> str:
    """The `tickformat` of shares; `digits` are d3's precision: `~` as many as it takes, `.0` whole percents."""
    return f"{'+' if signed else ''}${digits}%"
