"""A thousand malformed inputs, seeded: through the logger, files and YAML. No traceback; each is accepted or refused, and counted;
what was accepted reads back as it was given."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest

from monitoring import InputError, ModelSchema, PredictionLogger, SchemaError
from monitoring.errors import MonitoringError
from storage.home import Home
from storage.spool import read_segment, segments

SEED = 20_240_501
NAIVE = datetime(2024, 5, 1)  # noqa: DTZ001  what has no zone is refused
NAMES = [
    "amount", "", " ", "@t", "a" * 256, "a" * 257, "a" * 10_240, "; drop table predictions; --", "../../etc/passwd", '"', "'", "a\0b",
    "a\nb", "\ud800", "😀", "Ünïcode", "select", "SELECT", "\u2028", "\u202e", "\x7f", "null", "None", "NaN", "__class__", "a.b", "a b",
    "$x", "{}", "%s", "\\",
]  # fmt: skip


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    def __hash__(self) -> int:
        return 1

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no attribute")


class Lying(float):
    def __repr__(self) -> str:
        raise RuntimeError("no text")


def cyclic() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def nested(levels: int) -> Any:
    found: Any = "x"
    for _ in range(levels):
        found = {"a": found} if levels % 2 else [found]
    return found


VALUES: list[Callable[[random.Random], Any]] = [
    lambda r: r.choice([None, True, False, 0, -1, 1.5, "", "x", -0.0]),
    lambda r: r.choice([math.nan, math.inf, -math.inf, np.float64("nan"), Decimal("NaN"), Decimal("-Infinity")]),
    lambda r: r.choice([2**63, 2**64, -(2**63) - 1, 10**400, 1e308, 5e-324]),
    lambda r: "".join(chr(r.choice([0, 10, 34, 92, 0x85, 0x2028, 0xD800, 0xDFFF, 0x1F600, 65])) for _ in range(r.randint(0, 8))),
    lambda r: "x" * r.choice([1_000, 100_000, 300_000]),
    lambda r: nested(r.choice([1, 5, 63, 64, 65, 66, 300, 10_000])),
    lambda r: r.choice([cyclic(), {1, 2}, b"bytes", bytearray(3), object(), Hostile(), Lying(1.5), 1j, range(3), iter([]), type, ...]),
    lambda r: r.choice([np.int8(1), np.float32(0.5), np.str_("a"), np.array([1, math.nan]), np.datetime64("NaT"), np.bytes_(b"a")]),
    lambda r: r.choice([pd.NA, pd.NaT, pd.Timestamp("2024-05-01"), pd.Timestamp("2024-05-01", tz="UTC"), pd.Timedelta("1s"), np.array([])]),
    lambda r: r.choice([datetime(2024, 5, 1, tzinfo=UTC), NAIVE, date(2024, 5, 1), datetime.max.replace(tzinfo=UTC)]),
    lambda r: {r.choice(["a", 1, None, (1,), "\ud800", 1.5]): r.choice([1, math.nan, {1}])},
    lambda r: [r.choice([1, "a", None, math.inf, [1], {"a": 1}]) for _ in range(r.randint(0, 4))],
]


def value(r: random.Random) -> Any:
    """Half of them harmless, so that harmful ones meet a record that would otherwise be accepted."""
    return r.choice(VALUES)(r) if r.random() < 0.5 else r.choice([None, 1, 0.5, "FR", math.nan, np.float64(2.5), "Ünïcode", True])


def features(r: random.Random) -> Any:
    if r.random() < 0.1:
        return value(r)
    found: dict[Any, Any] = {}
    for _ in range(r.choice([0, 1, 2, 3, 2_001 if r.random() < 0.05 else 4])):
        key = r.choice(NAMES) if r.random() < 0.9 else r.choice([1, None, 1.5, (1,), Hostile()])
        try:
            found[key] = value(r)
        except RuntimeError:  # a hostile key compared with another
            continue
    return found


def keywords(r: random.Random) -> dict[str, Any]:
    names = ["prediction", "score", "latency_ms", "timestamp", "prediction_id", "error", "country", "user id"]
    return {name: value(r) for name in r.sample(names, r.randint(0, 3))}


def records(home: Path, kind: str) -> list[dict[str, Any]]:
    lines = [line for path in segments(Home(home).spool) for line in read_segment(path)]
    assert not [line.reason for line in lines if line.reason]
    return [line.record for line in lines if line.record and line.record["k"] == kind]


def same(given: Any, kept: Any, mark: str | None = None) -> bool:
    """Whether `kept`, read back from JSON, says what was given."""
    if isinstance(given, np.generic) and not isinstance(given, np.datetime64):
        given = given.item()
    if isinstance(given, Decimal):
        given = float(given)
    if isinstance(given, float):
        return bool(given == kept) or {"NaN": given != given, "Infinity": given > 0, "-Infinity": given < 0}.get(mark or "", False)
    if given is pd.NA or given is pd.NaT or (isinstance(given, np.datetime64) and np.isnat(given)):
        return kept is None
    if isinstance(given, date):
        return isinstance(kept, str) and kept.startswith(given.isoformat()[:10])
    if isinstance(given, np.ndarray):
        given = given.tolist()
    if isinstance(given, dict):
        return isinstance(kept, dict) and {str(key): item for key, item in given.items()} == kept
    return bool(given == kept) or (isinstance(given, tuple) and list(given) == kept)


def test_600_malformed_predictions_and_labels(tmp_path: Path) -> None:
    r = random.Random(SEED)
    accepted: dict[str, tuple[Any, dict[str, Any]]] = {}
    truths: list[Any] = []
    with PredictionLogger("m", home=tmp_path) as log:
        for _ in range(500):
            given, said = features(r), keywords(r)
            key = log.prediction(given, **said)
            if key is not None:
                accepted[key] = (given, said)
        for _ in range(100):
            label = value(r)
            if log.ground_truth("p", label):
                truths.append(label)
        stats = log.stats()
    assert stats.offered == 600 and stats.accepted == len(records(tmp_path, "pred")) + len(truths)
    assert 100 < stats.accepted < 400 and len(stats.refused) >= 15
    found = {record["id"]: record for record in records(tmp_path, "pred")}
    assert found.keys() == accepted.keys()
    for key, (given, said) in accepted.items():
        record = found[key]
        marks = record.get("nf", {})
        assert record["f"].keys() == {str(name) for name in given}
        assert all(same(item, record["f"][str(name)], marks.get(str(name))) for name, item in given.items()), (given, record)
        if said.get("prediction") is not None:
            assert same(said["prediction"], record["p"], marks.get("@prediction")), (said, record)
        assert all(same(said[name], record["x"][name], marks.get(name)) for name in ("country", "user id") if name in said)
    assert all(same(given, kept["y"]) for given, kept in zip(truths, records(tmp_path, "label"), strict=True))


def test_150_malformed_batches_from_memory(tmp_path: Path) -> None:
    r = random.Random(SEED + 1)
    refused = accepted = 0
    with PredictionLogger("m", home=tmp_path) as log:
        for _ in range(150):
            at = {"timestamp": datetime(2024, 5, 1, tzinfo=UTC)}
            rows: Any = [{**at, **_texted(features(r)), **keywords(r)} for _ in range(r.randint(0, 3))]
            if r.random() < 0.2:
                rows = r.choice([[*rows, value(r)], value(r), _frame(rows)])
            before = log.stats()
            try:
                result = log.log_batch(rows)
            except MonitoringError as error:
                assert "\n" not in str(error)
                continue
            after = log.stats()
            assert after.accepted - before.accepted == result.rows + result.labels
            assert sum(after.refused.values()) - sum(before.refused.values()) == sum(result.refused.values())
            accepted, refused = accepted + result.rows, refused + sum(result.refused.values())
    assert accepted == len(records(tmp_path, "pred")) > 10
    assert refused > 10


def _texted(given: Any) -> dict[str, Any]:
    return {name: item for name, item in given.items() if isinstance(name, str)} if isinstance(given, dict) else {}


def _frame(rows: list[dict[str, Any]]) -> Any:
    try:
        return pd.DataFrame(rows)
    except Exception:  # what pandas refuses never reaches us
        return rows


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_50_malformed_files_of_each_kind(tmp_path: Path, ending: str) -> None:
    r = random.Random(SEED + 2)
    frame = pd.DataFrame({"timestamp": ["2024-05-01T12:00Z"] * 20, "amount": range(20), "id": [f"p{number}" for number in range(20)]})
    path = tmp_path / f"rows.{ending}"
    if ending == "parquet":
        frame.to_parquet(path)
        good = path.read_bytes()
    elif ending == "csv":
        good = frame.to_csv(index=False).encode()
    else:
        good = b"".join(orjson.dumps(row) + b"\n" for row in frame.to_dict("records"))
    with PredictionLogger("m", home=tmp_path / "home") as log:
        for _ in range(50):
            path.write_bytes(_damaged(good, r))
            try:
                result = log.log_batch(path)
                assert result.rows + sum(result.refused.values()) <= 60
                log.log_labels(path)
            except MonitoringError as error:
                assert "\n" not in str(error)
        assert log.stats().accepted == len(records(tmp_path / "home", "pred")) + len(records(tmp_path / "home", "label"))


def _damaged(good: bytes, r: random.Random) -> bytes:
    cut = r.randrange(len(good))
    junk = bytes(r.randrange(256) for _ in range(r.randint(1, 40)))
    word = r.choice([b"NaN", b'"', b"\n", b",", b"{", b"\0", b"[[[[", b"\xff", b"1e999", b"\xed\xa0\x80", b"9" * 400, b"\r", b"null"])
    head, tail = good[:cut], good[cut:]
    return r.choice([head, head + junk + tail, head + word + tail, junk, word, b"", tail + good, head + junk])


YAML = """\
name: card-fraud
version: "3"
task: binary
features: {amount: numerical, country: categorical}
positive_label: 1
segments: [country]
label_delay: 7d
window: {rows: 5000}
privacy: {email: drop}
drift: {method: {numerical: ks}, false_alarms: 0.05, features: {amount: {method: psi}}}
"""


def test_100_malformed_descriptions(tmp_path: Path) -> None:
    r = random.Random(SEED + 3)
    path = tmp_path / "model.yaml"
    refused = 0
    for _ in range(100):
        path.write_bytes(_damaged(YAML.encode(), r))
        try:
            schema = ModelSchema.from_file(path)
            assert ModelSchema.from_dict(schema.to_dict()) == schema
        except SchemaError as error:
            refused += 1
            assert str(error).startswith("model.yaml: ") and "\n" not in str(error)
    assert refused > 50


def test_100_malformed_mappings_are_refused_or_read_back_equal() -> None:
    r = random.Random(SEED + 4)
    keys = list(ModelSchema.__slots__)
    refused = 0
    for _ in range(100):
        said = {"task": "binary", "positive_label": 1, "features": {"a": "numerical"}}
        said |= {key: r.choice(VALUES)(r) for key in r.sample(keys, r.randint(1, 2))}
        try:
            schema = ModelSchema.from_dict(said)
            assert ModelSchema.from_dict(schema.to_dict()) == schema
        except SchemaError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 50


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_of_models_stay_in_the_home_or_are_refused(tmp_path: Path, name: str) -> None:
    home = tmp_path / "home"
    try:
        with PredictionLogger(name, version=name or None, home=home) as log:
            assert log.prediction({"a": 1})
    except InputError:
        return
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    assert records(home, "pred")[0]["m"] == name
