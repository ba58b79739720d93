"""The most memory that this process has held, as the kernel counts it (Linux only)."""

from __future__ import annotations

from pathlib import Path

_STATUS = Path("/proc/self/status")


def forget_the_peak() -> None:
    """What is held at most counts from here on."""
    Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """KiB. Not getrusage's ru_maxrss: that is inherited from the process that started this one, and nothing makes it smaller again."""
    return next(int(line.split()[1]) for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
