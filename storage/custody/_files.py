"""Files that are there as a whole or not at all, and their digests."""

from __future__ import annotations

__all__ = ["digest", "put", "sync_folder"]

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from storage._places import make_folder
from storage._segment_file import sync_folder

_CHUNK = 1 << 20


def digest(path: Path) -> str:
    """The sha256 of a file, 64 hex digits."""
    found = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def put(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """A file with what `write` writes, 0600, on the disk under its name when this returns; after a kill the old one or none."""
    make_folder(path.parent)  # those above it are closed as well
    unborn = path.with_name(f".{path.name}.part")
    descriptor = os.open(unborn, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    unborn.replace(path)
    sync_folder(path.parent)
