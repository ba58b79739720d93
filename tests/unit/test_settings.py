"""What a home's owner can be told by environment variables, and how people may write times and names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from monitoring.errors import InputError
from monitoring.moments import iso, known_by, moment
from monitoring.plain import counted, jsonable, printable
from monitoring.settings import Settings


def test_the_defaults_need_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.variables():
        monkeypatch.delenv(name, raising=False)
    settings = Settings.read()
    assert settings.home == Path("monitoring-data")
    assert settings.run_seconds == 60


def test_variables_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_HOME", "elsewhere")
    monkeypatch.setenv("MONITORING_RUN_SECONDS", "7.5")
    assert Settings.read().home == Path("elsewhere")
    assert Settings.read().run_seconds == 7.5


def test_a_value_that_cannot_be_used_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONITORING_RUN_SECONDS", "soon")
    with pytest.raises(InputError, match='MONITORING_RUN_SECONDS is "soon"'):
        Settings.read()


def test_a_memory_limit_is_written_as_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, meant in (("2GB", 2 * 10**9), ("1.5 GiB", 3 << 29), ("800mb", 8 * 10**8)):
        monkeypatch.setenv("MONITORING_MEMORY_LIMIT", text)
        assert Settings.read().memory_limit == meant
    for text, why in (("lots", "write a size such as 2GB or 1500MB"), ("2", "write a size"), ("300MB", "give it 512 MiB or more")):
        monkeypatch.setenv("MONITORING_MEMORY_LIMIT", text)
        with pytest.raises(InputError, match=f'MONITORING_MEMORY_LIMIT is "{text}": .*{why}.*; see docs/settings.md'):
            Settings.read()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T12:30", datetime(2026, 3, 1, 12, 30, tzinfo=UTC)),
        ("2026-03-01T12:30Z", datetime(2026, 3, 1, 12, 30, tzinfo=UTC)),
        ("2026-03-01T12:30+02:00", datetime(2026, 3, 1, 10, 30, tzinfo=UTC)),
    ],
)
def test_a_typed_time_is_utc_unless_it_names_a_zone(text: str, meant: datetime) -> None:
    assert moment(text) == meant


def test_a_naive_datetime_in_code_is_refused() -> None:
    with pytest.raises(InputError, match="has no time zone"):
        moment(datetime(2026, 3, 1))  # noqa: DTZ001 – naive on purpose
    assert moment(None) is None


def test_what_is_no_time_is_a_sentence_with_an_example() -> None:
    with pytest.raises(InputError, match='--from "yesterday" is not a time: write it like 2026-03-01'):
        moment("yesterday", name="--from")


def test_a_day_by_which_something_was_known_stands_until_it_is_over() -> None:
    assert known_by("2026-02-28") == datetime(2026, 3, 1, tzinfo=UTC)
    assert known_by("2026-02-28T00:00") == datetime(2026, 2, 28, tzinfo=UTC)
    assert known_by(datetime(2026, 2, 28, 5, tzinfo=UTC)) == datetime(2026, 2, 28, 5, tzinfo=UTC)
    assert known_by(None) is None
    with pytest.raises(InputError, match="as_of"):
        known_by("soon")


@pytest.mark.parametrize("value", ["2026-03-02", "2026-03-02T00:01", "9999-12-31", datetime(2026, 3, 3, tzinfo=UTC)])
def test_what_will_be_known_in_the_future_nobody_is_told(value: str | datetime) -> None:
    with pytest.raises(InputError, match=r"^--as-of .* lies in the future: give today \(2026-03-01, UTC\) or an earlier day"):
        known_by(value, name="--as-of", now=datetime(2026, 3, 1, 12, tzinfo=UTC))


def test_today_may_be_asked_for_all_day_and_by_a_clock_that_is_a_little_ahead() -> None:
    for now in (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 2, 28, 23, 58, tzinfo=UTC)):
        assert known_by("2026-03-01", now=now) == known_by("2026-03-02T00:00", now=now) == datetime(2026, 3, 2, tzinfo=UTC)


def test_times_are_written_in_utc_with_z() -> None:
    assert iso(datetime(2026, 3, 1, 14, tzinfo=timezone(timedelta(hours=2)))) == "2026-03-01T12:00:00Z"


def test_anything_becomes_json_without_losing_what_it_was() -> None:
    value = {"at": datetime(2026, 3, 1, tzinfo=UTC), "for": timedelta(days=7), "x": float("nan"), "in": (Path("a"), {1}), "b": b"raw"}
    assert jsonable(value) == {"at": "2026-03-01T00:00:00Z", "for": 604800.0, "x": "NaN", "in": ["a", [1]], "b": "raw"}
    assert jsonable([float("inf"), float("-inf"), None, True]) == ["Infinity", "-Infinity", None, True]


def test_a_name_cannot_steer_the_terminal() -> None:
    assert printable("a\x1b[2Jb\nc\u202e") == "a\\x1b[2Jb\\nc\\u202e"


def test_one_of_a_thing_is_said_in_the_singular() -> None:
    assert [counted(n, "labelled row") for n in (0, 1, 12_000)] == ["0 labelled rows", "1 labelled row", "12,000 labelled rows"]
