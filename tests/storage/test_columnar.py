"""What DuckDB's JSON reader makes of lines is what orjson makes of them, or it is not used: for any lines, hostile ones too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import orjson
import pyarrow as pa
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from storage._block import Block
from storage.store import _columnar, _groups
from storage.store._columnar import Doubt

# JSON as it may stand in a line, and what is none.
ODD = [
    "1", "-0", "-0.0", "0", "7", "7.0", "1e3", "1E400", "-1e-400", "5e-324", "0.1", "1.7976931348623157e308", "9007199254740991",
    "9007199254740992", "9007199254740993", "9223372036854775807", "18446744073709551615", "18446744073709551616", "01", "1.", ".5", "+1",
    "true", "false", "null", "NaN", "Infinity", "-Infinity", "nan", "inf", "True", "", "[]", "{}", "[1,]", '{"a":1,}', "/**/1",
    '""', '"true"', '"x false"', '"5"', '"nan"', '"null"', '"\\u0074rue"', '"ü"', '"\\u00fc"', '"\\ud83d\\ude00"', '"\\ud800"', '"\\udc00"',
    '"\\u0000"', '"\\""', '"\\\\"', '"\\\\\\""', '"a\\nb"', '"a\tb"', '"a,}"', '"a }"', '"\u2028"', "'x'", '"a" ', ' "a"',
    '1,"a":2', '1,"z":"2"', "1}", "1}}{", '1,"f":{}', '1,"b":true', "1,", "1, ", '1 , "z":1',
]  # fmt: skip
USUAL = ["1.5", "2", '"FR"', "true", "null"]
NAMES = ["a", "b", "is true", "ü", 'q"', "id", "p"]
NUMBERS = st.floats().map(repr) | st.integers(-(2**66), 2**66).map(str)
TOKEN = st.sampled_from(ODD) | NUMBERS | st.text(max_size=4).map(lambda text: orjson.dumps(text).decode())


@st.composite
def bodies(draw: st.DrawFn) -> list[bytes]:
    """Objects of one shape, with odd values, names and ends here and there."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    usual = {name: draw(st.sampled_from(USUAL)) for name in names}
    lines = []
    for number in range(draw(st.integers(4, 9))):
        values = {**usual, **(draw(st.dictionaries(st.sampled_from(names), TOKEN, max_size=2)) if draw(st.booleans()) else {})}
        within = ",".join(f"{orjson.dumps(name).decode()}:{value}" for name, value in values.items())
        score = draw(st.sampled_from(["0.5", "0.5", "0.5", *ODD]))
        lines.append(line(number, within, score=score, tail=draw(st.sampled_from(["", "", "", "", " ", ",", ',"f":{}', "}", "x"]))))
    return lines


def line(number: int, features: str, *, score: str = "0.5", tail: str = "") -> bytes:
    head = f'{{"v":1,"k":"pred","n":{number},"t":{10**15 + number},"m":"fraud","ver":"1","id":"p{number}","p":"no",'
    return f'{head}"s":{score},"f":{{{features}}}{tail}}}'.encode("utf-8", "surrogatepass")


def odd_second(usual: str, odd: str) -> list[bytes]:
    """Five lines, of which the second is odd and none of those that are looked at first."""
    return [line(number, odd if number == 1 else usual) for number in range(5)]


def block_of(lines: Sequence[bytes]) -> Block:
    return Block(0, b"".join(b'{"c":"%08x","d":%b}\n' % (crc32(body), body) for body in lines))


def told(values: Any) -> list[Any]:
    """Values with their types: 1, 1.0 and true are equal and not the same; nor are 0.0 and -0.0."""
    return [(type(value), str(value)) for value in (values.to_pylist() if isinstance(values, pa.Array) else values)]


def doubled(values: Sequence[Any]) -> list[Any]:
    """The same, with whole numbers as the doubles that equal them."""
    return told([float(value) if type(value) is int else value for value in values])


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that an odd value is often none of those that are looked at first."""
    monkeypatch.setattr(_columnar, "_SAMPLE", 2)
    monkeypatch.setattr(_groups, "_FEWEST_READ", 1)


@settings(max_examples=400, deadline=None)
@given(lines=bodies())
@example(lines=odd_second('"a":1.5,"b":"x"', '"a":"2","b":3'))
@example(lines=odd_second('"a":1.5', '"a":true'))
@example(lines=odd_second('"a":1.5,"b":true', '"a":true,"b":1'))
@example(lines=odd_second('"a":1.5', '"a":1,"z":2'))
@example(lines=[*odd_second('"a":1.5', '"a":1,"z":2')[:3], line(3, "").replace(b'"f":{}', b'"f":null'), line(4, '"a":1.5')])
@example(lines=odd_second('"a":1.5', '"a":1.5,'))
@example(lines=odd_second('"a":1.5', '"a":NaN'))
@example(lines=odd_second('"is true":1.5', '"is tru\\u0065":true'))
def test_what_is_read_is_what_orjson_reads(lines: list[bytes]) -> None:
    assume(all(b"\n" not in body for body in lines))
    try:
        found = _columnar.read(lines)
    except Doubt:
        return
    records = [orjson.loads(body) for body in lines]  # what orjson refuses is refused
    for values, said in ((found.own, records), (found.features, [record["f"] for record in records])):
        assert all(values.keys() == record.keys() - {"f"} for record in said)
        for name, cells in values.items():
            exact = name in ("v", "n", "t") and values is found.own
            assert told(cells) == (told if exact else doubled)([record[name] for record in said]), name


@settings(max_examples=100, deadline=None)
@given(lines=bodies())
def test_a_group_can_tell_whole_numbers_from_others(lines: list[bytes]) -> None:
    try:
        _, groups = _groups._read(block_of(lines))
    except (Doubt, *_groups._Doubt):
        return
    for group in groups:
        again = group.exactly()
        assert sorted(place for one in again for place in one.places) == [*group.places]
        for one in again:
            said = [orjson.loads(lines[place])["f"] for place in one.places]
            assert said[0].keys() == one.features.keys()
            for name, cells in one.features.items():
                assert told(cells) == told([each[name] for each in said])


@pytest.mark.parametrize("text", [r"x\"y", "so true", "", "ü", "}", "5"])
def test_what_loggers_write_is_read(text: str) -> None:
    words = ["true", "false", "null"]
    found = _columnar.read([line(number, f'"a":{number}.5,"b":"{text}","c":{words[number % 3]}') for number in range(9)])
    assert found.features["a"].to_pylist() == [number + 0.5 for number in range(9)]
    assert found.features["b"].to_pylist() == [text.replace("\\", "")] * 9
    assert found.features["c"] == (True, False, None) * 3
    assert found.own["n"].to_pylist() == [*range(9)]


@pytest.mark.parametrize(
    "features",
    [
        '"a":"2"', '"a":true', '"a":1,"z":2', '"a":1,"a":2', '"z":1', "", '"a":NaN', '"a":1e999', '"a":9007199254740993', '"a":1,',
        '"a":"\\ud800"',
    ],
)  # fmt: skip
def test_what_is_not_plain_is_left_to_the_other_way(features: str) -> None:
    lines = [line(number, '"a":1.5') for number in range(9)]
    assert _columnar.read(lines)
    lines[3] = line(3, features)
    with pytest.raises(Doubt):
        _columnar.read(lines)
