"""Evidently at work: the only place that imports it, in a process of its own (`monitoring.evidently_worker` starts it).

Every column, class and category that a user named goes in under a plain token and comes out under its own name (`names`), every
method and threshold is named explicitly, and every value that is not a finite number becomes a reason. This file imports nothing:
the process must notice that its owner is gone while Evidently is still being imported.
"""
