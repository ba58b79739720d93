"""The sidebar: selectors on top of the URL, and a footer that says how fresh everything is."""

from __future__ import annotations

__all__ = ["footer", "select", "versions_of"]

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from monitoring.charts.numbers import number, with_unit
from monitoring.windows import own_window
from pages.findings.timeline import EVERY, Timeline
from pages.frame.selection import RANGES, Selection, choice, put, recall, time_range

if TYPE_CHECKING:
    from monitoring.house import House
    from storage.store import Reader


def select(store: Reader, shown: Sequence[str]) -> tuple[Selection, Timeline, dict[str, Any]]:
    """Draw the selectors named in `shown`; the selection, the time axis over all versions of the chosen model and window, and the model's
    schema as stored, empty without a model.

    A page whose selectors do not name the model looks at all models: its range ends where the newest window of any of them does.
    """
    models = store.models()
    if not models or "model" not in shown:
        known = recall("model")
        name, since, until = _range(store.newest_window() if models and "range" in shown else None, shown)
        model = known if known in models else next(iter(models), "")
        spec = store.spec(model) if model else {}
        return Selection(model=model, range=name, since=since, until=until, zone=_zone()), Timeline(), spec
    model = _pick("model", "Model", models, models[0], shown)
    if shown == ("model",):
        return Selection(model=model, zone=_zone()), Timeline(), store.spec(model)
    return _select_of_model(store, model, shown)


def _select_of_model(store: Reader, model: str, shown: Sequence[str]) -> tuple[Selection, Timeline, dict[str, Any]]:
    spec, rows = store.spec(model), store.points(model=model, metric="rows")
    preferred = own_window(spec)
    versions = Timeline.of(rows).versions() or versions_of(store, model)
    version = _pick("version", "Version", [EVERY, *versions], EVERY, shown, lambda value: "All versions" if value == EVERY else value)
    own = rows if version == EVERY else rows.filter(pc.equal(rows.column("version"), version))
    name, since, until = _range(pc.max(own.column("window_end")).as_py() if own.num_rows else None, shown)
    windows = _distinct(own, "window") or [preferred]
    window = _pick("window", "Window", windows, preferred if preferred in windows else windows[0], shown)
    compare = _pick("compare", "Compare to", ["reference", "previous", *[f"version:{other}" for other in versions if other != version]],
                    "reference", shown, _compare_word)
    segments = ["", *[segment for segment in _distinct(own, "segment") if segment]]
    segment = _pick("segment", "Segment", segments, "", shown, lambda value: value or "All rows")
    timeline = Timeline.of(rows.filter(pc.equal(rows.column("window"), window)))
    return Selection(model=model, version=version, range=name, since=since, until=until, window=window, compare=compare,
                     segment=segment if "segment" in shown else "", zone=_zone()), timeline, spec


def footer(house: House) -> None:
    """Age of the newest prediction and what waits in the spool."""
    facts = _facts(str(house.home.path), house)
    parts = []
    if facts["newest_prediction"]:
        age = (datetime.now(UTC) - facts["newest_prediction"]).total_seconds()
        parts.append(f"Newest prediction {with_unit(max(age, 0.0), 's')} ago")
    waiting = facts["backlog_bytes"]
    parts.append(f"{number(waiting / 1e6)} MB logged and not yet ingested" if waiting else "Everything logged is ingested")
    with st.sidebar:
        st.markdown("  \n".join(f":small[:gray[{part}]]" for part in parts))


@st.cache_data(ttl=15, show_spinner=False)
def _facts(path: str, _house: House) -> dict[str, Any]:  # noqa: ARG001 – the path is the cache's key
    """Looked up at most every fifteen seconds: it looks at every file of the spool."""
    return _house.reader.freshness()


def _compare_word(value: str) -> str:
    if value.startswith("version:"):
        return "Version " + value.partition(":")[2]
    return {"reference": "Reference", "previous": "Previous window"}[value]


def _pick(name: str, label: str, options: Sequence[str], default: str, shown: Sequence[str], words: Callable[[str], str] = str) -> str:
    value = choice(name, options, default) if options else ""
    if name not in shown or not options:
        return value
    key = f"select.{name}"
    st.session_state[key] = value  # the URL wins over what the widget last held
    with st.sidebar:
        st.selectbox(label, list(options), key=key, format_func=words, on_change=_written, args=(name, key))
    return value


def _written(name: str, key: str) -> None:
    put(name, str(st.session_state[key]))


def versions_of(store: Reader, model: str) -> list[str]:
    """Newest first; a model without predictions has the version of its schema."""
    rows = store.versions(model).to_pylist()
    epoch = datetime.min.replace(tzinfo=UTC)
    rows.sort(key=lambda row: row["last"] or epoch, reverse=True)
    return [str(row["version"]) for row in rows] or [str(store.spec(model).get("version", "1"))]


def _distinct(table: pa.Table, column: str) -> list[str]:
    return sorted(value for value in table.column(column).unique().to_pylist() if value is not None)


def _range(newest: datetime | None, shown: Sequence[str]) -> tuple[str, datetime | None, datetime | None]:
    name, since, until = time_range(recall("range"), newest)
    put("range", name)
    if "range" not in shown:
        return name, since, until
    st.session_state["select.range"] = "custom" if ".." in name else name
    with st.sidebar:
        st.selectbox("Range", list(RANGES), key="select.range", format_func=RANGES.__getitem__, on_change=_ranged, args=(since, until))
        if ".." in name and since and until:
            days, key = (since.date(), (until - timedelta(days=1)).date()), f"select.days.{name}"
            st.date_input("From – to (UTC, both included)", days, key=key, on_change=_dated, args=(key,))
    return name, since, until


def _ranged(since: datetime | None, until: datetime | None) -> None:
    name = st.session_state["select.range"]
    if name != "custom":
        put("range", name)
        return
    end = until or datetime.now(UTC)
    start = since or end - timedelta(days=30)
    put("range", f"{start.date()}..{(end - timedelta(microseconds=1)).date()}")


def _dated(key: str) -> None:
    days: tuple[date, ...] = st.session_state[key]
    if len(days) == 2:  # with the first click the widget holds one day only
        put("range", f"{days[0]}..{days[1]}")


def _zone() -> str:
    """`UTC`, or the browser's zone where `tz=local` is in the URL."""
    browser = st.context.timezone or "UTC"
    try:
        ZoneInfo(browser)
    except (ZoneInfoNotFoundError, ValueError):
        browser = "UTC"
    value = choice("tz", ["utc", "local"], "utc")
    st.session_state["select.tz"] = value
    with st.sidebar:
        st.segmented_control("Times in", ["utc", "local"], key="select.tz", on_change=_zoned,
                             format_func=lambda name: "UTC" if name == "utc" else f"Browser ({browser})", required=True)
    return "UTC" if value == "utc" else browser


def _zoned() -> None:
    put("tz", str(st.session_state["select.tz"] or "utc"))

