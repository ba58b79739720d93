"""What was known when: sentences about findings as they stood on a past day. Pure."""

from __future__ import annotations

__all__ = ["not_computed_by"]

from collections.abc import Mapping
from datetime import datetime

from monitoring.moments import iso


def not_computed_by(computed: Mapping[str, datetime | None], as_of: datetime) -> str:
    """Why there is no finding as of a moment; `computed` is `Store.computed`'s answer."""
    first = computed["first"]
    if first is None:
        return "Nothing was ever computed for this model: python -m monitoring run."
    if first > as_of:
        return f"Nothing had been computed by {iso(as_of)}; the first findings of this model are of {iso(first.replace(microsecond=0))}."
    return f"No finding of this selection held at {iso(as_of)}; others of the model did."
