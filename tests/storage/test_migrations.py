"""The database of every schema there ever was is brought to today's, and nothing of it is lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from storage.collector import Collector
from storage.errors import StoreError
from storage.home import Home
from storage.store import Store, _migrating
from tests.storage.conftest import Log, prediction
from tests.storage.fixtures.make import facts

FIXTURES = Path(__file__).parent / "fixtures"
WRITTEN = sorted(path.name.removesuffix(".duckdb.zst") for path in FIXTURES.glob("schema_*.duckdb.zst"))


def unpack(name: str, home: Home) -> None:
    """Put a stored file in a home's place for it."""
    home.make()
    with pa.input_stream(str(FIXTURES / f"{name}.duckdb.zst"), compression="zstd") as packed, home.database.open("wb") as file:
        shutil.copyfileobj(packed, file)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_file_of_an_earlier_schema_keeps_all_that_is_in_it(home: Home, log: Log, name: str) -> None:
    unpack(name, home)
    with Store.open(home) as store:
        found = facts(store)
        for table, sums in json.loads((FIXTURES / f"{name}.json").read_text()).items():
            assert sums.items() <= found[table].items(), table
        assert store.models() == ["fraud", "price"]
        before = store.versions("fraud").to_pylist()[0]["rows"]
        log.write(("pred", prediction(1000)))
        assert Collector(store).once()["ingested"] == 1
        assert store.versions("fraud").to_pylist()[0]["rows"] == before + 1
        assert store.reference("fraud") is not None
        assert store.points("fraud").num_rows == 3


def test_a_file_is_copied_before_it_is_changed(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    unpack(WRITTEN[0], home)
    Store.open(home).close()
    known = _migrating._known()
    newer = tmp_path / f"{len(known) + 1:04d}_drop.sql"
    newer.write_text("DELETE FROM points")
    monkeypatch.setattr(_migrating, "_known", lambda: [*known, newer])
    with Store.open(home) as store:
        assert store.points("fraud").num_rows == 0
    monkeypatch.setattr(_migrating, "_known", lambda: known)
    with pytest.raises(StoreError, match=rf"newer version.*or put before-{newer.stem}.duckdb, which was kept beside it"):
        Store.open(home)
    home.database.with_name(f"before-{newer.stem}.duckdb").rename(home.database)
    with Store.open(home) as store:
        assert store.points("fraud").num_rows == 3


def test_a_step_that_fails_leaves_nothing_behind(home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    unpack(WRITTEN[-1], home)
    known = _migrating._known()
    broken = tmp_path / f"{len(known) + 1:04d}_broken.sql"
    broken.write_text("DELETE FROM points; SELECT * FROM no_such_table")
    monkeypatch.setattr(_migrating, "_known", lambda: [*known, broken])
    with pytest.raises(StoreError, match="could not be brought up to date by"):
        Store.open(home)
    monkeypatch.setattr(_migrating, "_known", lambda: known)
    with Store.open(home) as store:
        assert store.points("fraud").num_rows == 3
