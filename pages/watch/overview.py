"""Being written."""

from pages.frame import page

with page("overview"):
    pass
