"""Erasing a subject: from segments, archive, quarantine, tables, references, exported facts, reports – and from the file's blocks.

Files of the log come first and the tables last, because the tables say which predictions, and so which ground truth, are the
subject's: an erasure that is killed is finished by calling it again. Rows leave a stub without an id – their place in time and
order, nothing else – so that windows keep their edges and counts.
"""

from __future__ import annotations

__all__ = ["erase"]

import io
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from storage import archive, spool
from storage._segment_reader import held, open_plain
from storage.collector import Collector
from storage.custody import erased_facts, facts, given
from storage.custody._erasable import refuse_unless_known
from storage.custody._erased_lines import Wanted, edits
from storage.custody._erased_tables import erase_rows, find, forget_texts
from storage.custody._files import put
from storage.custody.compacting import compact
from storage.custody.mentions import mentions
from storage.errors import StorageError
from storage.home import Home
from storage.store import Store
from storage.store._values import text

Cursor = duckdb.DuckDBPyConnection


def erase(store: Store, collector: Collector, column: str, values: Sequence[str], *, taken_in: bool = False) -> dict[str, Any]:
    """Remove every prediction whose `column` is one of `values` (the clear text and what a privacy rule made of it), and what belongs
    to it. Findings stay as they are, save for a name in them that is the subject's.

    Returns how much was removed per place, and under `left` the files in which a value still stands (as the value of another column,
    say). Call it while nothing is computed. `taken_in`: the caller has paused the collector and taken in what lay in the spool, and wants
    nothing more of it. Raises StoreError, with nothing removed, for a column that no model has or had.
    """
    home = store.home
    if not taken_in:
        collector.once()
    removed: Counter[str] = Counter()
    with collector.paused():
        with store.reading() as cursor:
            refuse_unless_known(home, cursor, column)
            wanted = find(cursor, column, frozenset(values))
        removed["rows kept of references"] = erased_facts.erase_facts(home, wanted)
        removed["archived lines"] = sum(_archived(path, wanted) for path in archive.archived(home))
        removed["spooled lines"] = sum(_spooled(path, wanted) for path in spool.segments(home.spool))
        removed["quarantined lines"] = sum(_plain_lines(path, wanted) for path in sorted(home.quarantine.rglob("*.bad*")))
        removed["reference rows"] = sum(_reference(home, reference, wanted) for reference in given.references(home))
        removed["reports"] = _reports(store, wanted)
        with store.writing() as cursor:
            removed += erase_rows(cursor, wanted)
            removed["texts"] = forget_texts(cursor, wanted)
        removed["copies of the database"] = _copies(home)
        if facts.read_manifest(home) is not None:
            with store.reading() as cursor:
                facts.write(home, cursor)
        compact(store)
    return {**removed, "left": mentions(home, wanted.needles())}


def _archived(path: Path, wanted: Wanted) -> int:
    with archive.open_archived(path) as file:
        content = bytearray(file.read())
    count = 0
    for offset, line, _ in list(edits(bytes(content), wanted)):
        content[offset : offset + len(line)] = line
        count += 1
    if count:
        packed = path if path.name.endswith(".zst") else path.with_name(f"{path.name}.zst")  # earlier versions archived it as it was
        archive.put_content(packed, io.BytesIO(content))
        if packed != path:
            path.unlink()
    return count


def _spooled(path: Path, wanted: Wanted) -> int:
    """In place, for its writer may be alive: writers append, so what stands is theirs no more."""
    count = 0
    try:
        with open_plain(path, writable=True) as file:
            live = held(file)
            for offset, line, _ in list(edits(file.read(), wanted, live=live)):
                os.pwrite(file.fileno(), line, offset)
                count += 1
            os.fsync(file.fileno())
    except (OSError, StorageError):  # no segment that anybody can read
        return count
    return count


def _plain_lines(path: Path, wanted: Wanted) -> int:
    """Lines of a quarantine file that are about the subject, or that hold its name where they cannot be read."""
    content = path.read_bytes()
    changes = list(edits(content, wanted))
    if changes:
        kept = bytearray(content)
        for offset, line, _ in changes:
            kept[offset : offset + len(line)] = b" " * (len(line) - 1) + b"\n"
        put(path, lambda file: file.write(kept))
    return len(changes)


def _reference(home: Home, reference: given.Reference, wanted: Wanted) -> int:
    """The file of a reference without the subject's rows."""
    rows = reference.rows()
    if wanted.column not in rows.column_names:
        return 0
    about = [text(value)[0] in wanted.values for value in rows.column(wanted.column).to_pylist()]
    if any(about):
        left = rows.filter(pa.array([not one for one in about]))
        given.keep_reference(home, reference.model, left, reference.source, reference.loaded_at)
    return sum(about)


def _reports(store: Store, wanted: Wanted) -> int:
    """Rendered reports and snapshots that name the subject go: they are made again from what is left when they are asked for."""
    needles = wanted.needles()
    found = [path for path in store.home.reports.rglob("*") if path.is_file() and _holds(path, needles)]
    for path in found:
        path.unlink()
    gone = [str(path.relative_to(store.home.reports)) for path in found]
    with store.writing() as cursor:
        cursor.execute("DELETE FROM reports WHERE list_contains(?, path)", [gone])
    return len(found)


def _holds(path: Path, needles: Sequence[bytes]) -> bool:
    content = path.read_bytes()
    return any(needle in content for needle in needles)


def _copies(home: Home) -> int:
    """Old copies beside the database, which hold everything: of before a migration, and damaged ones."""
    found = [path for pattern in ("before-*.duckdb*", "damaged-*") for path in home.database.parent.glob(pattern)]
    for path in found:
        path.unlink()
    return len(found)
