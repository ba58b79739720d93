"""Every read and write of the database, by verb: Arrow in, Arrow out. See `Store`, and `Reader` for what only asks."""

from __future__ import annotations

__all__ = ["ColumnOfWindows", "Counts", "Entry", "Reader", "Refusal", "Segment", "Store", "Window", "WindowColumns"]

from storage.store._entries import Counts, Entry, Refusal
from storage.store._frames import Window
from storage.store._reader import Reader
from storage.store._segments import Segment
from storage.store._store import Store
from storage.store._window_columns import ColumnOfWindows, WindowColumns
