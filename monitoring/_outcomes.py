"""What a model answered and what turned out to be true, as JSON can hold it: decisions, scores, latencies, labels."""

from __future__ import annotations

__all__ = ["MOST_FEATURES", "decision", "ground_truth_value", "is_number", "latency_value", "score_value", "whole_if_it_is"]

from collections.abc import Mapping
from typing import Any

from monitoring._values import Refused, check_name, plain
from storage.frames import MAX_RECORD_BYTES

MOST_FEATURES = 2_000  # of one model, and classes of one score
_EXACT = 2**53  # whole numbers below it are exact in a float


def ground_truth_value(label: Any) -> Any:
    """A label as JSON can hold it: a text, a finite number, true or false. Raises Refused."""
    found = decision(plain(label))
    if found is None or (type(found) is float and found - found != 0.0):
        raise Refused("no ground truth value")
    if isinstance(found, list | dict):
        raise Refused("ground truth is not a single value", type(label).__name__)
    if isinstance(found, str) and len(found) > MAX_RECORD_BYTES // 4:
        raise Refused("record too large")
    return found


def decision(value: Any) -> Any:
    """A prediction or label as it is stored: a whole number in a float is one again."""
    return whole_if_it_is(value) if type(value) is float else value


def whole_if_it_is(value: float) -> float | int:
    """1.0 as 1: a class that went through a float column keeps its name."""
    return int(value) if -_EXACT < value < _EXACT and value.is_integer() else value


def score_value(value: Any) -> Any:
    """A score: a number, or a mapping of classes to numbers."""
    if isinstance(value, Mapping):
        return _shares(value)
    found = plain(value)
    if not is_number(found):
        raise Refused("score is not a number", type(value).__name__)
    return found


def _shares(value: Mapping[Any, Any]) -> dict[str, Any]:
    """The score of each class, by the text that its predictions get."""
    if len(value) > MOST_FEATURES:
        raise Refused("too many classes", f"{len(value)}; at most {MOST_FEATURES}")
    found: dict[str, Any] = {}
    for label, given in value.items():
        named, share = decision(plain(label)), plain(given)
        name = check_name(str(named) if isinstance(named, int | float) else named)
        if not is_number(share):
            raise Refused("score is not a number", f"of class {name}")
        if name in found:
            raise Refused("class named twice", f"as text and as number: {name}")
        found[name] = share
    return found


def latency_value(value: Any) -> float:
    """A latency: a number of milliseconds, not below zero."""
    found = plain(value)
    if not is_number(found) or not 0 <= found < 1e15:
        raise Refused("latency is no number of milliseconds", type(value).__name__)
    return float(found)


def is_number(value: Any) -> bool:
    """Whether a value is a number, which true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
