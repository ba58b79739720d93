"""Which windows a run reads in one scan: in order, none left out, and no more than memory is promised for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitoring.analysis.counts import together


@given(st.lists(st.integers(0, 1_500_000) | st.just(1), max_size=100))
def test_every_window_is_read_once_and_a_scan_is_bounded(rows: list[int]) -> None:
    scans = list(together(rows))
    assert [place for scan in scans for place in scan] == list(range(len(rows)))
    assert all(1 <= len(scan) <= 32 for scan in scans)
    assert all(sum(rows[place] for place in scan) <= 1_000_000 for scan in scans if len(scan) > 1)


def test_windows_share_a_scan_as_long_as_they_may() -> None:
    assert [len(scan) for scan in together([1] * 70)] == [32, 32, 6]
    assert [list(scan) for scan in together([600_000, 400_000, 1, 2_000_000, 0])] == [[0, 1], [2], [3], [4]]
