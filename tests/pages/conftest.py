"""A real house with the fixture's findings, and the pages run by Streamlit's own test runner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from monitoring.service import House
from pages.findings import summaries
from tests.pages import data

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")  # a package's would be filled anew after each test of another package that its process runs between
def full_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A home with the four models of `data`, opened once for all tests of the pages. Read only."""
    path = tmp_path_factory.mktemp("full") / "home"
    with House.open(path) as house:
        data.fill(house.store)
        yield house


@pytest.fixture
def many_models(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """More than two models are many, and nothing is kept of any."""
    monkeypatch.setattr(summaries, "MOST_CARDS", 2)
    summaries._views.clear()
    yield
    summaries._views.clear()


@pytest.fixture
def empty_home(tmp_path: Path) -> Iterator[House]:
    """A home without any model, for one test."""
    with House.open(tmp_path / "home") as house:
        yield house


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """`open_page("watch/drift", house, model="card-fraud")`: the page's script run once with these URL parameters."""

    def opened(script: str, house: House | Path, **params: str) -> AppTest:
        monkeypatch.setenv("MONITORING_HOME", str(house.home.path if isinstance(house, House) else house))
        test = AppTest.from_file(str(ROOT / "pages" / f"{script}.py"), default_timeout=120)
        for name, value in params.items():
            test.query_params[name] = value
        return test.run()

    return opened
