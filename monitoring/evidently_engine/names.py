"""Users' names under plain tokens: Evidently never sees a name that could misbehave, and its pages still show the real one."""

from __future__ import annotations

__all__ = ["Names", "shown"]

import json
import re
from collections.abc import Iterable

_TOKEN = re.compile(r"driftboard(\d{6})token")


class Names:
    """Tokens for names, sorted as the names were given."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names: list[str] = []
        self._tokens: dict[str, str] = {}
        for name in names:
            self.token(name)

    def token(self, name: str) -> str:
        """The stand-in of a name; the same for the same name."""
        if name not in self._tokens:
            self._tokens[name] = f"driftboard{len(self._names):06d}token"
            self._names.append(name)
        return self._tokens[name]

    def name(self, token: str) -> str:
        """The name behind a token."""
        found = _TOKEN.fullmatch(token)
        return self._names[int(found[1])] if found and int(found[1]) < len(self._names) else token

    def restore(self, text: str) -> str:
        """A JSON text with the names, as people read them, in place of their tokens."""

        def real(found: re.Match[str]) -> str:
            number = int(found[1])
            return json.dumps(shown(self._names[number]))[1:-1] if number < len(self._names) else found[0]

        return _TOKEN.sub(real, text)


def shown(name: str) -> str:
    """A column's name for people: `@prediction` → `prediction`, `@score:cat` → `score of cat`."""
    if name.startswith("@score:"):
        return f"score of {name.removeprefix('@score:')}"
    return name.removeprefix("@")
