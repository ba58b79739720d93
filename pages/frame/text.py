"""Text from users inside Streamlit markdown: shown as it is, never read as markdown, HTML, an icon, a colour or a formula."""

from __future__ import annotations

__all__ = ["plain"]

import re

_BREAKS = re.compile(r"[\x00-\x20\x7f\x85\u2028\u2029]+")  # not every space: thin ones part thousands
_ALWAYS = re.compile(r"[\\`*_\[\]<>~|$&@]")
_FIRST = re.compile(r"^(?:[-+#=]|\d+(?=[.)]))")  # would begin a list or a heading
_DIRECTIVE = re.compile(r":(?=[A-Za-z_+/-])|(?<=www)\.")  # a colour, an icon, a link
_PERCENT = re.compile(r"(?<=\d) (?=%)")  # a number and its sign stay on one line
_SHORTCODE = re.compile(r":(?=[\w+/-]+:)")


def plain(text: object) -> str:
    """`text` with what Streamlit's markdown would read escaped; line breaks become spaces.

    Icons and emoji (`:name:`) are found after markdown's own escapes are gone, so a word joiner breaks them up.
    """
    line = _BREAKS.sub(" ", str(text)).strip()
    line = _PERCENT.sub("\u00a0", line)
    line = _ALWAYS.sub(r"\\\g<0>", line)
    line = _SHORTCODE.sub(":\u2060", line)
    line = _DIRECTIVE.sub(r"\\\g<0>", line)
    first = _FIRST.match(line)
    if first:
        line = f"{first[0]}\\{line[first.end() :]}" if first[0].isdigit() else f"\\{line}"
    return line
