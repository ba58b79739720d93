"""The one table of statuses: icon, word, colour and rank, for pages, charts, tables and exports alike."""

from __future__ import annotations

__all__ = ["STATUSES", "Status", "status_of", "worst"]

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """How one status of a point is shown.

    `icon` is a plain character, so that it works in charts and tables too; `light` and `dark` are text colours with a contrast of at
    least 4.5:1 on the page of that theme; `markdown` is Streamlit's colour word, which `.streamlit/config.toml` sets to the same values;
    `rank` orders from calm (0) to alarming.
    """

    name: str
    word: str
    icon: str
    light: str
    dark: str
    markdown: str
    rank: int

    def colour(self, dark: bool) -> str:
        """The colour in the dark or the light theme."""
        return self.dark if dark else self.light

    @property
    def text(self) -> str:
        """Icon and word, for a table's cell: colour never carries the meaning alone."""
        return f"{self.icon} {self.word}"

    @property
    def rich(self) -> str:
        """Icon and word in the status's colour, as Streamlit markdown."""
        return f":{self.markdown}[**{self.text}**]"


_GREY = {"light": "#5B6675", "dark": "#A9B4C4", "markdown": "gray"}

STATUSES: dict[str, Status] = {
    status.name: status
    for status in (
        Status(name="drift", word="Drift", icon="◆", light="#B3261E", dark="#FF8A80", markdown="red", rank=5),
        Status(name="failed", word="Failed", icon="✖", light="#B3261E", dark="#FF8A80", markdown="red", rank=4),
        Status(name="warn", word="Warning", icon="▲", light="#A85B00", dark="#F2B33D", markdown="orange", rank=3),
        Status(name="ok", word="OK", icon="●", light="#0F7B4F", dark="#4CC38A", markdown="green", rank=2),
        Status(name="insufficient_data", word="Insufficient data", icon="○", rank=1, **_GREY),
        Status(name="not_applicable", word="Not applicable", icon="–", rank=0, **_GREY),
        Status(name="none", word="No data yet", icon="·", rank=-1, **_GREY),
    )
}


def status_of(name: str | None) -> Status:
    """The status of that name; a missing or unknown one is `No data yet`."""
    return STATUSES.get(name or "none", STATUSES["none"])


def worst(names: Iterable[str | None]) -> Status:
    """The most alarming of the named statuses; `No data yet` where there are none."""
    return max((status_of(name) for name in names), key=lambda status: status.rank, default=STATUSES["none"])
