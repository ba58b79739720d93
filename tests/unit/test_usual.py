"""What the reference's own performance is: known, not there, or lost with the rows."""

from __future__ import annotations

from monitoring.analysis.usual import Usual
from monitoring.performance import Measured


def test_a_metric_is_known_or_not_there_or_lost() -> None:
    recall = Measured(value=0.5)
    known = Usual({("recall", ""): recall})
    assert (known.of(("recall", "")), known.of(("f1", ""))) == (recall, None)
    assert Usual().of(("recall", "")) is None
    lost = Usual(lost="The rows were deleted.").of(("f1", ""))
    assert lost is not None
    assert (lost.value, lost.scarce) == (None, "This was not worked out while there were rows. The rows were deleted.")
