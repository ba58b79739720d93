"""Widgets of a page's body whose value lives in the URL, so that a link reproduces them too."""

from __future__ import annotations

__all__ = ["pick", "pick_day", "pick_number"]

from collections.abc import Callable, Sequence
from datetime import date

import streamlit as st

from pages.frame.selection import choice, forget, put, recall


def pick(name: str, label: str, options: Sequence[str], *, default: str = "", words: Callable[[str], str] = str) -> str:
    """A select box over `options` (at least one) bound to the URL parameter `name`; the default is the first option."""
    value = choice(name, options, default if default in options else options[0])
    key = f"body.{name}"
    st.session_state[key] = value  # the URL wins over what the widget last held
    st.selectbox(label, list(options), key=key, format_func=words, on_change=_written, args=(name, key))
    return value


def pick_day(name: str, label: str, *, help: str) -> date | None:  # noqa: A002 – Streamlit's word
    """A day bound to the URL parameter `name`, written `2026-11-12`; None where none is chosen. A URL value that is no day is ignored."""
    try:
        value: date | None = date.fromisoformat(recall(name) or "")
    except ValueError:
        value = None
    key = f"body.{name}"
    st.session_state[key] = value
    st.date_input(label, value=None, key=key, on_change=_day_written, args=(name, key), help=help, format="YYYY-MM-DD")
    return value


def _day_written(name: str, key: str) -> None:
    value: date | None = st.session_state[key]
    forget(name) if value is None else put(name, value.isoformat())


def pick_number(name: str, label: str, *, default: float | None, low: float, high: float, step: float | None = None,
                slider: bool = False, unit: str = "") -> float | None:
    """A number field or a slider from `low` to `high` bound to the URL parameter `name`. A URL value outside is ignored."""
    value = _number(recall(name), low, high)
    value = default if value is None else value
    key = f"body.{name}"
    st.session_state[key] = value
    if slider:
        st.slider(label, low, high, key=key, step=step, on_change=_written, args=(name, key))
    else:
        words = f"{label}, {unit}" if unit else label
        st.number_input(words, low, high, key=key, step=step, value=None, on_change=_written, args=(name, key), placeholder="none")
    return value


def _written(name: str, key: str) -> None:
    value = st.session_state[key]
    put(name, "" if value is None else str(value))


def _number(text: str | None, low: float, high: float) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if low <= value <= high else None
