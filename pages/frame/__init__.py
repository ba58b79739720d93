"""What all pages share. A page is

    with page("drift") as view:
        table = view.points("drift")
        view.need(table)
        view.chart(view.drawn(heat_map, table), "Drift score over its threshold")
        view.export("points", table)

and gets its selection from the URL, a header with status, link and export, an empty and an error state, and a ready marker.
"""

from __future__ import annotations

__all__ = ["Selection", "View", "link", "page", "plain"]

from pages.frame.sections import link
from pages.frame.selection import Selection
from pages.frame.text import plain
from pages.frame.view import View, page
