"""The colours of both themes. Light: no plotly."""

from __future__ import annotations

__all__ = ["DARK", "LIGHT", "Palette"]

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours of one theme. `series` is Okabe and Ito's colour-blind safe set (2008), in the order of use."""

    current: str
    reference: str
    text: str
    muted: str
    grid: str
    surface: str
    series: tuple[str, ...]


LIGHT = Palette(
    current="#0072B2", reference="#7A8699", text="#1B2430", muted="#5B6675", grid="#E3E8EF", surface="#FFFFFF",
    series=("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B8860B", "#56B4E9"),
)
DARK = Palette(
    current="#56B4E9", reference="#A9B4C4", text="#E8EDF4", muted="#A9B4C4", grid="#2B3543", surface="#10161F",
    series=("#56B4E9", "#E69F00", "#2FBF9B", "#E59CC6", "#F0E442", "#7FA8FF"),
)
