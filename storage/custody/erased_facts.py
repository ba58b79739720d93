"""A subject in what was worked out of references. Where the rows are there, all of it goes, to be worked out anew of those that are left;
where they are not, the subject's own values and rows go, and sums and counts over many rows stay."""

from __future__ import annotations

__all__ = ["erase_facts"]

from typing import Any

import pyarrow as pa

from storage.custody import reference_profiles
from storage.custody._erased_lines import Wanted
from storage.custody.forgetting import is_forgotten
from storage.custody.reference_profiles import Fact
from storage.home import Home
from storage.store._values import text

_ERASED = "[erased]"


def erase_facts(home: Home, wanted: Wanted) -> int:
    """Take a subject out of every reference's facts: how many whole rows went."""
    count = 0
    for profile in reference_profiles.every(home):
        if not is_forgotten(profile):
            profile.remove()
            continue
        for name, fact in list(profile.facts()):
            without, rows = _without(fact, wanted)
            if without != fact:
                profile.write(name, without)
            count += rows
    return count


def _without(fact: Fact, wanted: Wanted) -> tuple[Fact, int]:
    """The fact without the subject, and how many whole rows that cost."""
    if "@id" in fact.table.column_names:  # whole rows
        table, count = fact.table, 0
        for column in {wanted.column, "@id"} if any(wanted.is_id.values()) else {wanted.column}:
            table, fewer = _dropped(table, column, wanted)
            count += fewer
        return fact._replace(table=table), count
    if wanted.column not in fact.of:
        return fact, 0
    table = fact.table
    if fact.of[0] == wanted.column:  # the values of this column: of a sample, of items, of users
        table = _dropped(_dropped(table, "value", wanted)[0], wanted.column, wanted)[0]
    if "feature" in table.column_names:
        table = _ranges(table, wanted)
    segment = f"of {wanted.column}"
    if segment in table.column_names:
        place = table.column_names.index(segment)
        words = [_ERASED if value in wanted.values else value for value in table[segment].to_pylist()]
        table = table.set_column(place, segment, pa.array(words, pa.string()).dictionary_encode())
    other = "value" in table.column_names and fact.of[0] != wanted.column  # the bins of another column
    return fact._replace(table=table, said=fact.said if other else _renamed(fact.said, wanted.values)), 0


def _dropped(table: pa.Table, column: str, wanted: Wanted) -> tuple[pa.Table, int]:
    """Without the rows whose value in a column is the subject's, and how many those were."""
    if column not in table.column_names:
        return table, 0
    stays = [value is None or text(value)[0] not in wanted.values for value in table[column].to_pylist()]
    return (table, 0) if all(stays) else (table.filter(pa.array(stays)), stays.count(False))


def _ranges(table: pa.Table, wanted: Wanted) -> pa.Table:
    """Extremes and categories, one to a row, without the subject's."""
    stays = [not (row["feature"] == wanted.column and any(row[name] is not None and text(row[name])[0] in wanted.values
                                                          for name in ("number", "category"))) for row in table.to_pylist()]  # fmt: skip
    return table.filter(pa.array(stays, pa.bool_()))


def _renamed(said: Any, values: frozenset[str]) -> Any:
    """The same with the subject's name taken out, wherever it is a text of its own."""
    if isinstance(said, dict):
        return {_ERASED if key in values else key: _renamed(value, values) for key, value in said.items()}
    if isinstance(said, list | tuple):
        return [_renamed(value, values) for value in said]
    return _ERASED if isinstance(said, str) and said in values else said
