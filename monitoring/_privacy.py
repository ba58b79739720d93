"""Columns that may not be stored in clear: dropped, hashed with the home's key, or masked – before anything is encoded."""

from __future__ import annotations

__all__ = ["Guard"]

import os
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from monitoring._values import Refused, plain
from storage.home import make_folder, modes_in

_KEY_BYTES = 32
_DIGEST_BYTES = 16  # 128 bits: two of 10^12 subjects share a digest with a chance of 10^-15
_SHOWN = 4  # characters that a mask leaves at the end, of texts of at least three times as many


class Guard:
    """A schema's privacy rules at work. The key lies in the home, readable by its owner only, and never in a record."""

    def __init__(self, rules: Mapping[str, str], home: Path, *, id_column: str | None = None) -> None:
        self._rules, self._path, self._key = dict(rules), home / "privacy.key", b""
        self._id = id_column or ""

    def key(self, given: str) -> str:
        """A caller's own id, hashed where the schema says so: the same id is the same person's, in predictions and in ground truth."""
        return str(self.value(self._id, given)) if self._id in self._rules else given

    def error(self, said: str) -> str:
        """An error without its text: exceptions quote the values they fail on, in whatever form, so only the class is safe to keep."""
        kind = said.partition(":")[0]
        return kind if kind.replace(".", "_").isidentifier() else "error"

    def drops(self, name: str) -> bool:
        """True for a column that must not be stored at all."""
        return self._rules.get(name) == "drop"

    def rules(self, name: str) -> bool:
        """True for a column that must not be stored as it is."""
        return name in self._rules

    def value(self, name: str, value: Any) -> Any:
        """One value under its column's rule; None stays None."""
        rule = self._rules.get(name)
        if rule is None:
            return value
        value = plain(value)
        if value is None or rule == "drop":
            return None
        text = value if isinstance(value, str) else repr(value)
        if rule == "mask":
            return "…" + text[-_SHOWN:] if len(text) >= 3 * _SHOWN else "…"
        return blake2b(text.encode(), digest_size=_DIGEST_BYTES, key=self._key or self._read_key()).hexdigest()

    def _read_key(self) -> bytes:
        try:
            with suppress(FileExistsError):
                self._make_key()
            fd = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(fd, "rb") as file:
                key = file.read(_KEY_BYTES + 1)
        except OSError as error:
            raise Refused("privacy key not available", error.strerror or "") from None
        if len(key) != _KEY_BYTES:
            raise Refused("privacy key not available", "privacy.key is damaged")
        self._key = key
        return key

    def _make_key(self) -> None:
        """Written whole under another name first, so that no process ever reads half a key."""
        if self._path.exists():
            return
        make_folder(self._path.parent)
        unborn = self._path.with_name(f".privacy.key-{os.getpid()}-{os.urandom(4).hex()}")
        fd = os.open(unborn, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                os.fchmod(fd, modes_in(self._path.parent).file)  # whatever the umask
                file.write(os.urandom(_KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            os.link(unborn, self._path)  # fails where another process was first: then its key counts
        finally:
            unborn.unlink()
