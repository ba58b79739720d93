"""When and why: since when something is wrong, what carries it, where it sits, and whether the population changed or the relation.

Every answer can be "cannot tell", with its reason: never more precise than the data (docs/causes.md).
"""
