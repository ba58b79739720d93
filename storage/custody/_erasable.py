"""By which columns a subject can be named: those that say of every record whether it is the subject's."""

from __future__ import annotations

__all__ = ["refuse_unless_known"]

from collections.abc import Iterator
from difflib import get_close_matches

from storage import archive, spool
from storage.custody import given
from storage.custody._erased_tables import models, pointer
from storage.errors import StoreError
from storage.home import Home
from storage.store._database import ReadCursor, dicts

_NAMED = 8  # columns in a sentence


def refuse_unless_known(home: Home, cursor: ReadCursor, column: str) -> None:
    """Raise StoreError for a column that no model has, or ever had, and that nobody logged: nothing could be found by it, while texts
    that happen to hold the value would be blanked, and the file of a reference would lose rows that the tables keep."""
    known = _described(cursor)
    if column in known or _is_beside(cursor, column) or _is_logged(home, column):
        return
    close = get_close_matches(column, sorted(known), n=1, cutoff=0.5)
    named = [f'did you mean "{close[0]}"?'] if close else sorted(known)[:_NAMED]
    hint = f"{', '.join(named)}{' …' if len(known) > _NAMED and not close else ''}"
    only = [reference.model for reference in given.references(home) if column in reference.rows().column_names]
    if only:
        raise StoreError(
            f'Only the file of the reference of {only[0]} has the column "{column}", no model does: name the subject by a column of '
            f"a model ({hint}), or load the reference again without its rows; nothing was removed."
        )
    raise StoreError(f'No model has or had a column "{column}": name the subject by one that there is ({hint}); nothing was removed.')


def _described(cursor: ReadCursor) -> set[str]:
    """The columns of every description that there ever was, and what the id is called."""
    found = {row["name"] for row in dicts(cursor, "SELECT DISTINCT name FROM columns WHERE role != 'score'")}
    return found | {"id"} | {str(model.spec["id"]) for model in models(cursor) if model.spec.get("id")}


def _is_beside(cursor: ReadCursor, column: str) -> bool:
    """Whether it was logged without being described."""
    there = "SELECT 1 FROM {} WHERE json_exists(_extra, $pointer) LIMIT 1"
    tables = [table for model in models(cursor) for table in (model.predictions, model.reference)]
    return any(dicts(cursor, there.format(table), {"pointer": pointer(column)}) for table in tables)


def _is_logged(home: Home, column: str) -> bool:
    """Whether a line of the log has it whose row the tables have no more."""
    return any(column in part for record in _records(home) for part in (record.get("f"), record.get("x")) if isinstance(part, dict))


def _records(home: Home) -> Iterator[dict[str, object]]:
    for path in archive.archived(home):
        yield from (line.record for line in archive.read_archived(path) if line.record is not None)
    for path in spool.segments(home.spool):
        yield from (line.record for line in spool.read_segment(path) if line.record is not None)
