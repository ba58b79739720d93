"""What was worked out of a reference, kept beside it: facts by name, each a Parquet file that is whole or not there.

    references/<model>/<hash of the reference>/<fact>-<sha256 of the file, 16 digits>.parquet

A file says in its name what it must hold, so that a damaged one is known and passed over. What a fact means is not this room's
matter; `of` names the columns of the reference that it speaks of, which is what erasing a subject goes by.
"""

from __future__ import annotations

__all__ = ["Fact", "ReferenceProfile", "every"]

import json
import logging
import shutil
from collections.abc import Iterator
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from storage.custody._files import put
from storage.home import Home

_ABOUT = b"driftboard"  # the key of a file's metadata
_log = logging.getLogger(__name__)


class Fact(NamedTuple):
    """A table and what is said beside it (JSON-able, infinities and NaN too). `code` names the code that made it."""

    table: pa.Table
    said: Any
    code: str = ""
    of: tuple[str, ...] = ()


class ReferenceProfile:
    """The facts of one reference of one model."""

    def __init__(self, home: Home, model: str, digest: str) -> None:
        self.folder = _of_model(home, model) / digest

    @classmethod
    def at(cls, folder: Path) -> ReferenceProfile:
        """The facts in a folder."""
        found = cls.__new__(cls)
        found.folder = folder
        return found

    def read(self, name: str) -> Fact | None:
        """The fact of this name; None where there is none, or none that is what was written."""
        for path in self._files(_key(name)):
            found = _read(path)
            if found is not None and found[0] == name:
                return found[1]
        return None

    def write(self, name: str, fact: Fact) -> None:
        """Put a fact in the place of an earlier one: after a kill the old one or the new one is there. Raises OSError."""
        content, old = _content(name, fact), self._files(_key(name))
        path = self.folder / f"{_key(name)}-{sha256(content).hexdigest()[:16]}.parquet"
        put(path, lambda file: file.write(content))
        for other in old:
            if other != path:
                other.unlink(missing_ok=True)

    def facts(self) -> Iterator[tuple[str, Fact]]:
        """(name, fact) of every fact that can be read, in no order that means anything."""
        for path in self._files("*"):
            found = _read(path)
            if found is not None:
                yield found

    def bytes(self) -> int:
        """What all facts take on the disk."""
        return sum(path.stat().st_size for path in self._files("*"))

    def remove(self) -> None:
        """Forget all facts."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def remove_others(self) -> None:
        """Forget the facts of the model's earlier references."""
        for folder in self.folder.parent.glob("*"):
            if folder != self.folder:
                shutil.rmtree(folder, ignore_errors=True)

    def _files(self, key: str) -> list[Path]:
        """Newest first: a kill between writing a fact and removing its forerunner leaves both."""
        return sorted(self.folder.glob(f"{key}-*.parquet"), key=lambda path: -path.stat().st_mtime_ns)


def every(home: Home) -> Iterator[ReferenceProfile]:
    """The facts of every reference of every model."""
    for folder in sorted(home.references.glob("*/*")):
        if folder.is_dir():
            yield ReferenceProfile.at(folder)


def _of_model(home: Home, model: str) -> Path:
    return home.references / blake2b(model.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _key(name: str) -> str:
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _content(name: str, fact: Fact) -> bytes:
    about = json.dumps({"name": name, "code": fact.code, "of": fact.of, "said": fact.said}, default=_plain).encode("ascii")
    sink = pa.BufferOutputStream()
    pq.write_table(fact.table.replace_schema_metadata({_ABOUT: about}), sink, compression="zstd")
    return bytes(sink.getvalue())


def _plain(value: Any) -> Any:
    """A number of numpy's as Python's own."""
    return value.item()


def _read(path: Path) -> tuple[str, Fact] | None:
    try:
        content = path.read_bytes()
        if sha256(content).hexdigest()[:16] != path.stem.rpartition("-")[2]:
            raise ValueError("it is not what was written")
        table = pq.read_table(pa.BufferReader(content))
        about = json.loads(table.schema.metadata[_ABOUT])
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        _log.warning("%s cannot be read and is passed over: %s", path, error)
        return None
    fact = Fact(table.replace_schema_metadata(None), about["said"], about["code"], tuple(about["of"]))
    return about["name"], fact

