"""What a segment is called in points and exports: `country=FR`, or `country=FR & channel=web` for a pair."""

from __future__ import annotations

__all__ = ["Where", "conditions", "segment_name"]

import re
from collections.abc import Iterable

Where = tuple[tuple[str, str], ...]
"""Conditions that all hold: (column, value), in the order in which the model's file declares the columns."""

_AND = " & "
# An ampersand that stands alone would read as the next condition: it is doubled, and longer runs get one more.
_ALONE = re.compile(r"(?:^|(?<= ))&+(?=$| )")


def segment_name(where: Iterable[tuple[str, str]]) -> str:
    """The conditions as one line; `conditions` reads it back. A lone `&` within a value is written `&&`."""
    return _AND.join(_ALONE.sub(lambda run: run[0] + "&", f"{column}={value}") for column, value in where)


def conditions(name: str) -> Where:
    """The conditions of a segment's name; none for `""`, which is all rows."""
    parts = name.split(_AND) if name else []
    pairs = (_ALONE.sub(lambda run: run[0][1:], part).partition("=") for part in parts)
    return tuple((column, value) for column, _, value in pairs)
