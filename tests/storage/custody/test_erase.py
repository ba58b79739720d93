"""An erased subject is nowhere in the home, byte by byte; what is not its own is as it was."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage import archive
from storage.collector import Collector
from storage.custody import facts
from storage.custody.erasing import erase
from storage.custody.rebuilding import rebuild
from storage.errors import StoreError
from storage.home import Home
from storage.points import POINTS, PROFILES
from storage.spool import read_segment, segments
from storage.store import Store
from tests.storage.conftest import FRAUD, T0, Log, Span, prediction, truth

SUBJECT = "alice.wonder@example.org"
MODEL = {**FRAUD, "features": {**FRAUD["features"], "customer": "categorical"}}


def made_by(number: int, customer: str, **changes: Any) -> dict[str, Any]:
    record = prediction(number, **changes)
    return {**record, "id": f"order-{customer}-{number}", "f": {**record["f"], "customer": customer}}


def customer(number: int) -> str:
    return SUBJECT if number % 5 == 0 else f"someone{number}"


def label_of(number: int) -> dict[str, Any]:
    return {**truth(number, number % 2), "id": f"order-{customer(number)}-{number}"}


def found_in(home: Home, needle: bytes) -> list[str]:
    """The files that hold some bytes: as they are, and as what they hold where they are compressed."""
    found = []
    for path in sorted(path for path in home.path.rglob("*") if path.is_file()):
        contents = [path.read_bytes()]
        if path.suffix == ".zst":
            with archive.open_archived(path) as file:
                contents.append(file.read())
        if path.suffix == ".parquet":
            contents.append(str(pq.read_table(path).to_pylist()).encode() + str(pq.read_metadata(path).to_dict()).encode())
        if any(needle in content for content in contents):
            found.append(str(path.relative_to(home.path)))
    return found


def fill(home: Home) -> None:
    """The subject everywhere that a subject can be."""
    log = Log(home)
    with Store.open(home) as store:
        store.register_model(MODEL)
        reference = {"amount": [1.0, 2.0], "country": ["FR", "DE"], "customer": ["someone1", SUBJECT], "decision": [0, 1]}
        store.put_reference("fraud", pa.table(reference), "reference.parquet")
        log.write(*(("pred", made_by(number, customer(number))) for number in range(100)))
        log.write(*(("label", label_of(number)) for number in range(100)))
        torn = orjson.dumps(made_by(7, SUBJECT))[:-9]
        (home.spool / "damaged-1-0-0-00000000.seg.jsonl").write_bytes(b'{"c":"00000000","d":' + torn + b"\nsomething else\n")
        Collector(store).once()
        window = Span(T0, T0 + timedelta(days=1))
        common = {"model": "fraud", "version": "1", "window": "1d", "window_start": window.start, "window_end": window.end, "n": 24}
        point = {**common, "metric": "drift", "column": "customer", "segment": "", "value": 0.5, "status": "ok", "kind": "realised",
                 "computed_at": window.end, "run": "r", "detail": f'{{"new": ["{SUBJECT}"]}}'}  # fmt: skip
        mine = {**point, "segment": f"customer={SUBJECT}", "detail": None}
        profile = {**common, "segment": "", "kind": "histogram", "column": "customer", "series": "current", "label": SUBJECT, "value": 0.2}
        store.save_window(
            "fraud", "1", window, _table([point, mine], POINTS), _table([profile], PROFILES), window_name="1d", run="r", fingerprint="f"
        )
        (home.reports / "a.html").write_text(f"<p>{SUBJECT}</p>")
        store.save_report({"model": "fraud", "kind": "drift", "path": "a.html", "format": "html", "window": "1d", "window_start": T0})
        store.add_event(level="info", kind="example", text=f"somebody asked about {SUBJECT}.")
        with store.reading() as cursor:
            facts.write(home, cursor)


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)


def erased(home: Home, *values: str) -> dict[str, Any]:
    with Store.open(home) as store:
        return erase(store, Collector(store), "customer", values or (SUBJECT,))


def test_nothing_of_the_subject_is_left_and_all_of_the_others_is(home: Home) -> None:
    fill(home)
    assert len(found_in(home, SUBJECT.encode())) > 5
    with Store.open(home) as store:
        others = [row for row in store.predictions("fraud").to_pylist() if row["customer"] != SUBJECT]
        labels = [row for row in store.labels("fraud").to_pylist() if SUBJECT not in row["id"]]
        points, accounting = store.points().drop_columns(["segment", "detail"]), store.health()["accounting"]
        versions, profiles = store.versions("fraud"), store.profiles("fraud", "1", "1d", T0).drop_columns(["label"])
    told = erased(home)
    assert (told["predictions"], told["labels"], told["archived lines"], told["reports"], told["left"]) == (20, 20, 41, 1, [])
    assert found_in(home, SUBJECT.encode()) == []
    assert found_in(home, b"wonder") == []
    with Store.open(home) as store:
        assert store.predictions("fraud").to_pylist() == others
        assert store.labels("fraud").to_pylist() == labels
        assert store.frame("fraud", "1").num_rows == 80
        assert store.points().drop_columns(["segment", "detail"]) == points
        assert store.profiles("fraud", "1", "1d", T0).drop_columns(["label"]) == profiles
        assert (store.versions("fraud"), store.health()["accounting"]) == (versions, accounting)
        assert store.reports().num_rows == 0


def test_an_erased_subject_does_not_come_back_by_a_rebuild(home: Home) -> None:
    fill(home)
    erased(home)
    with Store.open(home) as store:
        before = store.predictions("fraud").drop_columns(["ingested_at"]), store.health()["accounting"]
    for without_facts in (False, True):
        home.database.unlink()
        if without_facts:
            (home.export / "manifest.json").unlink()
        rebuild(home)
        with Store.open(home) as store:
            assert store.predictions("fraud").drop_columns(["ingested_at"]) == before[0]
            assert store.health()["accounting"] == before[1]
        assert found_in(home, b"wonder") == []


def test_rows_of_a_writer_that_still_writes_are_erased_under_its_hands(home: Home) -> None:
    code = f"""
import sys, orjson
from pathlib import Path
from storage.spool import SegmentWriter
from tests.storage.custody.test_erase import made_by, customer
writer = SegmentWriter(Path({str(home.spool)!r}))
for number in range(200):
    if number == 100:
        print("half", flush=True); sys.stdin.readline()
    assert writer.append("pred", orjson.dumps(made_by(number, customer(number) if number < 100 else "someone"))) is None
writer.close()
"""
    home.make()
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root) as writer:
        assert writer.stdout is not None
        assert writer.stdin is not None
        writer.stdout.readline()
        with Store.open(home) as store:
            store.register_model(MODEL)
            told = erase(store, Collector(store), "customer", [SUBJECT])
            assert (told["spooled lines"], told["predictions"], told["left"]) == (20, 20, [])
        assert found_in(home, b"wonder") == []
        writer.stdin.write(b"\n")
        writer.stdin.close()
        assert writer.wait(timeout=120) == 0
    (segment,) = segments(home.spool)
    assert all(line.reason is None for line in read_segment(segment))
    with Store.open(home) as store:
        Collector(store).once()
        assert store.frame("fraud", "1").num_rows == 180
        assert store.quarantine().num_rows == 0
        assert store.health()["accounting"]["lost"] == 0


@pytest.mark.parametrize("where", ["spool", "archive"])
def test_erasing_twice_changes_nothing_more(home: Home, where: str) -> None:
    fill(home)
    erased(home)
    before = {path: path.read_bytes() for path in getattr(home, where).rglob("*") if path.is_file()}
    told = erased(home)
    assert {count for place, count in told.items() if place != "left"} == {0}
    assert {path: path.read_bytes() for path in getattr(home, where).rglob("*") if path.is_file()} == before


def test_a_number_and_an_id_name_a_subject_too(home: Home) -> None:
    fill(home)
    with Store.open(home) as store:
        assert erase(store, Collector(store), "amount", ["7"])["predictions"] == 1  # stored as 7.0
        assert erase(store, Collector(store), "key", ["order-someone8-8"])["labels"] == 1  # the name that the description gives the id
        assert {row["@id"] for row in store.frame("fraud", "1").to_pylist()}.isdisjoint({"order-someone7-7", "order-someone8-8"})
    assert found_in(home, b"order-someone8-8") == []


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("costumer", SUBJECT, 'No model has or had a column "costumer": .*did you mean "customer"'),
        ("decision", "1", 'Only the file of the reference of fraud has the column "decision"'),
        ("zzz", "FR", r'No model has or had a column "zzz": .*\(amount, channel, country, customer, id, key, opened\)'),
    ],
)
def test_a_column_that_no_model_has_is_refused_and_nothing_is_removed(home: Home, column: str, value: str, sentence: str) -> None:
    fill(home)
    before = found_in(home, value.encode())
    references = sorted((home.export / "references").glob("*"))
    files = [path.read_bytes() for path in references]
    with Store.open(home) as store:
        quarantined, points = store.quarantine(), store.points()
        with pytest.raises(StoreError, match=sentence) as refusal:
            erase(store, Collector(store), column, [value])
        assert str(refusal.value).endswith("nothing was removed.")
        assert (store.quarantine(), store.points()) == (quarantined, points)
    assert [path.read_bytes() for path in references] == files
    assert found_in(home, value.encode()) == before


def test_a_subject_of_a_column_that_is_described_no_more_is_erased(home: Home) -> None:
    fill(home)
    with Store.open(home) as store:
        store.register_model({**MODEL, "version": "2", "features": FRAUD["features"]})
        assert "customer" not in [column["name"] for column in store.feature_columns("fraud")]
    assert erased(home)["predictions"] == 20
    assert found_in(home, b"wonder") == []


@pytest.mark.parametrize("kept", ["in the tables", "in the archive"])
def test_a_subject_of_a_column_that_nobody_described_is_erased(home: Home, kept: str) -> None:
    log = Log(home)
    with Store.open(home) as store:
        store.register_model(FRAUD)
        log.write(*(("pred", prediction(number, x={"pass/port~": f"p{number}-secret"})) for number in range(3)))
        Collector(store).once()
        if kept == "in the archive":
            with store.writing() as cursor:
                cursor.execute("UPDATE pred_000001 SET _extra = NULL")  # as where retention took the row
        told = erase(store, Collector(store), "pass/port~", ["p1-secret"])
    assert (told.get("predictions", 0), told["archived lines"]) == (int(kept == "in the tables"), 1)
    assert found_in(home, b"p1-secret") == []
    assert found_in(home, b"p2-secret")
