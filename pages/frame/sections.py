"""The nine pages in their order, and links between them."""

from __future__ import annotations

__all__ = ["SECTIONS", "START", "Section", "contents", "go", "link", "navigation_pages", "section"]

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlencode

import streamlit as st
from streamlit.errors import StreamlitAPIException

from pages.frame.selection import carried
from pages.frame.text import plain

_PAGES = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One page: `key` is its URL path, `group` its heading in the sidebar, `selectors` what its sidebar offers."""

    key: str
    title: str
    icon: str
    group: str
    folder: str
    selectors: tuple[str, ...] = ("model", "version", "range", "window", "segment")
    needs_model: bool = True

    @property
    def path(self) -> Path:
        """The page's script."""
        return _PAGES / self.folder / f"{self.key}.py"


SECTIONS: dict[str, Section] = {
    made.key: made
    for made in (
        Section(key="overview", title="Overview", icon=":material/dashboard:", group="Watch", folder="watch", selectors=("range",)),
        Section(key="drift", title="Drift", icon=":material/grid_on:", group="Watch", folder="watch"),
        Section(key="feature", title="Feature", icon=":material/bar_chart:", group="Watch", folder="watch",
                selectors=("model", "version", "range", "window", "compare", "segment")),
        Section(key="performance", title="Performance", icon=":material/monitoring:", group="Watch", folder="watch"),
        Section(key="segments", title="Segments & fairness", icon=":material/groups:", group="Watch", folder="watch",
                selectors=("model", "version", "range", "window")),
        Section(key="traffic", title="Traffic & latency", icon=":material/speed:", group="Watch", folder="watch",
                selectors=("model", "version", "range", "window")),
        Section(key="reports", title="Reports", icon=":material/description:", group="Operate", folder="operate",
                selectors=("model", "version", "range")),
        Section(key="health", title="Health", icon=":material/health_and_safety:", group="Operate", folder="operate", selectors=(),
                needs_model=False),
        Section(key="models", title="Models", icon=":material/deployed_code:", group="Set up", folder="set_up", selectors=("model",),
                needs_model=False),
    )
}


START = "overview"
"""The page at `/`."""


def section(key: str) -> Section:
    """The section of that key; a page's script names itself with it."""
    return SECTIONS[key]


def navigation_pages() -> dict[str, list[st.Page]]:
    """What `st.navigation` takes: pages by group. The overview is the start page."""
    groups: dict[str, list[st.Page]] = {}
    for made in SECTIONS.values():
        groups.setdefault(made.group, []).append(_page(made))
    return groups


def contents() -> None:
    """The pages by group, as links that keep the selection.

    Our own, because Streamlit's list of grouped pages is no list to a screen reader, and its links drop the selection from the URL.
    """
    group = ""
    with st.container(gap="xxsmall", key="driftboard-contents"):
        for made in SECTIONS.values():
            if made.group != group:
                group = made.group
                st.markdown(f":small[:gray[**{group}**]]")
            st.page_link(_page(made), width="stretch", query_params=carried())


def link(key: str, label: str, *, help: str | None = None, **params: str) -> None:  # noqa: A002 – Streamlit's own word
    """A link to the page `key` with `params` in its URL; it keeps the rest of the selection. `label` may be text from users."""
    query = carried(**params)
    made = section(key)
    try:
        st.page_link(_page(made), label=plain(label), help=help, query_params=query)
    except StreamlitAPIException:  # a page run by itself, outside the navigation, knows no other page
        st.markdown(f"[{plain(label)}](/{key}?{urlencode(query)})")


def go(key: str, **params: str) -> NoReturn:
    """Open the page `key` with `params` in its URL; the rest of the selection stays. Ends this run of the script."""
    query = carried(**params)
    try:
        st.switch_page(_page(section(key)), query_params=query)
    except StreamlitAPIException:  # a page run by itself has nowhere to go: say where it would be
        st.markdown(f"[{section(key).title}](/{key}?{urlencode(query)})")
        st.stop()


def _page(made: Section) -> st.Page:
    return st.Page(made.path, title=made.title, icon=made.icon, url_path=made.key, default=made.key == START)
