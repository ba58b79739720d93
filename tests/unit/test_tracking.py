"""Timed calls: a `with` block, and a decorator for plain and async functions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from monitoring import InputError, PredictionLogger
from tests.unit.test_logger import records


@pytest.fixture
def log(tmp_path: Path) -> Iterator[PredictionLogger]:
    with PredictionLogger("fraud", home=tmp_path) as log:
        yield log


def test_a_tracked_call_is_logged_with_its_time(log: PredictionLogger, tmp_path: Path) -> None:
    with log.track({"amount": 12.0}, country="FR", prediction_id="p-1") as call:
        call.prediction, call.score = 1, 0.93
    (record,) = records(tmp_path)
    assert (call.prediction_id, record["id"], record["p"], record["s"], record["x"]) == ("p-1", "p-1", 1, 0.93, {"country": "FR"})
    assert 0 < record["lat"] < 10_000 and record["e"] <= record["t"]


def test_an_exception_is_logged_and_goes_on_its_way(log: PredictionLogger, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), log.track({"amount": 12.0}) as call:
        call.prediction = 1 / 0
    (record,) = records(tmp_path)
    assert record["err"] == "ZeroDivisionError: division by zero" and "p" not in record and record["lat"] > 0


def test_latency_and_error_may_be_set_by_hand(log: PredictionLogger, tmp_path: Path) -> None:
    with log.track({"a": 1}) as call:
        call.latency_ms, call.error, call.features = 7.5, "fallback used", {"a": 2}
    (record,) = records(tmp_path)
    assert (record["lat"], record["err"], record["f"]) == (7.5, "fallback used", {"a": 2})


def test_features_that_cannot_be_logged_do_not_disturb_the_call(log: PredictionLogger) -> None:
    with log.track([1]) as call:  # type: ignore[arg-type]
        call.prediction = 1
    assert call.prediction_id is None
    assert log.stats().refused == {"features are not a mapping": 1}


def test_a_strict_logger_raises_after_the_block_but_never_hides_the_models_own_error(tmp_path: Path) -> None:
    with PredictionLogger("m", home=tmp_path, strict=True) as log:
        with pytest.raises(InputError), log.track({"a": {1}}):
            pass
        with pytest.raises(ZeroDivisionError), log.track({"a": {1}}):
            raise ZeroDivisionError


def test_a_watched_function_takes_its_mapping_as_features(log: PredictionLogger, tmp_path: Path) -> None:
    @log.watch
    def predict(features: dict[str, float]) -> int:
        """Doc."""
        features["amount"] = 99.0
        return 1

    assert predict({"amount": 12.0}) == 1
    assert (predict.__name__, predict.__doc__) == ("predict", "Doc.")
    assert [(record["f"], record["p"]) for record in records(tmp_path)] == [({"amount": 12.0}, 1)]


def test_a_watched_function_takes_its_arguments_by_name(log: PredictionLogger, tmp_path: Path) -> None:
    class Model:
        @log.watch()
        def predict(self, amount: float, country: str = "FR", **more: Any) -> Mapping[str, Any]:
            return {"prediction": "fraud", "score": 0.75, "explanation": [1, 2]}

    assert Model().predict(12.0, device="phone")["score"] == 0.75
    (record,) = records(tmp_path)
    assert (record["f"], record["p"], record["s"]) == ({"amount": 12.0, "country": "FR", "device": "phone"}, "fraud", 0.75)
    assert "x" not in record


def test_features_and_outcome_can_be_said(log: PredictionLogger, tmp_path: Path) -> None:
    @log.watch(features=lambda request: request["body"], outcome=lambda reply: {"prediction": reply[0], "score": reply[1], "country": "FR"})
    def predict(request: dict[str, Any]) -> tuple[int, float]:
        return 1, 0.5

    predict({"body": {"a": 1}})
    (record,) = records(tmp_path)
    assert (record["f"], record["p"], record["s"], record["x"]) == ({"a": 1}, 1, 0.5, {"country": "FR"})


def test_a_watched_coroutine_is_timed_while_it_is_awaited(log: PredictionLogger, tmp_path: Path) -> None:
    @log.watch
    async def predict(amount: float) -> int:
        await asyncio.sleep(0.02)
        if amount < 0:
            raise ValueError("negative")
        return 1

    async def calls() -> list[Any]:
        return await asyncio.gather(predict(1.0), predict(-1.0), return_exceptions=True)

    fine, failed = asyncio.run(calls())
    assert fine == 1 and isinstance(failed, ValueError)
    by_amount = {record["f"]["amount"]: record for record in records(tmp_path)}
    assert by_amount[1.0]["lat"] >= 20 and by_amount[1.0]["p"] == 1
    assert by_amount[-1.0]["err"] == "ValueError: negative"


def test_a_cancelled_call_is_an_error(log: PredictionLogger, tmp_path: Path) -> None:
    @log.watch
    async def predict(amount: float) -> int:
        await asyncio.sleep(60)
        return 1

    async def cancelled() -> None:
        task = asyncio.ensure_future(predict(1.0))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert records(tmp_path)[0]["err"] == "CancelledError"


def test_readers_that_fail_are_counted_and_the_result_is_untouched(log: PredictionLogger) -> None:
    @log.watch(features=lambda number: {"a": 1 / number}, outcome=lambda result: result["no such"])
    def predict(number: float) -> int:
        return 7

    assert (predict(0), predict(1)) == (7, 7)
    assert log.stats().refused == {"arguments of a watched call cannot be read": 1, "outcome of a watched call cannot be read": 1}


def test_an_outcome_with_impossible_keywords_is_counted(log: PredictionLogger) -> None:
    @log.watch(outcome=lambda result: {"prediction": 1, "features": {}})
    def predict(a: float) -> int:
        return 7

    assert predict(1.0) == 7
    assert log.stats().refused == {"outcome of a watched call cannot be read": 1}
