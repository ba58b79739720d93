"""One line of the log: what is written reads back, and damage is noticed."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.frames import FORMAT, BadFrame, compose, decode, encode

RECORD = {"v": FORMAT, "k": "pred", "n": 3, "t": 1_763_800_000_000_000, "m": "fraud", "id": "a-1", "f": {"amount": 12.5, "land": "Åland"}}
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBER = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def test_a_record_reads_back_equal() -> None:
    assert decode(encode(RECORD)) == RECORD


@given(JSON)
def test_any_json_value_reads_back_equal_and_stays_on_one_line(value: object) -> None:
    line = encode({**RECORD, "f": {"x": value}})
    assert line.count(b"\n") == 1
    assert decode(line)["f"]["x"] == value


def test_a_body_is_spliced_behind_the_head_as_if_it_had_been_encoded_whole() -> None:
    body = {key: value for key, value in RECORD.items() if key not in "vknt"}
    assert compose("pred", 3, RECORD["t"], orjson.dumps(body)) == encode({**{key: RECORD[key] for key in "vknt"}, **body})


def test_a_line_is_json_that_other_tools_can_read() -> None:
    assert orjson.loads(encode(RECORD))["d"] == RECORD


def test_any_changed_byte_is_noticed() -> None:
    line = encode(RECORD)[:-1]
    for place in range(len(line)):
        damaged = line[:place] + bytes([line[place] ^ 1]) + line[place + 1 :]
        with pytest.raises(BadFrame):
            decode(damaged)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\n", "blank line"),
        (b"   \n", "blank line"),
        (b'{"id": 1}\n', "not a frame"),
        (encode(RECORD)[:40], "not a frame"),
        (encode([1]), "not a JSON object"),  # type: ignore[arg-type]
        (encode({**RECORD, "v": 7}), "unknown format version 7"),
        (encode({"k": "pred"}), "unknown format version None"),
        (encode({**RECORD, "k": "secret"}), "unknown kind of record secret"),
        (encode({**RECORD, "k": ["pred"]}), "unknown kind of record ['pred']"),
        (encode(RECORD).replace(b"12.5", b"13.5"), "checksum does not match"),
    ],
)
def test_a_line_that_is_no_good_frame_says_why(line: bytes, reason: str) -> None:
    with pytest.raises(BadFrame) as caught:
        decode(line)
    assert str(caught.value) == reason
