"""How the memory that an owner may take is shared out: half to the database, a quarter to the rows of the window that is analysed.

The rest is what the process takes anyway. Evidently's process stands beside it: it gets at most 200,000 rows at once.
"""

from __future__ import annotations

__all__ = ["LEAST", "analysable", "for_database", "parse_size", "too_large"]

import re

LEAST = 512 << 20  # bytes: Python with DuckDB, Arrow and scipy takes half of it before the first row

_UNITS = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}
_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgt]i?b)\s*", re.ASCII | re.IGNORECASE)
_META = 120  # bytes of a row's id, times, prediction, label and score in Arrow
_FIELD = 12  # bytes of a value: 8 of a number, more of a text
_COPIES = 3  # at the worst moment: the frame, a column of it as numpy and sorted, what rankings and curves make of it


def parse_size(text: str) -> int:
    """`2GB`, `1.5 GiB`, `800MB` as bytes. Raises ValueError that says what to write."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError("write a size such as 2GB or 1500MB")
    size = int(float(match[1]) * _UNITS[match[2].lower()])
    if size < LEAST:
        raise ValueError(f"that is too little to compute with; give it {LEAST >> 20} MiB or more, or unset it")
    return size


def for_database(limit: int) -> int:
    """The bytes that DuckDB may hold; what needs more is spilled to the home's disk."""
    return limit // 2


def analysable(limit: int, fields: int) -> int:
    """How many rows of a model with so many features, segments and scores may be analysed at once."""
    return limit // 4 // (_COPIES * (_META + _FIELD * fields))


def too_large(rows: int, limit: int, fields: int) -> str:
    """Why a window is not analysed, and what to do; empty where it can be."""
    most = analysable(limit, fields)
    if rows <= most:
        return ""
    return (f"The window has {rows:,} rows, and MONITORING_MEMORY_LIMIT ({limit / 1e9:.3g} GB) lets about {most:,} be analysed at once: "
            "choose shorter windows, or a higher limit.")  # fmt: skip
