"""A figure is drawn once for the same arguments, and again as soon as one of them differs."""

from __future__ import annotations

import pyarrow as pa
import pytest

from monitoring.charts.theme import Figure, Look, figure
from pages.frame import drawn as kept
from pages.frame.drawn import drawn

TABLE = pa.table({"x": [1.0, 2.0, None], "name": ["a", "b", "c"]})


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What `draw` has drawn so far; nothing is kept from before."""
    monkeypatch.setattr(kept, "_kept", type(kept._kept)())
    drawings.clear()
    return drawings


drawings: list[object] = []


def draw(*_args: object, **_named: object) -> object:
    """A drawing function that notes what it drew."""
    drawings.append(object())
    return drawings[-1]


def a_line(*, look: Look) -> Figure:
    """A figure with one trace."""
    made = figure(look)
    made.add_scatter(x=[1, 2], y=[3, 4])
    return made


def test_equal_arguments_give_the_figure_that_was_drawn_before(made: list[object]) -> None:
    first = drawn(draw, TABLE, look=Look(), rows=["a", "b"])
    again = drawn(draw, pa.concat_tables([TABLE.slice(0, 1), TABLE.slice(1)]), look=Look(), rows=["a", "b"])
    assert first is again
    assert len(made) == 1


@pytest.mark.parametrize("other", [
    {"table": TABLE.slice(1)}, {"table": TABLE.set_column(0, "x", [[1.0, 2.0, 3.0]])}, {"look": Look(dark=True)}, {"rows": ["b", "a"]},
])
def test_whatever_differs_is_drawn_anew(made: list[object], other: dict[str, object]) -> None:
    usual = {"table": TABLE, "look": Look(), "rows": ["a", "b"]}
    for named in (usual, {**usual, **other}):
        drawn(draw, named["table"], look=named["look"], rows=named["rows"])
    assert len(made) == 2


def test_the_oldest_figures_are_let_go(made: list[object]) -> None:
    for place in range(kept._MOST + 5):
        drawn(draw, place)
    assert len(kept._kept) == kept._MOST
    drawn(draw, 0)
    assert len(made) == kept._MOST + 6


def test_a_figure_is_sent_as_it_was_drawn_and_not_copied_for_it() -> None:
    sent = drawn(a_line, look=Look())
    assert sent.to_dict() == a_line(look=Look()).to_dict()
    first, again = sent.to_dict(), sent.to_dict()
    assert first["data"][0]["x"] is again["data"][0]["x"]
    first["data"][0].pop("x")
    assert "x" in sent.to_dict()["data"][0]
