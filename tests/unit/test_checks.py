"""The gate for pipelines: points in, verdict, exit code and JUnit out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pytest

from monitoring.checks import Check, judge, junit
from monitoring.errors import InputError, NotFound
from storage.points import POINTS

DAY = timedelta(days=1)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def point(**given: Any) -> dict[str, Any]:
    start = given.pop("start", MONDAY)
    row = {
        "model": "fraud",
        "version": "3",
        "segment": "",
        "window_start": start,
        "window_end": start + DAY,
        "metric": "drift",
        "column": "amount",
        "method": "wasserstein",
        "value": 0.04,
        "threshold": 0.1,
        "n": 900,
        "status": "ok",
        "reason": "",
        "kind": "realised",
        "computed_at": start + DAY,
        "run": "r1",
        "window": "1d",
        "partial": False,
    }
    return {**row, **given}


def points(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=POINTS)


def check(*rows: dict[str, Any], **options: str) -> Check:
    return judge(points(*rows), "fraud", size="1d", **options)


@pytest.mark.parametrize(
    ("status", "fail_on", "verdict", "code"),
    [
        ("ok", "warn", "ok", 0),
        ("warn", "warn", "warn", 1),
        ("warn", "drift", "warn", 0),
        ("drift", "warn", "drift", 2),
        ("drift", "drift", "drift", 2),
        ("failed", "warn", "failed", 3),
        ("failed", "drift", "failed", 3),
        ("insufficient_data", "warn", "insufficient_data", 0),
        ("not_applicable", "warn", "insufficient_data", 0),
    ],
)
def test_the_worst_status_decides_the_exit_code(status: str, fail_on: str, verdict: str, code: int) -> None:
    found = check(point(status=status), fail_on=fail_on)
    assert (found.verdict, found.exit_code) == (verdict, code)


def test_the_worst_of_several_wins_and_stands_first() -> None:
    found = check(point(), point(column="age", status="warn"), point(column="country", status="drift"), point(column="x", status="failed"))
    assert found.exit_code == 3
    assert [case.status for case in found.cases] == ["failed", "drift", "warn", "ok"]


def test_last_is_the_newest_complete_window() -> None:
    found = check(point(start=MONDAY - DAY, status="drift"), point(), point(start=MONDAY + DAY, partial=True, status="drift"))
    assert (found.start, found.end, found.exit_code) == (MONDAY, MONDAY + DAY, 0)


def test_a_time_chooses_the_half_open_window_that_holds_it() -> None:
    rows = (point(start=MONDAY - DAY, status="drift"), point())
    assert check(*rows, window="2026-03-01T23:59:59Z").exit_code == 2
    assert check(*rows, window="2026-03-02").exit_code == 0


def test_windows_of_another_size_are_left_alone() -> None:
    assert check(point(), point(window="1mo", status="drift")).exit_code == 0


def test_all_versions_of_the_window_are_judged() -> None:
    assert check(point(), point(version="4", status="drift")).exit_code == 2


def test_nothing_computed_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(NotFound, match="python -m monitoring run"):
        check()
    with pytest.raises(NotFound, match="around 2020-01-01 was computed"):
        check(point(), window="2020-01-01")


def test_a_wrong_fail_on_names_the_nearest() -> None:
    with pytest.raises(InputError, match='did you mean "drift"'):
        check(point(), fail_on="drifft")


PROVISIONAL = '{"provisional":true,"reference":0.9}'


def recall(**given: Any) -> dict[str, Any]:
    return point(**{"metric": "recall", "column": "", "method": "wilson", "value": 0.5, "detail": '{"reference":0.9}', **given})


def test_a_loss_on_provisional_labels_neither_passes_nor_fails() -> None:
    found = check(point(), recall(status="drift", reason="provisional, labels are due", detail=PROVISIONAL))
    assert (found.verdict, found.exit_code) == ("ok", 0)
    suite = suite_of(found)
    assert (suite.get("failures"), suite.get("skipped")) == ("0", "1")
    assert check(point(), recall(status="drift")).exit_code == 2


def test_while_labels_of_the_last_window_are_due_the_newest_window_with_all_its_labels_is_judged_too() -> None:
    old, older = MONDAY - 7 * DAY, MONDAY - 8 * DAY
    rows = (point(), recall(detail=PROVISIONAL, status="warn"), recall(start=MONDAY - DAY, detail=PROVISIONAL, status="drift"),
            recall(start=old, status="drift", reason="worse"), point(start=old, status="drift"), recall(start=older))  # fmt: skip
    found = check(*rows)
    assert (found.start, found.exit_code) == (MONDAY, 2)
    assert [(case.metric, case.window_start) for case in found.cases if case.rank] == [("recall", "2026-02-23T00:00:00Z")]
    assert any("window 2026-02-23" in str(case.get("name")) for case in suite_of(found))
    asked = check(*rows, window="2026-03-02")  # one window, and no other
    assert (asked.exit_code, len(asked.cases)) == (0, 2)
    assert Check.from_dict(found.to_dict()) == found


def test_a_check_survives_the_way_through_json() -> None:
    found = check(point(status="drift", reason="score 0.3 exceeds 0.1"), point(column="age"))
    assert Check.from_dict(found.to_dict()) == found
    assert found.to_dict()["counts"] == {"drift": 1, "ok": 1}


def suite_of(found: Check) -> ElementTree.Element:
    root = ElementTree.fromstring(junit(found))
    assert root.tag == "testsuites"
    (suite,) = root
    return suite


def test_junit_has_one_case_per_finding_and_counts_that_add_up() -> None:
    rows = [point(column=name, status=name, reason=f"because {name}") for name in ("ok", "warn", "drift", "failed", "insufficient_data")]
    suite = suite_of(check(*rows))
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5", "failures": "2", "errors": "1", "skipped": "1",
    }
    inside = {case.get("name"): [(child.tag, child.get("message")) for child in case] for case in suite}
    assert inside == {
        "drift of ok – version 3": [],
        "drift of warn – version 3": [("failure", "because warn")],
        "drift of drift – version 3": [("failure", "because drift")],
        "drift of failed – version 3": [("error", "because failed")],
        "drift of insufficient_data – version 3": [("skipped", "because insufficient_data")],
    }


def test_junit_tells_a_number_with_threshold_method_rows_and_window() -> None:
    (case,) = suite_of(check(point(status="drift", value=0.3, reason="beyond chance")))
    assert case[0].text == (
        "beyond chance; value 0.3 score; threshold 0.1; method wasserstein; n 900; window [2026-03-02T00:00:00Z, 2026-03-03T00:00:00Z)"
    )


def test_junit_lets_a_warning_pass_where_only_drift_fails_but_tells_it() -> None:
    (case,) = suite_of(check(point(status="warn", reason="near the threshold"), fail_on="drift"))
    assert case[0].tag == "system-out"
    assert (case[0].text or "").startswith("near the threshold")


def test_junit_stays_xml_with_hostile_names() -> None:
    (case,) = suite_of(check(point(column='<b a="1">]]>&\x00\x1b\uffff', status="drift", reason="a\x08b")))
    assert case.get("name") == 'drift of <b a="1">]]>&\ufffd\ufffd\ufffd – version 3'
