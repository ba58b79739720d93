"""How long labels took: what a window's label coverage was by how long after the predictions."""

from __future__ import annotations

__all__ = ["label_delays", "label_delays_of"]

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .rows import Row, row

Floats = npt.NDArray[np.float64]

_POINTS = 41  # of the curve: every 2.5 % of the labels


def label_delays_of(frame: pa.Table) -> Floats:
    """Seconds from prediction to label of each row; NaN where it has no label, or the label no time."""
    start, end = (frame[name].cast(pa.timestamp("us", "UTC")).cast(pa.int64()) for name in ("@t", "@labelled_at"))
    delays = pc.if_else(pc.is_valid(frame["@label"]), pc.subtract(end, start), None).cast(pa.float64())
    return np.asarray(pc.divide(delays, 1e6).to_numpy(), float)


def label_delays(frame: pa.Table) -> list[Row]:
    """The share of the window's predictions (value) whose label was known x seconds after the prediction; n are the labels known so far.

    Of all predictions, not of the labelled ones: the curve ends at the label coverage, and what is missing is seen to be missing.
    """
    delays = label_delays_of(frame)
    delays = np.sort(delays[np.isfinite(delays)])
    if not len(delays):
        return []
    reached = np.linspace(0, 1, _POINTS)
    places = np.unique(np.ceil(reached * len(delays)).astype(int).clip(1))
    return [row("label_delay", x=delays[place - 1], value=place / frame.num_rows, n=len(delays)) for place in places]
