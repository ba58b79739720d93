"""What the first visitor would wait for, begun when the server has started: modules, Plotly's own, and the overview of many models."""

from __future__ import annotations

__all__ = ["prepare", "warm"]

import gc
import logging
import threading
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING

from storage.errors import StorageError

if TYPE_CHECKING:
    from monitoring.house import House

_log = logging.getLogger("driftboard.serving")
_ROOMS = ("pages.frame", "pages.findings.summaries", "monitoring.charts.drift", "monitoring.charts.performance",
          "monitoring.charts.traffic")  # fmt: skip


def warm(house: House) -> None:
    """Prepare in a thread; whoever comes meanwhile waits no longer than without it."""
    threading.Thread(target=prepare, args=(house,), name="driftboard-warming", daemon=True).start()


def prepare(house: House) -> None:
    """Import what pages need, make what the start page shows first, and take all of it out of the garbage collector's sight.

    Streamlit collects garbage after every run of a page, with the whole process waiting: 60 to 100 ms to look at modules that stay.
    """
    for room in _ROOMS:
        import_module(room)
    try:
        _start_page(house)
    except StorageError as error:  # the house was closed again, or cannot be read: the page itself says so
        _log.info("The overview was not prepared: %s", error)
    gc.collect()
    gc.freeze()


def _start_page(house: House) -> None:
    from monitoring.charts.overview import status_strip
    from monitoring.charts.theme import Look
    from pages.findings.summaries import MOST_STRIPS, strips_of, summaries_of
    from pages.frame.selection import Selection, time_range

    status_strip({"": {datetime.now(UTC): ("ok", "drift")}}, look=Look()).to_dict()
    name, since, until = time_range(None, house.reader.newest_window())
    chosen = Selection(range=name, since=since, until=until)
    models = [one.model for one in summaries_of(house.reader, chosen)]
    strips_of(house.reader, chosen, models[:MOST_STRIPS])
