"""The demo: three case studies on simulated data, with real scikit-learn models and planted changes. Offline and seeded.

Light until `load` is called; `monitoring.demo.planted` tells what to look for.
"""

from __future__ import annotations

__all__ = ["load"]

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from monitoring.house import House
    from storage.home import Home


def load(
    home: House | Home | Path | str,
    *,
    models: Sequence[str] = ("fraud", "recommendations", "diagnosis"),
    rows: int | None = None,
    end: datetime | None = None,
    progress: Callable[[Mapping[str, Any]], None] | None = None,
    compute: bool = True,
) -> dict[str, Any]:
    """Register the case studies in a home, load their references, log, label, collect and – with `compute` – run them.

    `rows` is the number of predictions per model (default: each case's own, 144,000 together); `end` is the moment at which the
    simulated world stands, cut to midnight, UTC (default: the last midnight). It works whether or not a process owns the home,
    goes on where an interrupted load stopped, and changes nothing where all is there. `progress` receives `{"message": …}` and
    what `run` reports. Returns `{"end", "models": {name: {"predictions", "labels", "reference"}}, "run"}`, where the counts are
    what this call added, and `run` is null without `compute`. Raises InputError for a case study that does not exist, and where
    the home holds the demo with another end or another number of rows.
    """
    from monitoring.demo.loading import load_cases

    return load_cases(home, models=models, rows=rows, end=end, progress=progress, compute=compute)
