"""The command line: thin commands over the verbs of `monitoring.service`. Importing it imports none of the heavy packages."""

from __future__ import annotations

__all__ = ["app", "main"]

from monitoring.cli import compute, custody, data, later, models, operate
from monitoring.cli.frame import app, main

# Commands register themselves on `app`; importing their modules is what makes them exist.
_ = (compute, custody, data, later, models, operate)
