"""Who writes a segment: a name that no other writer has, and what its header says of it."""

from __future__ import annotations

__all__ = ["header", "writer_name"]

import os
import re
from contextlib import suppress
from pathlib import Path
from time import time_ns

import orjson

_LIBRARY = "driftboard 0.1.0"


def writer_name() -> str:
    """Host, process, time and chance."""
    host = re.sub(r"[^A-Za-z0-9.-]", "-", os.uname().nodename)[:64] or "host"
    return f"{host}-{os.getpid()}-{time_ns():x}-{os.urandom(2).hex()}"


def header(writer: str, sequence: int, accepted: int) -> bytes:
    """The body of a segment's first line."""
    about = {"writer": writer, "host": os.uname().nodename, "pid": os.getpid(), "boot": _boot(), "lib": _LIBRARY}
    return orjson.dumps({**about, "seq": sequence, "acc": accepted})


def _boot() -> str:
    """The kernel's id of this boot, so that a pid of an earlier one is not taken for a live process; empty where there is none."""
    with suppress(OSError):
        # No codec by name: its import, under way in one thread while another forks, would block the child for ever.
        return Path("/proc/sys/kernel/random/boot_id").read_bytes().decode().strip()
    return ""
