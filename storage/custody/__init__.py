"""Custody of what is stored: facts as files, rebuilding, catching up, retention, erasure, compaction, backup, inspection.

Light on purpose: `storage.store` imports parts of this room, and the rest of the room imports `storage.store`.
"""
