"""A peer's own environment, in the user's cache folder, built from the pins beside this file."""

from __future__ import annotations

__all__ = ["python_of"]

import hashlib
import os
import subprocess
import sys
from pathlib import Path


def python_of(peer: str) -> Path:
    """The Python of the environment of `benchmarks/peers/<peer>.txt`; it is built where it is missing or the pins have changed."""
    pins = Path(__file__).with_name(f"{peer}.txt")
    stamp = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "driftboard" / "peers" / f"{peer}-{stamp}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        print(f"Building an environment for {peer} in {folder} …", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", str(pins)], check=True)
        (folder / "ready").touch()
    return python
