"""A database can be made anew from exported facts, archive and spool, to the same rows, labels, counts and references."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pyarrow as pa
import pytest

from storage.custody import facts
from storage.custody.rebuilding import rebuild
from storage.errors import StoreError
from storage.home import Home
from storage.points import POINTS
from storage.store import Store
from tests.storage.conftest import T0, Log, Span, prediction
from tests.storage.custody.conftest import content, fill, more


def export(home: Home) -> facts.Manifest:
    with Store.open(home) as store, store.reading() as cursor:
        return facts.write(home, cursor)


def nothing(_: Home) -> None:
    """Leave the home as it is."""


def facts_alone(home: Home) -> None:
    """Facts of everything, and an archive that was dropped."""
    export(home)
    for path in home.archive.rglob("*.zst"):
        path.unlink()


def facts_and_later_log(home: Home) -> None:
    """Facts, no archive from before them, and more of the log since – with a column that the facts' model lacks."""
    facts_alone(home)
    more(home)


def two_exports(home: Home) -> None:
    """A second export over the first, and some log that was not collected yet."""
    export(home)
    more(home)
    export(home)
    Log(home).predictions(range(2000, 2010))


@pytest.mark.parametrize("prepare", [nothing, facts_alone, facts_and_later_log, two_exports])
def test_a_rebuilt_home_holds_what_it_held(home: Home, prepare: Callable[[Home], None]) -> None:
    fill(home)
    prepare(home)
    before = content(home)
    home.database.write_bytes(b"not a database")
    with pytest.raises(StoreError, match=r"monitor\.duckdb cannot be opened .*rebuild"):
        Store.open(home)
    rebuild(home)
    assert content(home) == before
    assert [path.name for path in home.database.parent.iterdir() if path.name.startswith("damaged-")]
    assert list(home.database.parent.glob("rebuilding*")) == []


def test_points_and_their_history_come_back_from_the_facts(home: Home) -> None:
    fill(home)
    row = {"model": "fraud", "version": "1", "segment": "", "window_start": T0, "window_end": T0 + timedelta(days=1), "metric": "rows",
           "column": "", "value": 24.0, "n": 24, "status": "ok", "kind": "realised", "computed_at": T0, "run": "r",
           "window": "1d"}  # fmt: skip
    with Store.open(home) as store:
        for value in (24.0, 25.0):
            points = pa.Table.from_pylist([{name: {**row, "value": value}.get(name) for name in POINTS.names}], schema=POINTS)
            store.save_window("fraud", "1", Span(T0, T0 + timedelta(days=1)), points, window_name="1d", run="r")
        expected = store.points(), store.window_states("fraud", "1", "1d")
    export(home)
    home.database.unlink()
    with pytest.raises(StoreError, match="exported facts: run python -m monitoring rebuild"):
        Store.open(home)
    rebuild(home)
    with Store.open(home) as store:
        assert (store.points(), store.window_states("fraud", "1", "1d")) == expected
        with store.reading() as cursor:
            assert cursor.execute("SELECT count(*) FROM points").fetchone() == (2,)


def test_a_day_that_did_not_change_is_not_written_again(home: Home) -> None:
    fill(home)
    first = {file.path for file in export(home).files}
    again = {file.path for file in export(home).files}
    assert again == first
    assert {str(path.relative_to(home.export)) for path in home.export.rglob("*.parquet") if "references" not in path.parts} == again


def test_damaged_facts_are_named_and_nothing_is_moved(home: Home) -> None:
    fill(home)
    manifest = export(home)
    victim = home.export / max(manifest.files, key=lambda file: file.bytes).path
    raw = bytearray(victim.read_bytes())
    raw[len(raw) // 2] ^= 1
    victim.write_bytes(raw)
    before = home.database.read_bytes()
    with pytest.raises(StoreError, match=f"{victim.name} is not what was written"):
        rebuild(home)
    assert home.database.read_bytes() == before


def test_what_was_registered_and_loaded_since_the_newest_transaction_comes_back_by_itself(home: Home) -> None:
    fill(home)
    before = content(home)
    home.database.unlink()  # no facts were exported: the archive and what was given by hand are all there is
    assert content(home) == before
    more(home)


def test_a_segment_that_the_tables_do_not_know_is_put_back(home: Home) -> None:
    fill(home)
    before = content(home)
    kept = home.database.read_bytes()
    more(home)
    after = content(home)
    assert after != before
    home.database.write_bytes(kept)  # as if the newest transactions had not lasted
    assert content(home) == after
    assert list(home.spool.iterdir()) == []


def test_what_waits_in_the_spool_at_an_export_is_there_once_after_a_rebuild(home: Home, log: Log) -> None:
    fill(home)
    with Store.open(home) as store, store.reading() as cursor:
        log.write(("pred", prediction(5000)))
        manifest = facts.write(home, cursor)
    assert facts.verify(home, manifest) == []
    before = content(home)
    home.database.unlink()
    rebuild(home)
    assert content(home) == before
