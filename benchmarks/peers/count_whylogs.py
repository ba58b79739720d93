"""How many rows the profiles in a folder have seen: `python -m benchmarks.peers.count_whylogs FOLDER`, in whylogs' environment."""

from __future__ import annotations

import sys
from pathlib import Path

from whylogs.core import DatasetProfileView

total = 0
for path in Path(sys.argv[1]).glob("*.bin"):
    try:
        column = DatasetProfileView.read(str(path)).get_column("amount")
    except Exception as error:  # its writer was killed while it wrote the file: what was in it is gone
        print(f"{path.name} cannot be read: {error}", file=sys.stderr)
        continue
    if column is not None:
        total += int(column.get_metric("counts").n.value)
print(total)
