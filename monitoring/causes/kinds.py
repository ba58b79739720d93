"""Population or relation: what the parts of a loss say in one word, or why they say nothing. Pure."""

from __future__ import annotations

__all__ = ["CANNOT_TELL", "kind_of"]

from collections.abc import Mapping
from typing import Any

from monitoring.metrics import METRICS

CANNOT_TELL = "cannot tell"
_PART = 0.2  # of the loss: a smaller part is not named
_OUTPUTS = ("prediction", "score")
Row = Mapping[str, Any]


def kind_of(row: Row, effects: Mapping[str, Row]) -> tuple[str, str]:
    """The kind of change behind a finding, and one sentence for it.

    `effects` are the finding's window's `population_effect` and `relation_effect` of its metric, where there are any.
    """
    metric = METRICS[row["metric"]]
    if metric.group == "drift":
        return _of_drift(row["column"])
    if metric.group == "traffic":
        return "", ""
    if metric.group == "ranking":
        return CANNOT_TELL, "A ranking is judged by whole lists, and rows weighted one by one make no lists."
    if row["column"]:
        return CANNOT_TELL, "The parts of the loss are computed for the metric of all classes together."
    if len(effects) < 2:
        return CANNOT_TELL, "The parts of the loss were not computed for this window."
    reasons = [effect["reason"] for effect in effects.values() if effect["value"] is None]
    return (CANNOT_TELL, _without(reasons[0])) if reasons else _of_loss(metric.direction == "higher", effects)


def _of_drift(column: str) -> tuple[str, str]:
    if column == "label":
        return CANNOT_TELL, "Labels move with the population and with the relation."
    of = "Outputs follow from inputs" if column in _OUTPUTS or column.startswith("score:") else "Inputs are the population"
    return "population", f"{of}; whether the relation to the label changed, performance says."


def _of_loss(higher_is_better: bool, effects: Mapping[str, Row]) -> tuple[str, str]:
    """A part is named where its interval leaves no doubt that it is a loss, and it is at least a fifth of the whole."""
    lost, surely = {}, {}
    for name, effect in effects.items():
        word = name.removesuffix("_effect")
        lost[word] = -effect["value"] if higher_is_better else effect["value"]
        surely[word] = -effect["upper"] if higher_is_better else effect["lower"]
    whole = sum(lost.values())
    named = [word for word in ("population", "relation") if surely[word] > 0 and lost[word] >= _PART * whole]
    if not named or whole <= 0:
        return CANNOT_TELL, "Neither part of the loss is surely more than nothing."
    shares = ", ".join(f"{word} {100 * lost[word] / whole:.0f} %" for word in ("population", "relation"))
    return " and ".join(named), f"Parts of the loss: {shares}."


def _without(reason: str) -> str:
    text = reason.removeprefix("Cannot tell: ")
    return text[:1].upper() + text[1:]
