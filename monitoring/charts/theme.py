"""Colours, axes and the one way to start a figure, for both themes."""

from __future__ import annotations

__all__ = ["CONFIG", "SCALE_ROOM", "Figure", "Look", "Palette", "figure", "safe", "scale_above", "short", "translucent"]

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import plotly.graph_objects as go

from monitoring.charts.numbers import short
from monitoring.charts.palette import DARK, LIGHT, Palette
from monitoring.charts.percent import LOCALES

SCALE_ROOM = 50
"""Pixels above a heat map for `scale_above`."""

FONT = '"Source Sans", "Source Sans Pro", system-ui, sans-serif'
CONFIG: dict[str, Any] = {"displaylogo": False, "displayModeBar": False, "responsive": True, "scrollZoom": False, "showTips": False,
                          "locales": LOCALES}
"""Plotly's own configuration: no logo, no link outwards, no bar of tools over the first lines of a small chart; `20 %`."""


_DAY = 86_400_000  # milliseconds: Plotly's unit of distances between ticks
_DAYS = [{"dtickrange": [None, _DAY - 1], "value": "%H:%M\n%-d %b %Y"}, {"dtickrange": [_DAY, "M1"], "value": "%-d %b\n%Y"},
         {"dtickrange": ["M1", None], "value": "%b\n%Y"}]
_NO_TEMPLATE: dict[str, Any] = {}  # the house's own axes are all there is; looking Plotly's default up takes milliseconds


@dataclass(frozen=True, slots=True)
class Look:
    """How a person looks at the page: theme and time zone (an IANA name). Every chart takes one."""

    dark: bool = False
    zone: str = "UTC"

    @property
    def palette(self) -> Palette:
        """The colours of this theme."""
        return DARK if self.dark else LIGHT

    def times(self, moments: Iterable[datetime | None]) -> list[datetime | None]:
        """The moments as naive times of the zone, because a Plotly axis knows no zones."""
        zone = ZoneInfo(self.zone)
        return [None if moment is None else moment.astimezone(zone).replace(tzinfo=None) for moment in moments]


class Figure(go.Figure):  # type: ignore[misc]  # Plotly has no types
    """A figure that is sent as often as somebody looks. Once it is finished, nothing of it is copied for that."""

    _finished: dict[str, Any] | None = None

    def finish(self) -> None:
        """The figure is drawn: what is changed from now on is not seen."""
        made = super().to_dict()
        self._finished = {**made, "data": [{name: _text(value) for name, value in trace.items()} for trace in made["data"]]}

    def to_dict(self) -> dict[str, Any]:
        """Plotly's description of the figure."""
        if self._finished is None:
            made: dict[str, Any] = super().to_dict()
            return made
        return {**self._finished, "data": [dict(trace) for trace in self._finished["data"]], "layout": dict(self._finished["layout"])}


def _text(value: Any) -> Any:
    """An array of text as one that Plotly writes out as a whole; of others it looks at each value, for every view."""
    known = isinstance(value, np.ndarray) and value.dtype.kind == "O" and all(isinstance(one, str) for one in value.flat)
    return value.astype(str) if known else value


def figure(look: Look, *, height: int = 320, x: str = "", y: str = "", legend: bool = True, windows: bool = False) -> Figure:
    """An empty figure with the house's axes. `x` and `y` are the axes' titles, with units; `windows` makes the first a time axis of
    windows; `height` is in pixels."""
    colours = look.palette

    def axis(title: str) -> dict[str, Any]:
        said = {"text": title} if title else {}  # an empty title would still take its height
        return {
            "gridcolor": colours.grid, "linecolor": colours.grid, "zeroline": False, "automargin": True, "ticks": "",
            "separatethousands": True,
            "title": {"font": {"size": 13, "color": colours.muted}, "standoff": 8, **said},
            "tickfont": {"size": 12, "color": colours.muted},
        }

    return Figure(layout={  # in one go: each later update costs Plotly milliseconds
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 36 if legend else 12, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 13, "color": colours.text},
        "colorway": list(colours.series),
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": colours.surface, "bordercolor": colours.grid, "align": "left",
                       "font": {"family": FONT, "size": 13, "color": colours.text}},
        "showlegend": legend,
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.0, "yanchor": "bottom",
                   "font": {"size": 12, "color": colours.text}, "bgcolor": "rgba(0,0,0,0)"},
        "dragmode": False,
        "template": _NO_TEMPLATE,
        "separators": ".\u202f",
        "xaxis": {**axis(f"Window, {look.zone}" if windows else x), "showgrid": False, **({"tickformatstops": _DAYS} if windows else {})},
        "yaxis": {**axis(y), "showgrid": True},
    })


def scale_above(look: Look) -> dict[str, Any]:
    """The scale of a heat map's colours as a line above it at the left: beside the map it would narrow it on a phone, and set it apart from
    the time axes above and below. The figure's upper margin needs `SCALE_ROOM`."""
    return {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yref": "container", "yanchor": "top", "ypad": 6, "xpad": 0, "len": 220,
            "lenmode": "pixels", "thickness": 10, "outlinewidth": 0, "tickfont": {"size": 12, "color": look.palette.muted}}


def safe(text: object) -> str:
    """Text from users for a figure: Plotly reads a little HTML in labels and hovers, so it is escaped."""
    return escape(str(text), quote=False)


def translucent(colour: str, opacity: float) -> str:
    """`#RRGGBB` with an opacity from 0 to 1, as Plotly's `rgba(...)`."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
