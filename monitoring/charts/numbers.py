"""Numbers and moments as words: three significant digits, always with their unit and zone."""

from __future__ import annotations

__all__ = ["aligned", "day", "days", "interval", "moment", "number", "retold", "short", "signed", "span", "with_unit"]

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from math import floor, isfinite, log10
from typing import Any
from zoneinfo import ZoneInfo

_UNITS = {"ms": " ms", "s": " s", "rows": " rows", "rows/s": " rows/s", "nats": " nats", "%": " %"}
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def number(value: float | None, digits: int = 3) -> str:
    """`value` to `digits` significant digits with thin thousands; `–` where there is none. Whole numbers stay whole."""
    if value is None or not isfinite(value):
        return "–"
    if value == 0:
        return "0"
    sign, size = "−" if value < 0 else "", abs(value)
    if float(size).is_integer() and size < 1e15:
        return sign + f"{int(size):,}".replace(",", "\u202f")
    places = digits - 1 - floor(log10(size))
    if places > digits + 3:
        return sign + f"{size:.{digits - 1}e}"
    return sign + f"{round(size, places):,.{max(places, 0)}f}".replace(",", "\u202f")


def with_unit(value: float | None, unit: str) -> str:
    """`0.893` of unit `share` → `89.3 %`; `ms`, `s`, `rows` … are appended; `score` and `target` have no sign of their own."""
    if value is None or not isfinite(value):
        return "–"
    if unit == "share":
        return number(value * 100) + " %"
    if unit == "s" and value >= 60:
        return _duration(value)
    if unit == "rows" and value == 1:
        return "1 row"
    return number(value) + _UNITS.get(unit, "")


def signed(value: float | None, unit: str) -> str:
    """A difference with its sign: `+1.79 pp`; of shares it is in percentage points, of nothing it is `0`."""
    if value is None or not isfinite(value):
        return "–"
    return ("+" if value > 0 else "") + (f"{number(value * 100)} pp" if unit == "share" else with_unit(value, unit))


def aligned(values: Iterable[float | None], unit: str = "") -> list[str]:
    """The numbers of a table's column as `with_unit` writes them, padded in front so that the texts sort as the numbers do: Streamlit's
    own number formats know no thin space. For numbers of at least zero; one in powers of ten sorts wrongly."""
    texts = [with_unit(value, unit) for value in values]
    wholes = [len(text.partition(" ")[0].partition(".")[0]) for text in texts]
    widest = max(wholes, default=0)
    return [" " * (widest - whole) + text for text, whole in zip(texts, wholes, strict=True)]


def retold(sentence: str | None) -> str:
    """A stored sentence, such as a point's reason, with its thousands as pages write them: `1,585 rows` becomes `1 585 rows`."""
    return _THOUSANDS.sub("\u202f", sentence or "")


def interval(lower: float | None, upper: float | None, unit: str) -> str:
    """`[86.0 %, 91.2 %]`, or nothing where a bound is missing."""
    if lower is None or upper is None:
        return ""
    return f"[{with_unit(lower, unit)}, {with_unit(upper, unit)}]"


def moment(value: datetime | None, zone: str = "UTC") -> str:
    """`4 Nov 2026 00:00` in the zone (an IANA name); the zone's name is said once by the page, in its header."""
    if value is None:
        return "–"
    local = value.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %Y %H:%M}"


def day(value: datetime, zone: str = "UTC", *, beside: datetime | None = None) -> str:
    """`4 Nov 2026` in the zone, with the hour where it is not midnight; without the year where `beside` lies in the same one."""
    local = value.astimezone(ZoneInfo(zone))
    year = "" if beside is not None and beside.astimezone(ZoneInfo(zone)).year == local.year else f" {local.year}"
    hour = f" {local:%H:%M}" if local.hour or local.minute else ""
    return f"{local.day} {local:%b}{year}{hour}"


def days(window: Mapping[str, Any], zone: str = "UTC") -> str:
    """`4 Nov 2026 – 5 Nov 2026`: a window (anything with `window_start` and `window_end`) where there is little room."""
    return f"{day(window['window_start'], zone, beside=window['window_end'])} – {day(window['window_end'], zone)}"


def span(start: datetime, end: datetime, zone: str = "UTC") -> str:
    """`4 Nov 2026 00:00 – 5 Nov 2026 00:00 UTC`: a half-open window in words."""
    return f"{moment(start, zone)} – {moment(end, zone)} {zone}"


def short(text: str, most: int = 28) -> str:
    """`text` cut to `most` characters, for labels; the hover text says it whole."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _duration(seconds: float) -> str:
    """`7.0 d`, `3.5 h`, `12 min`: the largest unit that is at least one."""
    for size, unit in ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min")):
        if seconds >= size.total_seconds():
            return f"{number(seconds / size.total_seconds())} {unit}"
    return f"{number(seconds)} s"
