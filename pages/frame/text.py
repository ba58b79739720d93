"""Text from users inside Streamlit markdown: shown as it is, never read as markdown, HTML, an icon, a colour or a formula."""

from __future__ import annotations

__all__ = ["plain"]

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=])")


def plain(text: object) -> str:
    """`text` with every character escaped that Streamlit's markdown reads; line breaks become spaces."""
    return _SPECIAL.sub(r"\\\1", " ".join(str(text).split()))
