"""A prediction's record as JSON: at once where it is usual, every name and value looked at where it is not."""

from __future__ import annotations

__all__ = ["Encoder"]

from collections.abc import Mapping
from datetime import tzinfo
from typing import TYPE_CHECKING, Any

import orjson
from orjson import dumps

from monitoring._outcomes import MOST_FEATURES, decision
from monitoring._values import Refused, check_name, finite_or_named, plain
from storage.frames import MAX_RECORD_BYTES

if TYPE_CHECKING:
    from monitoring._privacy import Guard

_BRACKET = ord("[")
_FLAT = 16  # brackets in a record below which it needs no look at its depth
# Left to `plain`: what orjson would write in its own way.
_STRICTLY = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_SUBCLASS


class Encoder:
    """Encodes the records of one logger. `zone` is that of naive moments among the values, `guard` its privacy rules.

    `known` are names that were found good: they need no second look.
    """

    def __init__(self, zone: tzinfo | None, guard: Guard | None) -> None:
        self._zone, self._guard = zone, guard
        self._usual = guard is None
        self.known: frozenset[str] = frozenset()

    def encoded(self, record: dict[str, Any]) -> bytes:
        """The record as JSON. The common case – known names, plain finite values – costs one encoding and a few looks. Raises Refused."""
        features, known = record["f"], self.known
        if type(features) is dict and self._usual and known.issuperset(features) and ("x" not in record or known.issuperset(record["x"])):
            try:
                body = dumps(record, None, _STRICTLY)
            except (TypeError, ValueError, RecursionError):
                return self._carefully(record)
            if body.rfind(b"null") >= 0:  # missing, or a number that JSON cannot say
                marks = _marks(record)
                if marks is None:
                    return self._carefully(record)
                if marks:
                    record["nf"] = marks
                    body = dumps(record, None, _STRICTLY)
            # A byte is looked for as a number: four times as fast. Two looks for braces are cheaper than counting them.
            flat = _BRACKET not in body and body.find(b"{", 1) == body.rfind(b"{")
            if (flat or _is_shallow(body)) and len(body) <= MAX_RECORD_BYTES:
                return body
        return self._carefully(record)

    def _carefully(self, record: dict[str, Any]) -> bytes:
        """The record as JSON, every name and value looked at. Raises Refused."""
        marks: dict[str, str] = {}
        record["f"] = self._columns(record["f"], marks)
        if "x" in record:
            record["x"] = self._columns(record["x"], marks)
        if "p" in record:
            record["p"] = finite_or_named(decision(plain(record["p"], self._zone)), "@prediction", marks)
        if "s" in record:
            score = record["s"]
            if isinstance(score, dict):
                record["s"] = {label: finite_or_named(share, f"@score:{label}", marks) for label, share in score.items()}
            else:
                record["s"] = finite_or_named(score, "@score", marks)
        if marks:
            record["nf"] = marks
        body = dumps(record)
        if len(body) > MAX_RECORD_BYTES:
            raise Refused("record too large", f"{len(body)} bytes; at most {MAX_RECORD_BYTES}")
        names = {*record["f"], *record.get("x", ())}
        if not self.known.issuperset(names) and len(self.known | names) <= MOST_FEATURES:
            self.known |= names
        return body

    def _columns(self, values: Any, marks: dict[str, str]) -> dict[str, Any]:
        """Features, or other columns, by their checked names; what is not finite goes to `marks`."""
        if not isinstance(values, Mapping) and hasattr(values, "to_dict"):  # a pandas Series: one row of a frame
            values = values.to_dict()
        if not isinstance(values, Mapping):
            raise Refused("features are not a mapping", type(values).__name__)
        if len(values) > MOST_FEATURES:
            raise Refused("too many features", f"{len(values)}; at most {MOST_FEATURES}")
        guard = self._guard
        found: dict[str, Any] = {}
        for given, value in values.items():
            name = check_name(given)
            if name in found:
                raise Refused("feature named twice", f"as text and as number: {name}")
            try:
                if guard is not None and guard.rules(name):  # by the checked name: 7 and "7" are one column
                    if guard.drops(name):
                        continue
                    value = guard.value(name, value)
                found[name] = finite_or_named(plain(value, self._zone), name, marks)
            except Refused as why:
                raise why.of(name) from None
        return found


def _is_shallow(body: bytes) -> bool:
    """True where a record has so few brackets that nothing in it can be nested too deeply."""
    return body.count(b"{") + body.count(b"[") < _FLAT


def _marks(record: Mapping[str, Any]) -> dict[str, str] | None:
    """The numbers of a flat record that are not finite, by name; None where it has lists or mappings, whose insides are for `plain`."""
    marks: dict[str, str] = {}
    for values in (record["f"], record.get("x") or {}, {"@prediction": record.get("p"), "@score": record.get("s")}):
        for name, value in values.items():
            if type(value) is float:
                if value - value != 0.0:
                    finite_or_named(value, name, marks)
            elif type(value) is list or type(value) is dict:
                return None
    return marks
