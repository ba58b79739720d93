"""Being written."""

from pages.frame import page

with page("drift"):
    pass
