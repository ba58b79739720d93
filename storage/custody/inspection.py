"""Looking at a home without changing it: its files, and – where nobody owns it – its database, opened for reading only."""

from __future__ import annotations

__all__ = ["Finding", "inspect_database", "inspect_files"]

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import duckdb

from storage import archive
from storage.custody import facts, forgetting
from storage.errors import StorageError
from storage.home import Home
from storage.reading import attached, explained
from storage.store import _health
from storage.store._database import dicts
from storage.store._migrating import newest
from storage.store._tails import Tails

_KEY_BYTES = 32  # of privacy.key
_AHEAD = 300  # seconds that a file's time may lie ahead of the clock, as lines of the log may


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be, and what to do about it."""

    level: Literal["warn", "error"]
    what: str
    do: str


def inspect_files(home: Home) -> tuple[dict[str, Any], list[Finding]]:
    """Every archived line's checksum, every exported file's sha256, what is left of references, the privacy key, the clock: counts, and
    what is wrong."""
    findings: list[Finding] = []
    checked: dict[str, Any] = {"archived_segments": 0, "archived_lines": 0, "exported_files": 0, "exported_at": None}
    for path in archive.archived(home):
        checked["archived_segments"] += 1
        try:
            checked["archived_lines"] += sum(1 for _ in archive.read_archived(path))
        except (OSError, StorageError) as error:
            findings.append(Finding("error", f"the archived segment {path} cannot be read ({error})", "restore it from a backup"))
    try:
        manifest = facts.read_manifest(home)
        if manifest is not None:
            checked |= {"exported_files": len(manifest.files), "exported_at": manifest.written_at}
            again = "restore it from a backup, or remove export/manifest.json while the database is sound: it is exported anew"
            findings += [Finding("error", what, again) for what in facts.verify(home, manifest)]
    except StorageError as error:
        findings.append(Finding("error", "the exported facts cannot be read", str(error).rstrip(".")))
    for model, count in forgetting.lost(home):
        what = f"{count} files of what was kept of the reference of {model} are lost or damaged, and its rows were deleted"
        findings.append(Finding("error", what, "load the reference again, or restore the folder references from a backup"))
    for path, why in forgetting.damaged(home):
        what = f"{path} is damaged ({why}), so that a reference whose rows were deleted passes for one that has them"
        findings.append(Finding("error", what, "restore it from a backup, or remove its folder and load the reference again"))
    return checked, [*findings, *_small_things(home)]


def inspect_database(home: Home) -> tuple[dict[str, Any], dict[str, int]]:
    """The store's own account and what is quarantined by reason, of a home that nobody owns; every row of it is read.

    Raises OwnerBusy where somebody does, and StoreError where the file is damaged or of another version.
    """
    connection = attached(home)
    try:
        connection.execute(f"USE {home.database.stem}")
        for name in dicts(connection, "SELECT table_name AS name FROM duckdb_tables() WHERE database_name = ?", [home.database.stem]):
            connection.execute(f'SELECT sum(hash(t)::HUGEINT) FROM "{name["name"]}" t').fetchall()  # noqa: S608 – reads every block
        reasons = dicts(connection, "SELECT reason, count(*) AS n FROM quarantine GROUP BY reason ORDER BY n DESC, reason")
        found = _health.health(connection, home, Tails(), schema_version=newest())
    except duckdb.Error as error:
        raise explained(home, error) from error
    finally:
        connection.close()
    return found, {row["reason"]: int(row["n"]) for row in reasons}


def _small_things(home: Home) -> Iterator[Finding]:
    key = home.path / "privacy.key"
    if key.exists() and key.stat().st_size != _KEY_BYTES:
        yield Finding("error", f"{key} is damaged", "restore it from a backup: without it hashed columns cannot be logged or erased")
    ahead = [path for path in home.spool.glob("*.seg.jsonl") if path.stat().st_mtime > time.time() + _AHEAD]
    if ahead:
        yield Finding("warn", f"{ahead[0].name} was written in the future", "set this machine's clock (NTP)")
    for folder in (home.path, home.spool, home.archive, home.quarantine, home.export, home.references, home.database.parent):
        if folder.is_dir() and folder.stat().st_mode & 0o007:
            yield Finding("warn", f"{folder} can be read by everybody", f"chmod o-rwx {folder}")
