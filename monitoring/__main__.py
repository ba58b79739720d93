"""`python -m monitoring`: the command line."""

from __future__ import annotations

__all__ = ["main"]

import sys

from monitoring.cli import main

if __name__ == "__main__":
    sys.exit(main())
