"""The shape of findings: one row per finding (points), and the distributions and curves that pages draw (profiles)."""

from __future__ import annotations

__all__ = ["CAUSES", "POINTS", "PROFILES"]

import pyarrow as pa

_MOMENT = pa.timestamp("us", tz="UTC")

POINTS = pa.schema(
    [
        ("model", pa.string()),
        ("version", pa.string()),
        ("segment", pa.string()),  # "" for all rows, else "country=FR"
        ("window_start", _MOMENT),
        ("window_end", _MOMENT),  # half-open: [window_start, window_end)
        ("metric", pa.string()),
        ("column", pa.string()),  # feature, class, "k=10", or "" where the metric has none
        ("method", pa.string()),
        ("value", pa.float64()),
        ("lower", pa.float64()),
        ("upper", pa.float64()),
        ("threshold", pa.float64()),
        ("p_value", pa.float64()),
        ("n", pa.int64()),  # rows of the window that the value rests on
        ("n_reference", pa.int64()),
        ("n_labelled", pa.int64()),
        ("label_coverage", pa.float64()),  # share, 0 to 1
        ("status", pa.string()),  # ok | warn | drift | insufficient_data | not_applicable | failed
        ("reason", pa.string()),
        ("kind", pa.string()),  # realised | estimated
        ("computed_at", _MOMENT),
        ("run", pa.string()),
        ("window", pa.string()),  # the window's name: 1d, 1mo, rows:5000
        ("partial", pa.bool_()),  # the window had not ended when this was computed
        ("detail", pa.string()),  # a JSON object with what the method adds, or null
    ]
)

PROFILES = pa.schema(
    [
        ("model", pa.string()),
        ("version", pa.string()),
        ("segment", pa.string()),
        ("window", pa.string()),
        ("window_start", _MOMENT),
        ("window_end", _MOMENT),
        ("kind", pa.string()),
        ("column", pa.string()),
        ("series", pa.string()),
        ("x", pa.float64()),
        ("x_end", pa.float64()),
        ("label", pa.string()),
        ("value", pa.float64()),
        ("n", pa.int64()),
    ]
)

CAUSES = pa.schema(
    [
        ("model", pa.string()),
        ("version", pa.string()),
        ("window", pa.string()),  # the windows' name: 1d
        ("window_start", _MOMENT),  # the newest judged window, in which the finding is open
        ("window_end", _MOMENT),
        ("metric", pa.string()),
        ("column", pa.string()),
        ("method", pa.string()),
        ("status", pa.string()),  # warn | drift
        ("value", pa.float64()),
        ("since", _MOMENT),  # the start of the first window after the change
        ("since_earliest", _MOMENT),  # 95 % interval of it; null where the whole series is like this, and it may be older
        ("since_latest", _MOMENT),
        ("kind", pa.string()),  # population | relation | population and relation | cannot tell | "" (not of inputs or labels)
        ("kind_reason", pa.string()),
        ("segment", pa.string()),  # where it sits; "" for everywhere, or where that cannot be told
        ("segment_reason", pa.string()),
        ("drivers", pa.string()),  # a JSON object: feature → share, 0 to 1, largest first
        ("sentence", pa.string()),
        ("computed_at", _MOMENT),
    ]
)
