"""What pages draw of a window: distributions and curves as rows of `storage.points.PROFILES`, bounded in size. Pure."""

from __future__ import annotations

__all__ = ["Binning", "Row", "binning", "distribution", "label_delays", "label_delays_of", "latencies", "outcomes", "popularity", "table"]

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from storage.points import PROFILES

from .curves import outcomes
from .distributions import Binning, binning, distribution, latencies, popularity
from .labels import label_delays, label_delays_of
from .rows import Row


def table(rows: Iterable[Row], common: Mapping[str, Any]) -> pa.Table:
    """Rows in the shape of PROFILES; `common` has model, version, segment, window, window_start and window_end."""
    empty = dict.fromkeys(PROFILES.names)
    return pa.Table.from_pylist([{**empty, "column": "", "series": "", "label": "", **common, **row} for row in rows], schema=PROFILES)
