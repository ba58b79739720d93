"""Timing calls of a model: a `with` block, or a decorator for plain and async functions. Exceptions are logged and go on their way."""

from __future__ import annotations

__all__ = ["Call", "watched"]

import functools
import inspect
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from monitoring._values import Refused
from monitoring.errors import InputError

if TYPE_CHECKING:
    from monitoring.logger import PredictionLogger


class Call:
    """One call of a model, while it lasts. Set `prediction` and `score`; after the block `prediction_id` is the logged record's id.

    `latency_ms` is the block's own time unless it is set; `features` may be completed inside the block.
    """

    def __init__(self, logger: PredictionLogger, features: Mapping[str, Any], keywords: Mapping[str, Any]) -> None:
        self._logger, self._keywords = logger, dict(keywords)
        self.features = features
        self.prediction: Any = self._keywords.pop("prediction", None)
        self.score: Any = self._keywords.pop("score", None)
        self.latency_ms: float | None = self._keywords.pop("latency_ms", None)
        self.error: BaseException | str | None = self._keywords.pop("error", None)
        self.prediction_id: str | None = None
        self._asked_at, self._started, self._trouble = datetime.now(UTC), 0.0, ""

    def __enter__(self) -> Self:
        self._asked_at = datetime.now(UTC)
        self._started = perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        latency = (perf_counter() - self._started) * 1e3 if self.latency_ms is None else self.latency_ms
        said = {"timestamp": self._asked_at, **self._keywords, "latency_ms": latency, "error": self.error if error is None else error}
        try:
            if self._trouble:
                self._logger._refuse(Refused(self._trouble))
            else:
                self.prediction_id = self._logger.prediction(self.features, self.prediction, score=self.score, **said)
        except InputError:  # of a strict logger
            if error is None:
                raise

    def _tell(self, result: Any, tell: Callable[[Any], Mapping[str, Any]]) -> None:
        """Take what the function returned."""
        try:
            said = dict(tell(result))
            self.prediction, self.score = said.pop("prediction", None), said.pop("score", None)
            self.latency_ms = said.pop("latency_ms", None)
            if not all(isinstance(key, str) and key != "features" for key in said):
                raise TypeError
            self._keywords |= said
        except Exception:
            self._trouble = self._trouble or "outcome of a watched call cannot be read"


def watched(
    logger: PredictionLogger,
    function: Callable[..., Any],
    features: Callable[..., Mapping[str, Any]] | None,
    outcome: Callable[[Any], Mapping[str, Any]] | None,
) -> Callable[..., Any]:
    """`function`, with every call logged."""
    read = features or _argument_reader(function)
    tell = outcome or _told
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaiting(*args: Any, **kwargs: Any) -> Any:
            with _call(logger, read, args, kwargs) as call:
                result = await function(*args, **kwargs)
                call._tell(result, tell)
            return result

        return awaiting

    @functools.wraps(function)
    def calling(*args: Any, **kwargs: Any) -> Any:
        with _call(logger, read, args, kwargs) as call:
            result = function(*args, **kwargs)
            call._tell(result, tell)
        return result

    return calling


def _argument_reader(function: Callable[..., Any]) -> Callable[..., Mapping[str, Any]]:
    """Reads features from the arguments of `function`: its one mapping, or its arguments by name (`self` and `cls` left out)."""
    signature = inspect.signature(function)

    def read(*args: Any, **kwargs: Any) -> Mapping[str, Any]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        found: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                found |= value
            elif name not in ("self", "cls"):
                found[name] = value
        only = next(iter(found.values())) if len(found) == 1 else None
        return only if isinstance(only, Mapping) else found

    return read


def _call(logger: PredictionLogger, read: Callable[..., Mapping[str, Any]], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """A call with its features as they are now: the function may change them."""
    try:
        return Call(logger, dict(read(*args, **kwargs)), {})
    except Exception:
        call = Call(logger, {}, {})
        call._trouble = "arguments of a watched call cannot be read"
        return call


def _told(result: Any) -> Mapping[str, Any]:
    if isinstance(result, Mapping) and "prediction" in result:
        return {key: result[key] for key in ("prediction", "score") if key in result}
    return {"prediction": result}
