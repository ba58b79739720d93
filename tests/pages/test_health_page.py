"""The health page accounts for every line, shows what went wrong as text, and how far the work is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from monitoring.logger import PredictionLogger
from monitoring.schema import ModelSchema
from monitoring.service import House
from pages.operate.accounting import SUM, accounting, size, sum_of_accepted
from tests.pages import data

Open = Callable[..., AppTest]
HOSTILE = "<img src=x onerror=alert(1)> **bold**"


def words(page: AppTest) -> str:
    """Everything that the page says in markdown, without the escapes."""
    return "\n".join(element.value for element in page.markdown).replace("\\", "").replace("\u00a0", " ")


def table(page: AppTest, column: str) -> dict[str, list[str]]:
    """The first table that has this column."""
    found = next(element.value for element in page.dataframe if column in element.value.columns)
    return {name: found[name].tolist() for name in found.columns}


@pytest.fixture
def used_home(tmp_path: Path) -> Iterator[House]:
    """A home with fifty logged predictions, one broken line, three runs and an event with hostile text."""
    spec = data.SPECS["bike-demand"]
    schema = ModelSchema.from_dict(spec)
    with House.open(tmp_path / "home") as house:
        house.store.register_model(schema.to_dict())
        with PredictionLogger("bike-demand", version="2", schema=schema, home=house.home.path) as log:
            for number in range(50):
                log.prediction({"temperature": float(number), "humidity": 0.5, "season": "winter"}, prediction=1.0)
        segment = max(house.home.spool.rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
        with segment.open("ab") as file:
            file.write(f"not a record {HOSTILE}\n".encode())
        house.collect()
        store = house.store
        store.run_finished(store.run_started(model="bike-demand", window="1d", total=3), points=120, insufficient=7)
        store.run_finished(store.run_started(model="bike-demand", total=3), state="failed", reason=f"The worker died. {HOSTILE}")
        store.run_progress(store.run_started(total=10), done=4, note="newest first")
        store.add_event(level="warning", kind="ingest", text=HOSTILE)
        yield house


def test_every_line_is_accounted_for(used_home: House, open_page: Open) -> None:
    page = open_page("operate/health", used_home)
    assert not page.exception
    assert not page.error
    shown = table(page, "Meaning")
    counts = {what: int(count.replace("\u202f", "")) for what, count in zip(shown["What"], shown["Count"], strict=True)}
    facts = used_home.health()["accounting"]
    assert (counts["ingested"], counts["quarantined"], counts["foreign"]) == (50, 0, 1)
    assert {name: counts[name.replace("_", " ")] for name in ("accepted", "lines_read", "duplicates", "lost")} == {
        name: facts[name] for name in ("accepted", "lines_read", "duplicates", "lost")
    }
    assert "**1 line**" in words(page)
    assert facts["accepted"] == sum(facts[place.replace(" ", "_")] for place in SUM) == 50
    assert "50 accepted = 50 ingested + 0 duplicates" in words(page)


def test_a_quarantined_line_is_shown_as_text_with_its_reason_and_can_be_taken_away(used_home: House, open_page: Open) -> None:
    page = open_page("operate/health", used_home)
    (row,) = used_home.store.quarantine().to_pylist()
    assert table(page, "Lines")["Reason"] == [row["reason"]]
    assert table(page, "Line")["Line"] == [row["line"]]
    assert HOSTILE in row["line"]
    assert "onerror" not in words(page)
    assert any("export.health.quarantine" in str(button.proto.id) for button in page.get("download_button"))


def test_runs_are_shown_newest_first_and_a_running_one_with_its_progress(used_home: House, open_page: Open) -> None:
    page = open_page("operate/health", used_home)
    shown = table(page, "Windows")
    assert shown["State"] == ["▶ running", "✖ failed", "● done"]
    assert shown["Windows"] == ["4 of 10", "0 of 3", "0 of 3"]
    assert shown["Reason"][1] == f"The worker died. {HOSTILE}"
    (bar,) = page.get("progress")
    assert bar.proto.value == 40


def test_events_are_text(used_home: House, open_page: Open) -> None:
    page = open_page("operate/health", used_home)
    assert HOSTILE in table(page, "Kind")["What"]


def test_advice_stands_on_top_with_what_to_do(used_home: House, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = used_home.health()
    told = {**facts, "status": "error", "advice": [{"level": "warn", "what": "Slow.", "do": "Wait."},
                                                   {"level": "error", "what": "Full.", "do": "Free some disk."}]}
    monkeypatch.setattr(House, "health", lambda _: told)
    said = words(open_page("operate/health", used_home))
    assert said.index("✖ Failed") < said.index("Full. Free some disk.") < said.index("Slow. Wait.")


def test_an_empty_home_is_healthy_and_says_what_would_fill_it(empty_home: House, open_page: Open) -> None:
    page = open_page("operate/health", empty_home)
    assert not page.error
    said = words(page)
    assert "Every line read so far could be used." in said
    assert "python -m monitoring run" in said
    assert "Nothing noteworthy has happened yet." in said


def test_a_failure_is_one_sentence_with_an_id_and_a_button(empty_home: House, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: House) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(House, "health", broken)
    page = open_page("operate/health", empty_home)
    (error,) = page.error
    assert "secret detail" not in error.value
    assert "Try again" in {button.label for button in page.button}


def test_refusals_stand_by_reason_after_what_was_accepted() -> None:
    facts = {"accounting": {"offered": 9, "accepted": 6, "refused": {"too large": 2, "no time": 1}, "ingested": 4, "in_spool": 2}}
    assert accounting(facts).slice(0, 6).to_pylist() == [
        {"what": "offered", "count": 9}, {"what": "accepted", "count": 6}, {"what": "sampled out", "count": 0},
        {"what": "refused: too large", "count": 2}, {"what": "refused: no time", "count": 1}, {"what": "ingested", "count": 4},
    ]
    assert sum_of_accepted(facts) == "6 accepted = 4 ingested + 0 duplicates + 0 quarantined + 2 in spool + 0 lost"


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0 B"), (999, "999 B"), (1250, "1.25 kB"), (3_410_000, "3.41 MB"), (2.5e15, "2\u202f500 TB")]
)
def test_sizes_have_a_decimal_unit(value: float, said: str) -> None:
    assert size(value) == said
