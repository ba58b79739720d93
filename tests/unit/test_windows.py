"""Windows tile time: every instant lies in exactly one, whatever the unit, the month's length or the clock change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.errors import InputError
from monitoring.windows import Window, WindowSpec, is_dirty, newest_first, of_rows

moments = st.datetimes(datetime(1960, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 – hypothesis wants naive bounds
names = st.tuples(st.integers(1, 40), st.sampled_from(["s", "min", "h", "d", "w", "mo"])).map(lambda pair: f"{pair[0]}{pair[1]}")
FAR = datetime(2300, 1, 1, tzinfo=UTC)  # beyond fifty windows of forty months from the last moment


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@given(names, moments)
def test_each_instant_lies_in_exactly_one_window(name: str, moment: datetime) -> None:
    found = WindowSpec.parse(name).between(moment, moment + timedelta(microseconds=1), FAR)
    assert len(found) == 1
    assert found[0].start <= moment < found[0].end


@given(names, moments, st.integers(1, 50))
def test_windows_tile_without_gap_or_overlap(name: str, start: datetime, many: int) -> None:
    spec = WindowSpec.parse(name)
    end = start
    for _ in range(many):
        end = spec.after(spec.floor(end))
    found = spec.between(start, end, FAR)
    assert found[0].start <= start < found[0].end
    assert found[-1].end == end
    assert all(left.end == right.start for left, right in pairwise(found))
    assert all(window.start < window.end for window in found)


@given(names, moments, moments)
def test_the_same_spec_cuts_at_the_same_moments_whatever_the_data(name: str, one: datetime, other: datetime) -> None:
    spec = WindowSpec.parse(name)
    assert spec.floor(spec.floor(one)) == spec.floor(one)
    assert (spec.floor(one) <= spec.floor(other)) == (one <= other or spec.floor(one) == spec.floor(other))


@pytest.mark.parametrize(
    ("name", "moment", "start", "end"),
    [
        ("1mo", "2024-02-29T23:59:59", "2024-02-01", "2024-03-01"),
        ("1mo", "2023-02-28T12:00:00", "2023-02-01", "2023-03-01"),
        ("1mo", "2011-12-31T23:59:59", "2011-12-01", "2012-01-01"),
        ("3mo", "2011-05-31", "2011-04-01", "2011-07-01"),
        ("12mo", "2011-05-31", "2011-01-01", "2012-01-01"),
        ("1w", "2026-07-12T23:00:00", "2026-07-06", "2026-07-13"),
        ("1w", "1970-01-01", "1969-12-29", "1970-01-05"),
        ("2h", "2011-01-01T03:30:00", "2011-01-01T02:00:00", "2011-01-01T04:00:00"),
        ("15min", "2011-01-01T03:30:00", "2011-01-01T03:30:00", "2011-01-01T03:45:00"),
    ],
)
def test_calendar_edges_are_where_a_calendar_has_them(name: str, moment: str, start: str, end: str) -> None:
    (window,) = WindowSpec.parse(name).between(at(moment), at(moment) + timedelta(seconds=1), FAR)
    assert (window.start, window.end) == (at(start), at(end))


def test_a_day_has_24_hours_when_the_clocks_change() -> None:
    paris = ZoneInfo("Europe/Paris")
    found = WindowSpec.parse("1d").between(datetime(2026, 3, 28, tzinfo=paris), datetime(2026, 3, 31, tzinfo=paris), FAR)
    assert {window.end - window.start for window in found} == {timedelta(days=1)}
    assert all(window.start.utcoffset() == timedelta(0) for window in found)


def test_the_running_window_is_partial_and_the_future_has_none() -> None:
    found = WindowSpec.parse("1d").between(at("2026-01-01"), at("2026-01-10"), at("2026-01-03T12:00:00"))
    assert [(window.start.day, window.partial) for window in found] == [(1, False), (2, False), (3, True)]


def test_a_window_that_ends_now_is_whole() -> None:
    (window,) = WindowSpec.parse("1d").between(at("2026-01-01"), at("2026-01-02"), at("2026-01-02"))
    assert not window.partial


def test_a_range_is_one_window_as_given() -> None:
    assert WindowSpec.parse("range").between(at("2011-01-29"), at("2011-02-08"), FAR) == [Window(at("2011-01-29"), at("2011-02-08"))]


def test_row_windows_keep_their_row_numbers_and_the_unfilled_one_is_partial() -> None:
    rows = [
        {"first_row": 0, "last_row": 100, "start": at("2026-01-01"), "end": at("2026-01-02")},
        {"first_row": 100, "last_row": 130, "start": at("2026-01-02"), "end": at("2026-01-03")},
    ]
    assert [(window.rows, window.partial) for window in of_rows(rows, size=100)] == [((0, 100), False), ((100, 130), True)]


@pytest.mark.parametrize(("text", "name"), [("1d", "1d"), (" 2h ", "2h"), ("rows:5000", "rows:5000"), ("rows: 5000", "rows:5000")])
def test_names_are_written_one_way(text: str, name: str) -> None:
    assert WindowSpec.parse(text).name == name
    assert WindowSpec.parse({"rows": 5000}).name == "rows:5000"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1day", 'did you mean "1d"?'),
        ("2hours", 'did you mean "2h"?'),
        ("1month", 'did you mean "1mo"?'),
        ("90seconds", 'did you mean "90s"?'),
        ("row:5000", 'did you mean "rows:5000"?'),
        ("0d", "did you mean"),
        ("", "valid are: "),
        ("fortnightly", "valid are: "),
    ],
)
def test_a_wrong_window_names_the_nearest_valid_one(text: str, hint: str) -> None:
    with pytest.raises(InputError, match="is no window") as error:
        WindowSpec.parse(text)
    assert hint in str(error.value)


@given(st.text(max_size=20))
def test_any_text_is_a_window_or_one_sentence(text: str) -> None:
    try:
        spec = WindowSpec.parse(text)
    except InputError as error:
        assert str(error).endswith(("?", "."))
    else:
        assert WindowSpec.parse(spec.name) == spec


def test_a_naive_moment_and_a_million_windows_are_refused() -> None:
    with pytest.raises(InputError, match="has no time zone"):
        WindowSpec.parse("1d").between(datetime(2026, 1, 1), FAR, FAR)  # noqa: DTZ001 – that is what is refused
    with pytest.raises(InputError, match="choose a longer window"):
        WindowSpec.parse("1s").between(at("2020-01-01"), at("2026-01-01"), FAR)
    with pytest.raises(InputError, match="make them from the rows"):
        WindowSpec.parse("rows:10").between(at("2020-01-01"), at("2026-01-01"), FAR)


def test_newest_windows_come_first() -> None:
    found = WindowSpec.parse("1d").between(at("2026-01-01"), at("2026-01-04"), FAR)
    assert [window.start.day for window in newest_first(found)] == [3, 2, 1]


def test_a_window_is_dirty_when_new_changed_failed_or_asked_for() -> None:
    done = {"fingerprint": "a", "state": "done"}
    assert not is_dirty("a", done)
    assert is_dirty("a", None)
    assert is_dirty("b", done)
    assert is_dirty("a", {"fingerprint": "a", "state": "failed"})
    assert is_dirty("a", done, everything=True)
