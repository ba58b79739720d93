"""Lines taken in together, as columns, leave the very same database as the same lines taken in one by one."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from storage import _batch, _block
from storage.collector import Collector
from storage.frames import encode
from storage.home import Home
from storage.store import Store, _columnar, _groups
from storage.store._database import dicts
from tests.storage.conftest import FRAUD, Log, hour, micros, prediction, truth

# Every table but for when something happened, and of the quarantine folder what is in it.
TABLES = {
    "pred_000001": "ingested_at", "label_000001": "ingested_at", "ingest_offsets": "updated_at", "quarantine": "quarantined_at",
    "events": "happened_at", "collected": "", "models": "created_at", "schemas": "registered_at", "columns": "added_at",
    "logger_stats": "", "marks": "",
}  # fmt: skip


def content(records: Sequence[dict[str, Any] | bytes]) -> bytes:
    """The records as a segment: numbered as they stand, unless they have a number of their own; bytes as they are."""
    lines = [
        record if isinstance(record, bytes) else encode({"v": 1, "k": "pred", "n": number, "t": micros(hour(1)) + number, **record})
        for number, record in enumerate(records)
    ]
    return b"".join(lines)


def taken_in(segments: Sequence[bytes], *, describe: bool, together: bool) -> dict[str, Any]:
    """All that a home holds once these segments were taken in."""
    folder = Path(tempfile.mkdtemp(prefix="driftboard-"))
    alone = (lambda block: (block.lines(), [])) if not together else _groups.sort
    try:
        with pytest.MonkeyPatch.context() as patch, Store.open(Home(folder / "home")) as store:
            patch.setattr(_batch, "sort", alone)
            patch.setattr(_groups, "_FEWEST", 1)
            patch.setattr(_groups, "_FEWEST_READ", 1)
            patch.setattr(_columnar, "_SAMPLE", 2)
            patch.setattr(_block, "_PIECE", 2_000)
            if describe:
                store.register_model(FRAUD)
            for number, segment in enumerate(segments):
                (store.home.spool / f"w-1-2-abcd-{number:08}.seg.jsonl").write_bytes(segment)
            told = Collector(store).once()
            found: dict[str, Any] = {"told": told, "account": store.health()["accounting"]}
            for name, but in TABLES.items():
                found[name] = rows_of(store, name, but)
            found["bad"] = sorted((path.name, path.read_bytes()) for path in store.home.quarantine.iterdir())
            return found
    finally:
        shutil.rmtree(folder)


def rows_of(store: Store, name: str, but: str) -> list[str]:
    with store.reading() as cursor:
        if not dicts(cursor, "SELECT 1 FROM duckdb_tables() WHERE table_name = ?", [name]):
            return []
        rows = dicts(cursor, f"SELECT * {f'EXCLUDE ({but})' if but else ''} FROM {name}")
    for row in rows:
        if row.get("_extra"):
            row["_extra"] = sorted(json.loads(row["_extra"]).items())  # a mapping, in no order
    return sorted(map(repr, rows))


def the_same(segments: Sequence[bytes], *, describe: bool) -> dict[str, Any]:
    together, alone = (taken_in(segments, describe=describe, together=way) for way in (True, False))
    assert together.keys() == alone.keys()
    for name in together:
        assert together[name] == alone[name], name
    return together


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([2**53 + 1, -(2**63), 2**63, 2**64 - 1]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["FR", "DE", "", "1.5", "nan", "2026-01-01", "2026-01-01T00:00:00+02:00", "ü", "\r\n", "\u2028"]),
    st.just([1, {"a": None}]), st.just({"a": 1}),
)  # fmt: skip
NAMES = ("amount", "country", "opened", "channel", "new", "a/b~")
WORDS = st.sampled_from(["NaN", "Infinity", "-Infinity", "nonsense"])
# What is odd about a record; the others are alike.
ODD = st.fixed_dictionaries(
    {},
    optional={
        "f": st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4) | st.just(None) | st.just([1]),
        "x": st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=2) | st.just(""),
        "p": VALUES, "s": VALUES | st.dictionaries(st.sampled_from(["a", "b"]), VALUES), "lat": VALUES, "w": VALUES, "err": VALUES,
        "nf": st.dictionaries(st.sampled_from([*NAMES, "@prediction", "@score", "@score:a"]), WORDS, max_size=3)
        | st.sampled_from([[], [1], "NaN"]),
        "e": VALUES, "t": VALUES | st.just(micros(hour(-9000))), "n": st.integers(0, 40) | VALUES,
        "id": st.sampled_from(["p1", "", 7]) | VALUES,
        "m": st.sampled_from(["fraud", "other", ""]) | VALUES, "ver": st.sampled_from(["1", "2", 3]) | VALUES,
        "v": st.sampled_from([1, 1.0, True, 2]),
        "k": st.sampled_from(["pred", "label", "hdr", "stat", "end", "erased", "model", "tree", 5]), "y": VALUES,
        "spec": st.just({**FRAUD, "features": {"amount": "numerical", "new": "text"}}), "zzz": VALUES,
    },
)  # fmt: skip
RAW = st.sampled_from([
    b"\n", b"hello\n", b"\0\0\0" + encode({"v": 1, "k": "pred", "n": 2, "t": 5, **prediction(3)}), b'{"c":"00000000","d":}\n', b"\r\n",
])  # fmt: skip
BATCH = st.integers(1, 12).flatmap(lambda size: st.tuples(st.just(size), ODD, st.booleans()))
SEGMENT = st.lists(st.one_of(BATCH, BATCH, BATCH, RAW), min_size=1, max_size=6)


def records_of(parts: Sequence[Any]) -> list[dict[str, Any] | bytes]:
    """Runs of records of one shape, some with the odd value in all of them, some in the last."""
    found: list[dict[str, Any] | bytes] = []
    for part in parts:
        if isinstance(part, bytes):
            found.append(part)
            continue
        size, odd, in_all = part
        for place in range(size):
            plain = truth(len(found), 1) if odd.get("k") == "label" else prediction(len(found))
            found.append({**plain, **(odd if in_all or place == size - 1 else {k: v for k, v in odd.items() if k == "k"})})
    return found


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(segments=st.lists(SEGMENT, min_size=1, max_size=2), describe=st.booleans())
@example(segments=[[(9, {"nf": {"amount": "NaN", "@score": "Infinity"}}, False), (3, {"p": True}, False)]], describe=True)
@example(segments=[[(9, {"nf": "NaN"}, True), (9, {"e": True}, True), (9, {"ver": "2"}, False)]], describe=True)
@example(segments=[[(9, {"f": None, "m": "other"}, False)]], describe=False)
@example(segments=[[(5, {}, True), (5, {"id": "p1"}, True)], [(5, {"k": "label"}, True), (2, {"t": 7}, True)]], describe=False)
def test_whatever_is_in_the_lines_together_and_one_by_one_are_the_same(segments: list[list[Any]], describe: bool) -> None:
    the_same([content(records_of(parts)) for parts in segments], describe=describe)


@pytest.mark.parametrize("describe", [True, False])
def test_a_log_as_loggers_write_it_with_everything_in_it(describe: bool) -> None:
    head = {"k": "hdr", "writer": "w", "seq": 0, "acc": 0, "t": micros(hour(0))}
    records: list[dict[str, Any] | bytes] = [head, *(prediction(number) for number in range(30))]
    records += [{**truth(number, number % 2), "k": "label"} for number in range(20)]
    records += [prediction(40, f={"amount": None, "country": "FR"}, nf={"amount": "NaN"}), prediction(41, f={"amount": "12"})]
    records += [prediction(number, f={"amount": 7, "country": number, "unheard": [number]}) for number in range(50, 60)]
    scores = {"s": {"a": 0.25, "b": None}, "nf": {"@score:b": "NaN"}}
    records += [prediction(number, err="ValueError: no", w=2.0, **scores) for number in range(60, 70)]
    records += [prediction(3), prediction(61), {"k": "stat", "writer": "w", "accepted": 93, "refused": {}}, {"k": "end", "count": 93}]
    found = the_same([content(records) + b'{"c":"torn'], describe=describe)
    assert found["told"]["quarantined"] == 1
    assert found["told"]["duplicates"] == 2
    assert found["account"]["accepted"] == 93


def test_versions_that_are_equal_and_not_the_same_stay_apart() -> None:
    records = [prediction(number, ver=[1, 1.0, True][number % 3]) for number in range(12)]
    found = the_same([content([{"k": "hdr", "writer": "w", "seq": 0, "acc": 0}, *records])], describe=True)
    assert found["told"]["ingested"] == 12


def test_most_of_a_log_is_taken_in_together(log: Log) -> None:
    path = log.write(*(("pred", prediction(number)) for number in range(50)), *(("label", truth(number, 1)) for number in range(50)))
    block = _block.read_block(path, 0, path.stat().st_size, most=1_000)
    assert block is not None
    parts, groups = _groups.sort(block)
    assert [group.kind for group in groups] == ["pred", "label"]
    assert [len(part.times) for part in parts if isinstance(part, _groups.Run)] == [100]
    assert [part.record["k"] for part in parts if isinstance(part, _block.Line) and part.record] == ["hdr", "stat", "end"]


def test_much_of_one_shape_is_read_without_objects(log: Log) -> None:
    odd = [*(prediction(number, nf={"amount": "NaN"}) for number in range(9)), prediction(600, err="ValueError: no")]
    records = [*map(prediction, range(300)), *odd, *map(prediction, range(300))]
    path = log.write(*(("pred", record) for record in records), *(("label", truth(number, 1)) for number in range(300)))
    block = _block.read_block(path, 0, path.stat().st_size, most=1_000)
    assert block is not None
    parts, groups = _groups.sort(block)
    assert [(group.kind, len(group.places), group.told) for group in groups] == [
        ("pred", 600, False), ("pred", 9, True), ("label", 300, False),
    ]  # fmt: skip
    assert [part.record["k"] for part in parts if isinstance(part, _block.Line) and part.record] == ["hdr", "pred", "stat", "end"]
    assert [len(part.times) for part in parts if isinstance(part, _groups.Run)] == [309, 600]


def test_a_block_has_no_more_than_the_lines_asked_for_and_only_whole_ones(log: Log) -> None:
    path = log.predictions(range(20))
    size = path.stat().st_size
    whole = _block.read_block(path, 0, size, most=1_000)
    some = _block.read_block(path, 0, size, most=5)
    assert whole is not None and some is not None
    assert (whole.content, whole.is_last) == (path.read_bytes(), False)
    assert some.lines() == whole.lines()[:5]
    assert _block.read_block(path, some.end, some.end + 10, most=5) is None
    assert b"".join(piece.content for piece in whole.pieces()) == whole.content
    assert [orjson.loads(line.raw)["d"]["k"] for line in whole.lines()] == ["hdr", *["pred"] * 20, "stat", "end"]
