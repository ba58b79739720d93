"""What is known of a window's labels."""

from __future__ import annotations

__all__ = ["Labels"]

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa

from monitoring.windows import Window


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of a window's labels: how many there are, and until when they may still come."""

    labelled: int
    mature_at: datetime
    now: datetime

    @classmethod
    def of(cls, frame: pa.Table, window: Window, delay: timedelta, now: datetime) -> Labels:
        """Labels of a window are complete `label_delay` after its end."""
        return cls(frame.num_rows - frame["@label"].null_count, window.end + delay, now)

    @property
    def provisional(self) -> bool:
        """Whether labels of the window may still come."""
        return self.now < self.mature_at

    @property
    def missing(self) -> str:
        """Why there is nothing to measure."""
        due = f"; they are due by {self.mature_at:%Y-%m-%d %H:%M} UTC" if self.provisional else ""
        return f"no labels yet{due}: log them with `ground_truth`, or `python -m monitoring label MODEL FILE`"
