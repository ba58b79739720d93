"""The real data sets beside the checkout, and what Evidently's public API says about them; see their README."""

from __future__ import annotations

__all__ = ["SHARED", "close", "needs_shared_data", "read"]

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
Test = TypeVar("Test", bound=Callable[..., Any])


def needs_shared_data(test: Test) -> Test:
    """Mark a test that reads the shared data; where they are missing it is skipped and says so."""
    why = "../shared/data beside the checkout is missing: the real data sets are not part of the project"
    marked: Test = pytest.mark.shared_data(pytest.mark.slow(pytest.mark.skipif(not SHARED.is_dir(), reason=why)(test)))
    return marked


def read(name: str) -> pa.Table:
    """A table of the shared data, as `bike_hour` or `expected/evidently_retail_k10`."""
    return pq.read_table(SHARED / f"{name}.parquet")


def close(value: float) -> Any:
    """Equal to 1e-9, as the contract promises for every value of Evidently's."""
    return pytest.approx(value, rel=1e-9, abs=1e-9)
