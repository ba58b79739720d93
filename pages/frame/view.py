"""`page`: the one context in which every page draws, and the `View` it draws on."""

from __future__ import annotations

__all__ = ["View", "page"]

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from shlex import quote
from time import perf_counter
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import RerunException, StopException

from monitoring.charts.numbers import span
from monitoring.charts.status import Status
from monitoring.charts.theme import CONFIG, Look
from monitoring.errors import MonitoringError
from pages.findings.timeline import EVERY, Timeline
from pages.frame import progress, sidebar, states
from pages.frame.drawn import drawn
from pages.frame.export import Export
from pages.frame.sections import START, Section, go, section
from pages.frame.selection import Selection, begin, choice, flush, version_words
from pages.frame.text import plain
from storage.errors import OwnerBusy, StorageError

if TYPE_CHECKING:
    from monitoring.house import House
    from storage.store import Reader


class _EndOfPageError(Exception):
    """Ends the body of a page; `page` draws the rest."""


@dataclass(slots=True)
class View:
    """What one page sees: the selection, the house behind it, the look, and the places of the header that it fills."""

    section: Section
    house: House
    selection: Selection
    look: Look
    spec: dict[str, Any]
    timeline: Timeline
    _title: DeltaGenerator
    _export: Export = field(init=False)

    def __post_init__(self) -> None:
        self._export = Export(self.section.key, self.section.title)

    @property
    def store(self) -> Reader:
        """What the owner's store answers; nothing can be written through it."""
        return self.house.reader

    @property
    def releases(self) -> list[tuple[datetime, str]]:
        """Where a new version begins on the time axis, for charts."""
        return self.timeline.releases

    def points(self, metric: str | Sequence[str] | None = None, *, column: str | None = None, every_segment: bool = False,
               every_version: bool = False, as_of: datetime | None = None) -> pa.Table:
        """The points of the selection (model, version, range, window, segment), newest computation of each; oldest window first.

        With `as_of` those that held at that moment, from what had been computed by then.

        With all versions selected there is one version per window (see `Timeline`); `every_version` gives them all, whatever is selected.
        """
        chosen = self.selection
        table = self.store.points(model=chosen.model, version=None if every_version else self.version, since=chosen.since,
                                  until=chosen.until, metric=metric, column=column, window=chosen.window,
                                  segment=None if every_segment else chosen.segment, as_of=as_of)
        table = table if every_version else self.of_selection(table)
        return table.sort_by([("window_start", "ascending"), ("metric", "ascending"), ("column", "ascending")])

    def of_selection(self, table: pa.Table) -> pa.Table:
        """The rows of `table` (points or profiles) of the selected version; with all selected, of the one that stands for each window."""
        if self.version is None:
            return self.timeline.only(table)
        return table.filter(pc.equal(table.column("version"), self.version))

    def profiles(self, start: datetime, kind: str | None = None, *, until: datetime | None = None, column: str | None = None,
                 version: str | None = None) -> pa.Table:
        """The profiles of the window that starts at `start` – with `until`, of all that start in [start, until) – of the selection (or
        one version of the model) and its segment."""
        chosen = self.selection
        table = self.store.profiles(chosen.model, version or self.version, chosen.window, start, kind=kind, column=column, until=until)
        table = table if version else self.of_selection(table)
        return table.filter(pc.equal(table.column("segment"), chosen.segment))

    @property
    def version(self) -> str | None:
        """The selected version; None where all are."""
        return None if self.selection.version == EVERY else self.selection.version

    def version_at(self, start: datetime) -> str:
        """The version whose findings are shown for the window that starts at `start`."""
        return self.version or self.timeline.standing.get(start) or sidebar.versions_of(self.store, self.selection.model)[0]

    def go(self, key: str, **params: str) -> NoReturn:
        """Open another page with these parameters; the rest of the selection stays."""
        go(key, **params)

    def choose(self, name: str, options: list[str], default: str) -> str:
        """The valid value of a URL parameter of this page, without a widget."""
        return choice(name, options, default)

    def status(self, status: Status, words: str = "") -> None:
        """The page's verdict beside its title. `words` may hold text from users; it is shown as it is."""
        with self._title:
            st.markdown(status.rich + (f" {plain(words)}" if words else ""))

    def need(self, table: pa.Table, sentence: str = "", code: str = "") -> None:
        """Stop with the empty state where `table` has no rows."""
        if table.num_rows:
            return
        model = self.selection.model
        states.empty(sentence or "Nothing has been computed yet for this selection.", home=None,
                     code=code or f"python -m monitoring run {quote(model)}")
        self.end()

    def end(self) -> NoReturn:
        """The page is complete as it is: what the body still has is left out. After `st.stop` nothing more can be drawn, the header's
        link and export and the ready marker neither."""
        raise _EndOfPageError

    def drawn(self, draw: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """What a function of `monitoring.charts` draws in this look; where it drew the same before, that figure."""
        return drawn(draw, *args, look=self.look, **named)

    def chart(self, figure: Any, title: str, *, alt: str, key: str = "", note: str = "", select: bool = False) -> list[dict[str, Any]]:
        """Draw a figure of `monitoring.charts` under its title; it goes into the HTML export as well.

        `alt` says in a sentence what is to be seen, `note` stands in small print below. With `select`, returns the clicked points
        (dicts with `customdata`), else an empty list.
        """
        self._export.figures[title] = figure
        st.markdown(f"##### {title}")
        name = key or f"{self.section.key}.{len(self._export.figures)}"
        event: Any = st.plotly_chart(figure, theme=None, config=CONFIG, key=name, alt=alt, on_select="rerun" if select else "ignore",
                                     selection_mode="points")
        if note:
            st.markdown(f":small[:gray[{note}]]".replace(" %", "\u00a0%"))
        return list(event["selection"]["points"]) if select and event else []

    def export(self, name: str, table: pa.Table) -> None:
        """Offer `table` as CSV, Parquet and JSON in the header, and in the page's HTML."""
        self._export.tables[name] = table


@contextmanager
def page(key: str) -> Iterator[View]:
    """Draw the page `key` of `sections`: sidebar, header, then the body of the `with`, then exports and the ready marker.

    An exception of the body becomes the error state. Where the home has no model and the page needs one, the empty state stands
    instead of the body. The page's script runs by itself as well, without the navigation.
    """
    started = perf_counter()
    made = section(key)
    begin(key)
    places = _Header.draw(made)
    view = _opened(made, places, started)
    try:
        yield view
    except (RerunException, StopException):
        raise
    except _EndOfPageError:
        pass
    except Exception as error:
        states.failed(error, expected=isinstance(error, (MonitoringError, StorageError)))
    _close(view, places, started)


@dataclass(frozen=True, slots=True)
class _Header:
    """The places above the body that are filled while, or after, the body is drawn."""

    status: DeltaGenerator
    when: DeltaGenerator
    link: DeltaGenerator
    export: DeltaGenerator

    @classmethod
    def draw(cls, made: Section) -> _Header:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            with st.container(horizontal=True, vertical_alignment="center", width="content"):
                st.title(made.title, anchor=False, width="content")
                status = st.container(width="content")
            with st.container(horizontal=True, width="content", gap="small"):
                link = st.popover("Link", icon=":material/link:")
                export = st.popover("Export", icon=":material/download:")
        return cls(status, st.empty(), link, export)


def _opened(made: Section, places: _Header, started: float) -> View:
    """The view of the page; ends the script with an error or empty state where there can be none."""
    from monitoring.service import current

    try:
        house = current()
        chosen, timeline, spec = sidebar.select(house.reader, made.selectors)
        sidebar.footer(house)
        progress.show(house)
    except Exception as error:
        states.failed(error, expected=isinstance(error, (OwnerBusy, StorageError)))
        _ready(made, started)
        st.stop()
    look = Look(dark=st.context.theme.type == "dark", zone=chosen.zone)
    view = View(made, house, chosen, look, spec, timeline, places.status)
    if made.needs_model and not chosen.model:
        states.empty("No model is registered yet.", home=house.home.path,
                     code="python -m monitoring demo\n# or your own:\npython -m monitoring models register model.yaml")
        _close(view, places, started)
        st.stop()
    return view


def _close(view: View, places: _Header, started: float) -> None:
    chosen = view.selection
    flush()
    if view.section.needs_model and chosen.since and chosen.until:
        where = [chosen.segment] if chosen.segment and "segment" in view.section.selectors else []
        who = [f"{chosen.model}, {version_words(chosen.version)}"] if "model" in view.section.selectors else []
        places.when.markdown(f":small[:gray[{plain(' · '.join([*who, *where, span(chosen.since, chosen.until, chosen.zone)]))}]]")
    with places.link:
        st.markdown(":small[This address reproduces the view:]")
        st.code(_address(view.section.key, st.query_params.to_dict().items()), language=None, wrap_lines=True)
    with places.export:
        view._export.draw(chosen)
    _ready(view.section, started)


def _address(key: str, params: Iterable[tuple[str, str]]) -> str:
    here = (st.context.url or "").partition("?")[0].rstrip("/")
    base = here.removesuffix("/" + key)
    return f"{base}/{'' if key == START else key}?{urlencode(list(params))}"


def _ready(made: Section, started: float) -> None:
    """The hidden marker that the page is complete, with the server's milliseconds and the count of this session's runs."""
    runs = st.session_state.get("driftboard.runs", 0) + 1
    st.session_state["driftboard.runs"] = runs
    elapsed = (perf_counter() - started) * 1000
    st.html(f'<span class="driftboard-ready" data-page="{made.key}" data-run="{runs}" data-ms="{elapsed:.1f}" hidden></span>')
