"""How many rows the profiles in a folder have seen: `python -m benchmarks.peers.count_whylogs FOLDER`, in whylogs' environment."""

from __future__ import annotations

import sys
from pathlib import Path

from whylogs.core import DatasetProfileView

total = 0
for path in Path(sys.argv[1]).glob("*.bin"):
    column = DatasetProfileView.read(str(path)).get_column("amount")
    if column is not None:
        total += int(column.get_metric("counts").n.value)
print(total)
