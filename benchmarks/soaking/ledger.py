"""What a writer was promised, in shared memory: a file's pages outlive the process that wrote them, however it ends."""

from __future__ import annotations

__all__ = ["Ledger"]

import mmap
from pathlib import Path

_FIELDS = ("predictions", "labels", "refused")
_MICROSECONDS = 5_000  # calls longer than this share the last place


class Ledger:
    """Numbers acknowledged and refused, and how many calls took how many µs. Prediction n of writer w has the id `w-n`, from 0."""

    def __init__(self, path: Path) -> None:
        size = 8 * (len(_FIELDS) + _MICROSECONDS)
        with path.open("a+b") as file:
            file.truncate(size)
            self._cells = memoryview(mmap.mmap(file.fileno(), size)).cast("Q")
        self.name = path.stem

    def __getitem__(self, field: str) -> int:
        return self._cells[_FIELDS.index(field)]

    def add(self, field: str) -> None:
        """One more."""
        self._cells[_FIELDS.index(field)] += 1

    def took(self, microseconds: int) -> None:
        """Note how long a call took."""
        self._cells[len(_FIELDS) + min(microseconds, _MICROSECONDS - 1)] += 1

    def durations(self) -> list[int]:
        """How many calls took 0 µs, 1 µs, …"""
        return self._cells[len(_FIELDS) :].tolist()
