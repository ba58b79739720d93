"""A model's reference as a run meets it: what is kept of it at hand, its rows read only where something new is asked of them."""

from __future__ import annotations

__all__ = ["baseline_of", "subjects", "view_of"]

import json
from hashlib import blake2b

import pyarrow as pa

from monitoring.analysis import baseline as baselines
from monitoring.analysis.baseline import Baseline
from monitoring.own_windows import Span
from monitoring.planning import CODE
from monitoring.reference.column import Beside, Block, block_of
from monitoring.reference.kept import Kept
from monitoring.schema import ModelSchema
from monitoring.subject import Subject
from monitoring.windows import WindowSpec
from storage.custody.reference_profiles import ReferenceProfile
from storage.errors import StoreError
from storage.store import Store

_GONE = "The rows of this reference were deleted on {}, and what is kept of them does not say this: load the reference again."


def baseline_of(store: Store, model: str) -> Baseline | None:
    """The reference of a model; None without one."""
    info = store.reference_info(model)
    if info is None:
        return None
    files = ReferenceProfile(store.home, model, info["hash"])
    gone = store.forgotten_reference(model) if info["forgotten_at"] is not None else None
    if gone is not None:
        why = _GONE.format(gone.forgotten_at[:10])
        return Baseline(pa.table({}), info["hash"], kept=Kept(files, view=gone.view, gone=why, once=frozenset(gone.facts)))

    def read() -> pa.Table:
        table, now = store.reference(model), store.reference_info(model)
        if table is None or now is None or now["loaded_at"] != info["loaded_at"]:
            raise StoreError(f"The reference of {model} was replaced while this was computed: the next run compares with the new one.")
        return table

    kept = Kept(files, code=f"{CODE}/{baselines.MOST_COMPARED}", view=view_of(store, model))
    return Baseline(read, info["hash"], kept=kept, beside=_beside(subjects(store, model)))


def subjects(store: Store, model: str) -> list[Subject]:
    """The versions that logged, and the newest description."""
    newest = store.spec(model)
    specs = {row["version"]: store.spec(model, row["version"]) for row in store.versions(model).to_pylist()}
    specs |= {str(newest.get("version") or ""): newest}
    return [Subject(model, name, ModelSchema.from_dict(spec)) for name, spec in specs.items()]


def view_of(store: Store, model: str) -> str:
    """Names the columns under which a description shows the reference's rows."""
    columns = [[one["name"], one["kind"], one["role"] == "score"] for one in store.feature_columns(model)]
    said = json.dumps([store.spec(model).get("task"), columns]).encode("utf-8", "surrogatepass")
    return f"{blake2b(said, digest_size=8).hexdigest()}/"


def _beside(some: list[Subject]) -> Beside:
    """What of time and segments the windows and the segments of these versions ask for."""
    blocks, segments = set[Block](), dict[str, None]()
    for subject in some:
        span = Span.like(WindowSpec.parse(subject.schema.window))
        block = None if span is None else block_of(span)
        if block is not None:
            blocks.add(block)
        segments |= dict.fromkeys(subject.schema.segments)
    return Beside(tuple(sorted(blocks)), tuple(segments))
