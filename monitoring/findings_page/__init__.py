"""One window's findings as one small page of ours: it opens offline, runs no script, prints to PDF, and says the numbers of the points.

`read` gathers the window from the store, `document` writes the page. Charts are static SVG (`svg`), at most a few kB each.
"""

from __future__ import annotations

__all__ = ["WindowFindings", "document", "read"]

from monitoring.findings_page.document import document
from monitoring.findings_page.window import WindowFindings, read
