"""For tests of which nothing is Evidently's: its pages are half of what a window costs."""

from __future__ import annotations

__all__ = ["NoPages"]

from typing import Any

from monitoring.engine_jobs import Result


class NoPages:
    """Stands where the runner has Evidently's process; scores and performance are computed here, and no page is drawn."""

    def analyse(self, job: Any) -> Result:
        """What Evidently found: nothing, it was not asked."""
        return Result()
