"""The logger: what it accepts is in the log as it was given, what it refuses is counted by reason, and nothing is raised."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from monitoring import InputError, ModelSchema, PredictionLogger
from storage.home import Home
from storage.spool import read_segment, segments

NAIVE = datetime(2024, 5, 1, 14)  # noqa: DTZ001  what a logger must refuse
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def records(home: Path, kind: str = "pred") -> list[dict[str, Any]]:
    found = [line.record for path in segments(Home(home).spool) for line in read_segment(path)]
    return [record for record in found if record and record["k"] == kind]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PredictionLogger]:
    with PredictionLogger("fraud", version="3", home=tmp_path) as log:
        yield log


def test_a_prediction_is_in_the_log_when_its_id_returns(log: PredictionLogger, tmp_path: Path) -> None:
    key = log.prediction({"amount": 12.0, "country": "FR"}, prediction=1, score=0.93, latency_ms=12.4, timestamp=NOON)
    (record,) = records(tmp_path)
    assert {name: record[name] for name in ("m", "ver", "id", "e", "f", "p", "s", "lat")} == {
        "m": "fraud", "ver": "3", "id": key, "e": 1_714_564_800_000_000, "f": {"amount": 12.0, "country": "FR"},
        "p": 1, "s": 0.93, "lat": 12.4,
    }  # fmt: skip


def test_ids_never_repeat_and_the_callers_own_is_kept(log: PredictionLogger) -> None:
    ids = {log.prediction({"a": 1}) for _ in range(1_000)}
    assert len(ids) == 1_000 and None not in ids
    assert log.prediction({"a": 1}, prediction_id="order-7") == "order-7"
    one = uuid.uuid4()
    assert log.prediction({"a": 1}, prediction_id=one) == str(one)  # type: ignore[arg-type]
    assert log.prediction({"a": 1}, prediction_id=7) == "7"  # type: ignore[arg-type]


def test_other_keywords_are_columns_beside_the_features(log: PredictionLogger, tmp_path: Path) -> None:
    for _ in range(2):  # with names unknown, and known
        log.prediction({"a": 1}, country="FR", user_id=7)
    assert [record["x"] for record in records(tmp_path)] == [{"country": "FR", "user_id": 7}] * 2


def test_errors_are_recorded_with_class_and_text(log: PredictionLogger, tmp_path: Path) -> None:
    class ShyError(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    for error in (ValueError("no such user"), "timeout", KeyError(), ShyError(), "x" * 5_000):
        assert log.prediction({"a": 1}, error=error)
    texts = [record["err"] for record in records(tmp_path)]
    assert texts[:4] == ["ValueError: no such user", "timeout", "KeyError", "ShyError: its text cannot be read"]
    assert len(texts[4]) == 1_000


def test_ground_truth_follows_by_id(log: PredictionLogger, tmp_path: Path) -> None:
    assert log.ground_truth("p-1", 0, labelled_at=NOON)
    assert log.ground_truth("p-1", np.float64(1.0))
    found = [(record["id"], record["y"]) for record in records(tmp_path, "label")]
    assert found == [("p-1", 0), ("p-1", 1)]
    assert records(tmp_path, "label")[0]["e"] == 1_714_564_800_000_000


@pytest.mark.parametrize("label", [None, float("nan"), [1], {"a": 1}, {1}, b"1", "\ud800", pd.NA])
def test_what_is_no_ground_truth_is_refused(log: PredictionLogger, label: Any) -> None:
    assert log.ground_truth("p-1", label) is False
    assert sum(log.stats().refused.values()) == 1
    assert log.ground_truth(None, 1) is False


class Colour(Enum):
    RED = "red"


class Text(str):
    def __str__(self) -> str:
        return "lies"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.float64(1.5), 1.5), (np.float32(0.5), 0.5), (np.int64(7), 7), (np.bool_(True), True), (np.str_("x"), "x"), (np.array(3), 3),
        (np.array([1, 2]), [1, 2]), (np.datetime64("2024-05-01T12:00:00"), None), (np.datetime64("NaT"), None),
        (pd.Timestamp("2024-05-01T12:00:00.5Z"), "2024-05-01T12:00:00.500000+00:00"), (pd.NaT, None), (pd.NA, None), (None, None),
        (Decimal("12.5"), 12.5),
        (NOON, "2024-05-01T12:00:00+00:00"),
        (NOON.astimezone(timezone(timedelta(hours=2))), "2024-05-01T12:00:00+00:00"),
        (date(2024, 5, 1), "2024-05-01"), (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"), (Colour.RED, "red"),
        (Text("truth"), "truth"),
        ((1, 2), [1, 2]),
        ({"b": {1: "c"}}, {"b": {"1": "c"}}),
        (2**64 - 1, 2**64 - 1),
        ("null", "null"),
        ("", ""),
        ("\0\u2028\U0001f600", "\0\u2028\U0001f600"), (True, True), (-0.0, -0.0), (5e-324, 5e-324),
    ],
)  # fmt: skip
def test_a_value_is_kept_as_json_can_say_it(log: PredictionLogger, tmp_path: Path, given: Any, kept: Any) -> None:
    refused = isinstance(given, np.datetime64) and not np.isnat(given)  # numpy's moments have no zone
    for _ in range(2):
        assert (log.prediction({"v": given}) is None) is refused
    if not refused:
        assert [record["f"] for record in records(tmp_path)] == [{"v": kept}] * 2


@pytest.mark.parametrize(("value", "word"), [(float("nan"), "NaN"), (float("inf"), "Infinity"), (np.float64("-inf"), "-Infinity")])
def test_what_is_not_finite_is_told_from_what_is_missing(log: PredictionLogger, tmp_path: Path, value: float, word: str) -> None:
    for _ in range(2):
        assert log.prediction({"a": value, "b": None, "c": 1}, prediction=value, score=value, place=value)
    for record in records(tmp_path):
        assert (record["f"], record["x"], record["p"], record["s"]) == ({"a": None, "b": None, "c": 1}, {"place": None}, None, None)
        assert record["nf"] == {"a": word, "place": word, "@prediction": word, "@score": word}


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__

    @property
    def dtype(self) -> None:
        raise RuntimeError("no")


def cyclic() -> dict[str, Any]:
    found: dict[str, Any] = {}
    found["itself"] = found
    return found


def deep(levels: int) -> Any:
    found: Any = 1
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.parametrize(
    ("features", "reason"),
    [
        ([1, 2], "features are not a mapping"), (None, "features are not a mapping"), ("text", "features are not a mapping"),
        ({"a": {1, 2}}, "unsupported type"),
        ({"a": b"x"}, "unsupported type"),
        ({"a": object()}, "unsupported type"),
        ({"a": 1j}, "unsupported type"),
        ({"a": Fraction(1, 3)}, "unsupported type"), ({"a": Hostile()}, "value cannot be read"), ({"a": cyclic()}, "nested too deeply"),
        ({"a": deep(65)}, "nested too deeply"), ({"a": deep(200)}, "nested too deeply"), ({"a": deep(5_000)}, "nested too deeply"),
        ({"a": 2**64}, "number out of range"),
        ({"a": Decimal("1e400")}, "number out of range"),
        ({"a": [float("nan")]}, "NaN or infinity inside a list or mapping"),
        ({"a": "\ud800"}, "text is not valid Unicode"),
        ({"a": {"\ud800": 1}}, "text is not valid Unicode"),
        ({"a": NAIVE}, "naive timestamp"),
        ({"a": "x" * 300_000}, "record too large"), ({f"f{number}": 1 for number in range(2_001)}, "too many features"),
        ({"": 1}, "feature name is empty or too long"),
        ({"x" * 257: 1}, "feature name is empty or too long"),
        ({"@t": 1}, "feature name starts with @"),
        ({"a\0": 1}, "feature name has control characters"),
        ({"a\x85": 1}, "feature name has control characters"),
        ({"\ud800": 1}, "text is not valid Unicode"),
        ({None: 1}, "feature name is not text"), ({1.5: 1}, "feature name is not text"), ({1: 1, "1": 2}, "feature named twice"),
        ({"a": {(1, 2): 3}}, "unsupported type"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_cannot_be_logged_is_refused_and_counted_by_reason(log: PredictionLogger, tmp_path: Path, features: Any, reason: str) -> None:
    assert log.prediction({"a": 1})
    assert log.prediction(features) is None
    assert log.prediction(features) is None
    stats = log.stats()
    assert (stats.accepted, dict(stats.refused), stats.offered) == (1, {reason: 2}, 3)
    assert stats.last_refusal.startswith(reason)
    assert len(records(tmp_path)) == 1


@pytest.mark.parametrize(
    ("keywords", "reason"),
    [
        ({"timestamp": NAIVE}, "naive timestamp"), ({"timestamp": 1_714_564_800}, "timestamp is no datetime"),
        ({"timestamp": "yesterday"}, "timestamp is no ISO time"), ({"timestamp": pd.NaT}, "no timestamp"),
        ({"timestamp": datetime.max.replace(tzinfo=timezone(-timedelta(hours=12)))}, "timestamp out of range"),
        ({"score": "high"}, "score is not a number"),
        ({"score": True}, "score is not a number"),
        ({"score": {"a": None}}, "score is not a number"),
        ({"score": {"@a": 1}}, "feature name starts with @"),
        ({"latency_ms": -1.0}, "latency is no number of milliseconds"),
        ({"latency_ms": float("nan")}, "latency is no number of milliseconds"),
        ({"latency_ms": "fast"}, "latency is no number of milliseconds"), ({"prediction_id": ""}, "no prediction id"),
        ({"prediction_id": "x" * 257}, "prediction id too long"), ({"prediction_id": "a\nb"}, "prediction id has control characters"),
        ({"prediction_id": ["a"]}, "no prediction id"),
        ({"prediction": {1}}, "unsupported type"),
        ({"error": 5}, "error is neither an exception nor text"),
        ({"place": {1}}, "unsupported type"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_keywords_that_cannot_be_used_refuse_the_record(log: PredictionLogger, keywords: dict[str, Any], reason: str) -> None:
    assert log.prediction({"a": 1}, **keywords) is None
    assert log.stats().refused == {reason: 1}


def test_moments_may_be_datetimes_of_any_make_or_iso_text(log: PredictionLogger, tmp_path: Path) -> None:
    for given in (NOON, pd.Timestamp(NOON), NOON.isoformat(), "2024-05-01T14:00:00+02:00", "2024-05-01 12:00Z"):
        assert log.prediction({}, timestamp=given)
    assert {record["e"] for record in records(tmp_path)} == {1_714_564_800_000_000}


def test_naive_moments_are_of_the_schemas_timezone(tmp_path: Path) -> None:
    schema = ModelSchema(task="regression", features={"at": "datetime"}, timezone="Europe/Paris")
    with PredictionLogger("m", schema=schema, home=tmp_path) as log:
        log.prediction({"at": NAIVE}, timestamp=NAIVE)
        log.prediction({"at": np.datetime64("2024-05-01T14:00")}, timestamp=np.datetime64("2024-05-01T14:00"))  # type: ignore[arg-type]
    for record in records(tmp_path):
        assert (record["e"], record["f"]["at"]) == (1_714_564_800_000_000, "2024-05-01T12:00:00+00:00")


def test_a_class_that_went_through_floats_keeps_its_name(log: PredictionLogger, tmp_path: Path) -> None:
    for prediction in (1.0, np.float64(1.0), 1, 0.5, 1e300):
        log.prediction({"a": 1}, prediction=prediction)
    assert [str(record["p"]) for record in records(tmp_path)] == ["1", "1", "1", "0.5", "1e+300"]


def test_scores_may_be_a_number_or_one_for_each_class(log: PredictionLogger, tmp_path: Path) -> None:
    log.prediction({"a": 1}, score=1)
    log.prediction({"a": 1}, score={"cat": np.float32(0.25), 1: 0.75})
    log.prediction({"a": 1}, score={"cat": 0.25, "1": 0.75})
    assert [record["s"] for record in records(tmp_path)] == [1, {"cat": 0.25, "1": 0.75}, {"cat": 0.25, "1": 0.75}]


def test_a_row_of_a_frame_is_a_mapping_too(log: PredictionLogger, tmp_path: Path) -> None:
    log.prediction(pd.DataFrame({"a": [1.5], "b": ["x"]}).iloc[0])
    assert records(tmp_path)[0]["f"] == {"a": 1.5, "b": "x"}


def test_the_schema_is_sent_once_under_the_loggers_name(tmp_path: Path) -> None:
    schema = ModelSchema(task="regression", features={"a": "numerical"})
    with PredictionLogger("m", version="2", schema=schema, home=tmp_path) as log:
        log.prediction({"a": 1})
        log.prediction({"a": 1})
    (record,) = records(tmp_path, "model")
    assert ModelSchema.from_dict(record["spec"]) == schema.named("m", "2")


def test_private_columns_are_never_written_in_clear(tmp_path: Path) -> None:
    rules = {"email": "drop", "customer": "hash", "iban": "mask", "nick": "mask"}
    schema = ModelSchema(task="regression", features={"a": "numerical", "customer": "categorical", "iban": "text"}, privacy=rules)
    with PredictionLogger("m", schema=schema, home=tmp_path) as log:
        for _ in range(2):
            features = {"a": 1, "customer": "Jo", "iban": "DE89370400440532013000", "email": "jo@example.org"}
            assert log.prediction(features, nick="jojo", email="jo@")
        assert log.prediction({"a": 1, "customer": None})
    first, second, third = records(tmp_path)
    assert first["f"] == second["f"] and third["f"] == {"a": 1, "customer": None}
    assert first["f"]["iban"] == "…3000" and first["x"] == {"nick": "…"} and len(first["f"]["customer"]) == 32
    key = tmp_path / "privacy.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    written = b"".join(path.read_bytes() for path in Home(tmp_path).spool.iterdir())
    assert not [text for text in (b"jo@", b"Jo\"", b"DE89", b"jojo", key.read_bytes()) if text in written]
    with PredictionLogger("m", schema=schema, home=tmp_path) as log:
        log.prediction({"customer": "Jo"})
    assert records(tmp_path)[-1]["f"]["customer"] == first["f"]["customer"]  # whichever process hashes


def test_without_its_key_a_hashed_column_refuses_the_record(tmp_path: Path) -> None:
    (tmp_path / "privacy.key").write_bytes(b"short")
    schema = ModelSchema(task="regression", features={"c": "categorical"}, privacy={"c": "hash"})
    with PredictionLogger("m", schema=schema, home=tmp_path) as log:
        assert log.prediction({"c": "Jo"}) is None
        assert log.stats().refused == {"privacy key not available": 1}


@pytest.mark.parametrize("home", [Path("/proc/nowhere"), "/dev/null/home"])
def test_a_home_that_cannot_be_used_harms_nobody(home: Any) -> None:
    with PredictionLogger("m", home=home) as log:
        assert log.prediction({"a": 1}) is None
        assert sum(log.stats().refused.values()) == 1


def test_a_strict_logger_raises_what_it_would_have_counted(tmp_path: Path) -> None:
    with PredictionLogger("m", home=tmp_path, strict=True) as log:
        with pytest.raises(InputError, match="The record was refused: unsupported type: set"):
            log.prediction({"a": {1}})
        with pytest.raises(InputError, match="no ground truth value"):
            log.ground_truth("a", None)
    with pytest.raises(InputError, match="logger closed"):
        log.prediction({"a": 1})


@pytest.mark.parametrize(
    "keywords", [{"model": ""}, {"model": "a\nb"}, {"model": "m", "durability": "proces"}, {"model": "m", "version": "\ud800"}]
)
def test_a_logger_cannot_be_made_of_nonsense(tmp_path: Path, keywords: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        PredictionLogger(keywords.pop("model"), home=tmp_path, **keywords)


def test_the_first_refusal_of_each_reason_is_logged(log: PredictionLogger, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="monitoring"):
        for _ in range(3):
            log.prediction({"a": {1}})
            log.prediction([1])  # type: ignore[arg-type]
    assert [record.getMessage().split(" Later")[0] for record in caplog.records] == [
        'A record of fraud was refused: unsupported type: set in "a".', "A record of fraud was refused: features are not a mapping: list.",
    ]  # fmt: skip


def test_the_home_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_HOME", str(tmp_path / "there"))
    with PredictionLogger("m") as log:
        log.prediction({"a": 1})
    assert len(records(tmp_path / "there")) == 1
    assert "there" in repr(log)


def test_changing_the_features_afterwards_changes_nothing(log: PredictionLogger, tmp_path: Path) -> None:
    features = {"a": 1}
    log.prediction(features)
    features["a"] = 2
    assert records(tmp_path)[0]["f"] == {"a": 1}


def test_names_that_churn_are_all_logged(log: PredictionLogger, tmp_path: Path) -> None:
    for number in range(3_000):
        assert log.prediction({f"f{number}": 1, "a": None})
    assert len(records(tmp_path)) == 3_000
    assert len(log._encoded.__self__.known) <= 2_000


def test_threads_and_coroutines_may_log_at_once(log: PredictionLogger, tmp_path: Path) -> None:
    async def tasks() -> None:
        await asyncio.gather(*(asyncio.to_thread(log.prediction, {"a": number}) for number in range(50)))

    threads = [threading.Thread(target=lambda: [log.prediction({"a": 1}) for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    asyncio.run(tasks())
    for thread in threads:
        thread.join()
    found = records(tmp_path)
    assert len(found) == 850 and len({record["id"] for record in found}) == 850


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_ids_of_its_own(log: PredictionLogger, tmp_path: Path) -> None:
    log.prediction({"a": 1})
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for _ in range(10):
                log.prediction({"a": 2})
            log.close()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    for _ in range(10):
        log.prediction({"a": 1})
    assert len({record["id"] for record in records(tmp_path)}) == 21


def test_a_flush_leaves_everything_readable(tmp_path: Path) -> None:
    log = PredictionLogger("m", home=tmp_path, durability="memory")
    log.prediction({"a": 1})
    log.flush()
    assert len(records(tmp_path)) == 1
    log.close()


@pytest.mark.parametrize(
    ("keywords", "sentence"),
    [
        ({"sample_rate": 0}, "sample_rate must be a share above 0 and up to 1"),
        ({"sample_rate": "half"}, "sample_rate must be a share above 0 and up to 1"),
        ({"when_full": "drop_old"}, "did you mean 'drop_oldest'?"),
        ({"when_full": "drop_oldest"}, "use it with 'memory'"),
        ({"when_full": "block", "block_seconds": -1}, "block_seconds must be a number of seconds"),
        ({"max_spool_bytes": 0}, "max_spool_bytes must be a whole number of bytes from 1 up"),
        ({"min_free_bytes": 1.5}, "min_free_bytes must be a whole number of bytes from 0 up"),
    ],
)
def test_limits_that_cannot_be_used_are_refused_in_one_sentence(tmp_path: Path, keywords: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        PredictionLogger("m", home=tmp_path, **keywords)
    assert sentence.replace("'", "") in str(caught.value).replace("'", "").replace('"', "")


def test_sampling_keeps_the_same_ids_everywhere_and_weighs_them(tmp_path: Path) -> None:
    keys = [f"order-{number}" for number in range(2_000)]
    for part in ("one", "two"):
        with PredictionLogger("m", home=tmp_path / part, sample_rate=0.25) as log:
            assert [log.prediction({"a": 1}, prediction_id=key) for key in keys] == keys
            stats = log.stats()
            assert stats.offered == 2_000 and stats.sampled_out == 2_000 - stats.accepted
    first, second = ([record["id"] for record in records(tmp_path / part)] for part in ("one", "two"))
    assert first == second and 400 < len(first) < 600  # 500 expected, with a standard deviation of 19
    assert {record["w"] for record in records(tmp_path / "one")} == {4.0}
    with PredictionLogger("m", home=tmp_path / "less", sample_rate=0.125) as log:
        for key in keys:
            log.prediction({"a": 1}, prediction_id=key)
    assert {record["id"] for record in records(tmp_path / "less")} < set(first)


def test_errors_slow_calls_and_ground_truth_are_never_sampled_out(tmp_path: Path) -> None:
    with PredictionLogger("m", home=tmp_path, sample_rate=0.001) as log:
        for number in range(1_000):
            log.prediction({"a": 1}, latency_ms=1.0 + number % 7, prediction_id=f"usual-{number}")
        assert log.prediction({"a": 1}, latency_ms=900.0, prediction_id="slow") == "slow"
        assert log.prediction({"a": 1}, error=ValueError("no"), prediction_id="failed") == "failed"
        assert all(log.ground_truth(f"usual-{number}", 1) for number in range(100))
        stats = log.stats()
    found = {record["id"]: record.get("w") for record in records(tmp_path)}
    assert found["slow"] is None and found["failed"] is None
    assert len(records(tmp_path, "label")) == 100
    assert stats.offered == 1_102 and stats.accepted == len(found) + 100


def test_the_weights_of_a_sample_add_up_to_all_there_were(tmp_path: Path) -> None:
    """Horvitz and Thompson: the weighted count of kept records estimates the count of all, whatever was always kept."""
    with PredictionLogger("m", home=tmp_path, sample_rate=0.5) as log:
        for number in range(4_000):
            log.prediction({"a": 1}, latency_ms=float(number * 7919 % 1_000), error="E" if number % 50 == 0 else None)
    total = sum(record.get("w", 1.0) for record in records(tmp_path))
    assert abs(total - 4_000) < 300  # a standard deviation of 62


def test_a_batch_is_sampled_as_single_calls_are(tmp_path: Path) -> None:
    rows = [{"id": f"order-{number}", "timestamp": NOON, "a": 1.0} for number in range(400)]
    with PredictionLogger("m", home=tmp_path / "batch", sample_rate=0.5) as log:
        result = log.log_batch(rows, id="id", timestamp="timestamp")
        assert result.rows + result.sampled_out == 400 == log.stats().offered
    with PredictionLogger("m", home=tmp_path / "single", sample_rate=0.5) as log:
        for row in rows:
            log.prediction({"a": 1.0}, prediction_id=row["id"])  # type: ignore[arg-type]
    assert [record["id"] for record in records(tmp_path / "batch")] == [record["id"] for record in records(tmp_path / "single")]


def test_what_is_private_leaks_through_no_path(tmp_path: Path) -> None:
    """Ids, exceptions, decorated and timed calls, batches, ground truth and numbered columns: nothing of a secret reaches the disk."""
    schema = ModelSchema(
        task="regression", features={"a": "numerical", "who": "categorical", "7": "text"}, segments=["team"], id="key",
        privacy={"who": "hash", "7": "drop", "team": "mask", "key": "hash"},
    )  # fmt: skip
    secret = "alice-SECRET"
    row = {"a": 1.0, "who": secret, "7": secret}
    with PredictionLogger("m", schema=schema, home=tmp_path) as log:
        assert log.prediction({"a": 1.0, "who": secret, 7: secret}, prediction_id=secret, team=secret) == secret
        assert log.ground_truth(secret, 3.0)
        log.prediction(row, error=KeyError(secret))
        log.prediction(row, error=f"no such customer {secret}")
        log.prediction(row, error=f"LookupError: {secret.lower()}")
        with pytest.raises(ValueError, match="SECRET"), log.track(row):
            raise ValueError(secret)

        @log.watch
        def score(who: str) -> float:
            raise ValueError(who)

        with pytest.raises(ValueError, match="SECRET"):
            score(secret)
        batch = [{**row, "key": secret + "2", "team": secret, "failed": f"ValueError: {secret}", "at": NOON}]
        assert log.log_batch(batch, error="failed", timestamp="at").rows == 1
        assert log.log_labels([{"key": secret + "2", "label": 2.0}], label="label").labels == 1
        assert log.stats().refused == {}
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"secret" not in written.lower()
    assert {record["err"] for record in records(tmp_path) if record.get("err")} == {"KeyError", "error", "LookupError", "ValueError"}
    ids = [record["id"] for record in records(tmp_path)]
    assert [record["id"] for record in records(tmp_path, "label")] == [ids[0], ids[-1]]  # the same hash on both sides
