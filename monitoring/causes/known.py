"""The causes of what is open now, as the newest run stored them, or of what was open at a past moment."""

from __future__ import annotations

__all__ = ["known_causes"]

from datetime import datetime

import pyarrow as pa

from storage.store import Reader


def known_causes(reader: Reader, model: str, window: str, *, as_of: datetime | None = None) -> pa.Table:
    """One row per open finding of a model's windows of this name, in the shape of `storage.points.CAUSES`; with `as_of` from the points
    that held at that moment."""
    if as_of is None:
        return reader.causes(model, window)
    from monitoring.causes.storing import explained  # scipy, when a past day is asked for

    return explained(reader, model, window, as_of=as_of)
