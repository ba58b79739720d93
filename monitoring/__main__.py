"""`python -m monitoring`: the command line."""

from __future__ import annotations

__all__ = ["main"]

import sys


def main() -> int:
    """Run the command line, or say what it lacks where only the logger's dependencies are installed; the exit code."""
    try:
        from monitoring import cli
    except ModuleNotFoundError as missing:
        sys.stderr.write(f"The command line needs {missing.name}: pip install 'driftboard[dashboard]'.\n")
        return 3
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
