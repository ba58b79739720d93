"""Segments and the database's own log with flipped, torn and zeroed bytes: damage costs the damaged lines and no others."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import orjson
import pytest

from storage.collector import Collector
from storage.frames import encode
from storage.home import Home
from storage.store import Store
from tests.faults.accounts import balanced, of_segments
from tests.faults.conftest import Trials
from tests.faults.processes import collect
from tests.storage.conftest import FRAUD, Log, prediction

pytestmark = pytest.mark.slow

LINES = 20


def segment(number: int) -> bytes:
    """A segment of a writer that died: a header and 20 predictions, of the same length whatever the number is."""
    common = {"v": 1, "t": 1_770_000_000_000_000}
    header = {**common, "k": "hdr", "n": 0, "writer": f"w{number:06d}", "host": "h", "pid": 1, "boot": "", "lib": "x"}
    body = [prediction(line + 100, id=f"{number:06d}-{line:02d}") for line in range(LINES)]
    return b"".join(encode(line) for line in [header, *({**common, "k": "pred", "n": n, **row} for n, row in enumerate(body, 1))])


def put(home: Home, contents: Mapping[int, bytes]) -> None:
    """Many damaged segments into one spool: each has a name and ids of its own, so what became of each can be told."""
    for number, content in contents.items():
        (home.spool / f"h-1-{number:x}-0000-{number:08d}.seg.jsonl").write_bytes(content)


def rows_by_segment(store: Store) -> Counter[int]:
    ids = store.predictions("fraud").column("id").to_pylist()
    assert len(ids) == len(set(ids))
    return Counter(int(key.split("-")[0]) for key in ids)


def test_a_flipped_byte_anywhere_in_a_segment_costs_two_lines_at_most(fraud: Store, collector: Collector, trials: Trials) -> None:
    seeded = random.Random(10)
    size = len(segment(0))
    damaged = {}
    for offset in range(0, size, trials(1, 17)):
        content = bytearray(segment(offset))
        content[offset] ^= seeded.randint(1, 255)
        damaged[offset] = bytes(content)
    newline = segment(0).index(b"\n")
    damaged[size] = segment(size)[:newline] + b"x" + segment(size)[newline + 1 :]  # two lines become one, also at reduced counts
    put(fraud.home, damaged)
    assert collector.once()["pending"] == 0
    found = rows_by_segment(fraud)
    for number in damaged:
        assert found[number] >= LINES - 2, f"offset {number}"
    assert sum(found[number] >= LINES - 1 for number in damaged) >= 0.98 * len(damaged)  # two only where a line's end was hit
    whole = segment(0)
    second_last = whole.rindex(b"\n", 0, whole.rindex(b"\n", 0, -1)) + 1
    for name, account in of_segments(fraud).items():
        number = int(name.removesuffix(".seg.jsonl")[-8:])
        assert account.bad >= 1, f"the damage at {number} went unseen"
        if number < second_last:  # later lines say what is missing; after the last one nothing does
            assert account.bad + account.lost >= LINES - found[number]
    assert list(fraud.home.spool.iterdir()) == []
    assert balanced(fraud)["ingested"] == sum(found.values())


def test_a_tail_torn_at_any_length_is_set_aside_once(fraud: Store, collector: Collector, trials: Trials) -> None:
    whole = segment(0)
    last = whole.rindex(b"\n", 0, -1) + 1
    lengths = range(last, len(whole), trials(1, 7))
    put(fraud.home, {length: segment(length)[:length] for length in lengths})
    collector.once()
    again = collector.once()
    found = rows_by_segment(fraud)
    assert again == {"ingested": 0, "duplicates": 0, "quarantined": 0, "pending": 0}
    assert {found[length] for length in lengths} == {LINES - 1}
    assert fraud.quarantine()["reason"].to_pylist() == ["torn last line"] * (len(lengths) - 1)  # the first is cut between two lines
    assert len(list(fraud.home.quarantine.glob("*.bad"))) == len(lengths) - 1
    account = balanced(fraud)
    assert (account["torn"], account["quarantined"], account["lost"]) == (len(lengths) - 1, 0, 0)


def test_a_tail_of_zeros_costs_the_lines_it_replaced(fraud: Store, collector: Collector, trials: Trials) -> None:
    """What a file system leaves of a write whose size it had noted and whose content it had not, before the power went."""
    seeded = random.Random(9)
    damaged, intact = {}, {}
    for number in range(trials(200, 20)):
        content = segment(number)
        kept = seeded.randrange(content.index(b"\n") + 1, len(content) + 1)
        zeros = seeded.choice([1, 100, 4096, 65_536, 5 << 20]) if number < 10 else seeded.choice([1, 100, 4096])
        damaged[number] = content[:kept] + bytes(zeros)
        intact[number] = content[:kept].count(b"\n") - 1
    put(fraud.home, damaged)
    assert collector.once()["pending"] == 0
    assert rows_by_segment(fraud) == Counter({number: rows for number, rows in intact.items() if rows})
    assert fraud.quarantine().num_rows == len(damaged)
    assert balanced(fraud)["ingested"] == sum(intact.values())


def test_a_database_log_with_a_tail_of_zeros_is_opened_with_every_row(tmp_path: Path, trials: Trials) -> None:
    """The owner dies with its last transactions in DuckDB's write-ahead log, whose file is then longer than its content."""
    seeded = random.Random(99)
    for trial in range(trials(20, 3)):
        home = Home(tmp_path / str(trial))
        log = Log(home)
        with Store.open(home) as store:
            store.register_model(FRAUD)
        log.predictions(range(50))
        collect(home, die="after archiving")
        wal = home.database.with_name(home.database.name + ".wal")
        assert wal.stat().st_size > 0
        with wal.open("ab") as file:
            file.write(bytes(seeded.choice([1, 7, 8, 512, 4096, 65_536])))
        with Store.open(home) as store:
            Collector(store).once()
            assert store.predictions("fraud").num_rows == 50, f"trial {trial}"


def test_what_was_set_aside_lies_in_the_folder_as_it_came(fraud: Store, collector: Collector) -> None:
    content = segment(1)
    put(fraud.home, {1: content[:-30]})
    collector.once()
    (bad,) = fraud.home.quarantine.glob("*.bad")
    told = orjson.loads(bad.with_suffix(".json").read_bytes())
    (line,) = told["lines"]
    assert line["reason"] == "torn last line"
    assert bad.read_bytes() == content[line["offset"] : -30] + b"\n"
