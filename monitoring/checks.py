"""A gate for pipelines: one window's points turned into a verdict, an exit code and a JUnit file. Pure."""

from __future__ import annotations

__all__ = ["Case", "Check", "judge", "junit"]

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.compute as pc

from monitoring.errors import InputError, NotFound, nearest
from monitoring.metrics import METRICS
from monitoring.moments import iso, moment

FailOn = Literal["warn", "drift"]
_FAIL_ON = ("drift", "warn")
_RANK = {"failed": 3, "drift": 2, "warn": 1}  # worst first; everything else is 0
_BAD = frozenset({"warn", "drift"})
_OF_LABELS = frozenset({"classification", "regression", "ranking"})
_SKIPPED = frozenset({"insufficient_data", "not_applicable"})


@dataclass(frozen=True, slots=True)
class Case:
    """One finding of the window: what was measured, on how many rows, and what came out.

    `provisional` says that labels of its window are still due: a bad verdict on it neither passes nor fails. `window_start` and
    `window_end` are ISO 8601.
    """

    metric: str
    column: str
    segment: str
    version: str
    method: str
    status: str
    reason: str
    value: float | None
    threshold: float | None
    n: int | None
    provisional: bool = False
    window_start: str = ""
    window_end: str = ""

    @property
    def rank(self) -> int:
        """How bad it is, 0 for what is no reason to stop."""
        return 0 if self.provisional and self.status in _BAD else _RANK.get(self.status, 0)

    @property
    def name(self) -> str:
        """`drift of amount (country=FR)` – what a person reads in a list of test cases."""
        of = f" of {self.column}" if self.column else ""
        return f"{self.metric}{of}" + (f" ({self.segment})" if self.segment else "")


@dataclass(frozen=True, slots=True)
class Check:
    """The verdict on one window [start, end) of one model: `ok`, `warn`, `drift`, `failed` or `insufficient_data`.

    `exit_code` is 0 ok, 1 warning, 2 drift or degradation, 3 where something could not be computed. With `fail_on="drift"`
    warnings are told and pass. What has too few data, or waits for labels, is skipped: it neither passes nor fails. `as_of` is the past
    moment whose findings were judged; None for what is known now.
    """

    model: str
    window: str
    start: datetime
    end: datetime
    fail_on: FailOn
    verdict: str
    exit_code: int
    cases: tuple[Case, ...]
    as_of: datetime | None = None

    def to_dict(self) -> dict[str, Any]:
        """The check as JSON can carry it, with `counts` by status; `from_dict` reads it back."""
        return {
            "model": self.model,
            "window": self.window,
            "window_start": iso(self.start),
            "window_end": iso(self.end),
            "as_of": None if self.as_of is None else iso(self.as_of),
            "fail_on": self.fail_on,
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            "counts": dict(sorted(Counter(case.status for case in self.cases).items())),
            "cases": [asdict(case) for case in self.cases],
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Check:
        """The check that `to_dict` wrote."""
        return cls(
            model=value["model"],
            window=value["window"],
            start=datetime.fromisoformat(value["window_start"]),
            end=datetime.fromisoformat(value["window_end"]),
            fail_on=value["fail_on"],
            verdict=value["verdict"],
            exit_code=value["exit_code"],
            cases=tuple(Case(**case) for case in value["cases"]),
            as_of=None if value.get("as_of") is None else datetime.fromisoformat(value["as_of"]),
        )


def judge(points: pa.Table, model: str, *, size: str, window: str = "last", fail_on: str = "warn", as_of: datetime | None = None) -> Check:
    """The verdict on one window of `points` (rows of `storage.points.POINTS`, of one model).

    `size` is the name of the windows to look at (`1d`). `window` is `last`, the newest complete one, or a time within the
    window that is meant. Where several versions had traffic in it, all are judged. Where labels of the last window are still due, the
    performance of the newest window before it whose labels are all in is judged besides. `as_of` says at which past moment these
    points held, and changes no verdict. Raises `NotFound` where there is no window.
    """
    if fail_on not in _FAIL_ON:
        raise InputError(f'--fail-on "{fail_on}" is not known: {nearest(fail_on, _FAIL_ON)}')
    own = points.filter(pc.field("window") == size)
    start, end = _chosen(own, model, size, window, as_of)
    of_window = own.filter((pc.field("window_start") == start) & (pc.field("window_end") == end))  # of thousands, it may be
    cases = tuple(_case(row) for row in of_window.to_pylist())
    if window == "last" and any(case.provisional for case in cases):
        cases += _newest_mature(own, before=start)
    worst = max((case.rank for case in cases), default=0)
    return Check(
        model=model,
        window=size,
        start=start,
        end=end,
        fail_on="drift" if fail_on == "drift" else "warn",
        verdict=_verdict(cases, worst),
        exit_code=0 if worst == _RANK["warn"] and fail_on == "drift" else worst,
        cases=tuple(sorted(cases, key=lambda case: (-case.rank, case.metric, case.column, case.segment, case.version))),
        as_of=as_of,
    )


def junit(check: Check) -> bytes:
    """The check as JUnit XML: one suite, one test case per finding; skipped, failure and error carry the reason."""
    outcome = Counter(_outcome(case, check.fail_on) for case in check.cases)
    totals: dict[str, str] = {
        "tests": str(len(check.cases)),
        "failures": str(outcome["failure"]),
        "errors": str(outcome["error"]),
        "skipped": str(outcome["skipped"]),
        "time": "0",
    }
    root = ElementTree.Element("testsuites", {"name": "driftboard", **{name: totals[name] for name in totals if name != "skipped"}})
    stamp = check.end.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")  # JUnit's timestamp has no zone
    suite = ElementTree.SubElement(root, "testsuite", {"name": _xml(check.model), "timestamp": stamp, "hostname": "", **totals})
    for case in check.cases:
        earlier = case.window_start not in {"", iso(check.start)}
        name = _xml(f"{case.name} – version {case.version}" + (f" – window {case.window_start}" if earlier else ""))
        element = ElementTree.SubElement(suite, "testcase", classname=_xml(f"{check.model}.{case.metric}"), name=name, time="0")
        kind = _outcome(case, check.fail_on)
        if kind != "passed":
            told = ElementTree.SubElement(element, kind, message=_xml(case.reason or case.status))
            if kind != "skipped":
                told.set("type", case.status)
                told.text = _xml(_sentence(case, check))
        elif case.status == "warn":
            ElementTree.SubElement(element, "system-out").text = _xml(_sentence(case, check))
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _chosen(points: pa.Table, model: str, size: str, window: str, as_of: datetime | None) -> tuple[datetime, datetime]:
    """Start and end of the window that is meant."""
    told = points.group_by(["window_start", "window_end"], use_threads=False).aggregate([("partial", "last")]).to_pylist()
    spans = {(row["window_start"], row["window_end"]): row["partial_last"] for row in told}
    by = "" if as_of is None else f" by {iso(as_of)}"
    if window == "last":
        complete = [span for span, partial in spans.items() if not partial]
        if not complete:
            said = f'No complete {size} window of "{model}" was computed'
            raise NotFound(f"{said}{by}: choose a later day." if by else f"{said} yet: python -m monitoring run, then check again.")
        return max(complete, key=lambda span: (span[1], span[0]))
    at = moment(window, name="--window")
    found = [span for span in spans if at is not None and span[0] <= at < span[1]]
    if not found:
        else_ = "choose a later day" if by else "python -m monitoring run --since T --until T"
        raise NotFound(f'No {size} window of "{model}" around {window} was computed{by}: {else_}.')
    return max(found)


def _newest_mature(points: pa.Table, *, before: datetime) -> tuple[Case, ...]:
    """The performance of the newest window that has any, with labels that are all in; none where no window is so far."""
    of_labels = [name for name, metric in METRICS.items() if metric.group in _OF_LABELS]
    rows = points.filter((pc.field("window_start") < before) & pc.field("metric").isin(of_labels)).to_pylist()
    known = [row["window_start"] for row in rows if row["value"] is not None and not row["partial"] and not _provisional(row)]
    newest = max(known, default=None)
    return tuple(_case(row) for row in rows if row["window_start"] == newest)


def _provisional(row: Mapping[str, Any]) -> bool:
    return bool(json.loads(row["detail"] or "{}").get("provisional"))


def _case(row: Mapping[str, Any]) -> Case:
    return Case(
        metric=row["metric"],
        column=row["column"] or "",
        segment=row["segment"] or "",
        version=row["version"] or "",
        method=row["method"] or "",
        status=row["status"],
        reason=row["reason"] or "",
        value=row["value"],
        threshold=row["threshold"],
        n=row["n"],
        provisional=_provisional(row),
        window_start=iso(row["window_start"]),
        window_end=iso(row["window_end"]),
    )


def _verdict(cases: tuple[Case, ...], worst: int) -> str:
    if worst:
        return {rank: status for status, rank in _RANK.items()}[worst]
    return "ok" if any(case.status == "ok" for case in cases) else "insufficient_data"


def _outcome(case: Case, fail_on: FailOn) -> Literal["passed", "failure", "error", "skipped"]:
    if case.status == "failed":
        return "error"
    if case.status in _SKIPPED or (case.provisional and case.status in _BAD):
        return "skipped"
    failing = case.status == "drift" or (case.status == "warn" and fail_on == "warn")
    return "failure" if failing else "passed"


def _sentence(case: Case, check: Check) -> str:
    """Value, threshold, method, rows and window of one finding: a number never stands alone."""
    unit = METRICS[case.metric].unit if case.metric in METRICS else ""
    parts = [case.reason or case.status]
    if case.value is not None:
        parts.append(f"value {case.value!r} {unit}".rstrip())
    if case.threshold is not None:
        parts.append(f"threshold {case.threshold!r}")
    if case.method:
        parts.append(f"method {case.method}")
    if case.n is not None:
        parts.append(f"n {case.n}")
    parts.append(f"window [{case.window_start or iso(check.start)}, {case.window_end or iso(check.end)})")
    return "; ".join(parts)


def _xml(text: str) -> str:
    """`text` without the characters that XML 1.0 forbids (its production [2] `Char`), each replaced by U+FFFD."""
    return "".join(char if _allowed(ord(char)) else "\ufffd" for char in text)


def _allowed(code: int) -> bool:
    return code in (0x9, 0xA, 0xD) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF
