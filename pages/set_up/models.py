"""Describe models: register, reference, versions, code to copy, a sample to try."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import streamlit as st

from monitoring.charts.numbers import aligned, moment, number
from monitoring.schema import ModelSchema
from pages.findings.sample import SAMPLE_ROWS, missing_columns, try_sample
from pages.findings.snippets import batch_code, commands, logging_code, schema_changes, yaml_of
from pages.frame import View, page, plain
from pages.frame.states import load_demo, told
from pages.set_up.uploads import TABLES, from_yaml, kept, read_upload

_PREVIEW = 50  # rows
_SKELETON = """\
name: card-fraud
version: "1"
task: binary                 # binary | multiclass | regression | ranking
features: {amount: numerical, country: categorical}
timestamp: event_time
id: transaction_id
positive_label: 1
label_delay: 7d
window: 1d
"""


def register(view: View, *, opened: bool) -> None:
    """A form for a YAML file or text; the schema's own sentence says what is wrong."""
    with st.expander("Register a model or a new version", icon=":material/add:", expanded=opened):
        with st.form("models.register", border=False):
            upload = st.file_uploader("A YAML file", type=["yaml", "yml"], key="models.file")
            text = st.text_area("… or its text", value=_SKELETON, height=230, key="models.text")
            sent = st.form_submit_button("Register", type="primary")
        if not sent:
            return
        with told():
            schema = from_yaml(upload.getvalue() if upload else text)
            result = view.house.register(spec=schema.to_dict())
            words = "is registered" if result["changed"] else "was registered like this already"
            st.success(f"{plain(schema.name)} {plain(schema.version)} {words}.", icon=":material/check_circle:")


def describe(view: View, schema: ModelSchema, spec: dict[str, Any]) -> None:
    """The schema: its features, and the file it came from."""
    left, right = st.columns(2, gap="large")
    features = pa.table({"Feature": list(schema.features), "Kind": [feature.kind.value for feature in schema.features.values()]})
    with left:
        st.dataframe(features, hide_index=True, height=min(38 + 35 * features.num_rows, 400), alt="The model's features")
    with right:
        st.code(yaml_of(spec), language="yaml", wrap_lines=True)
    history = view.store.schema_history(schema.name)
    if history.num_rows > 1:
        st.markdown("##### How the schema changed")
        zone = view.selection.zone
        rows = history.to_pylist()
        st.dataframe(pa.table({
            "Version": [row["version"] for row in rows], f"Since ({zone})": [moment(row["registered_at"], zone) for row in rows],
            "How": [row["origin"] for row in rows], "What changed": schema_changes([row["spec"] for row in rows]),
        }), hide_index=True, alt="Every revision of the schema and what it changed")  # fmt: skip
    view.export("features", features)


def versions(view: View, model: str) -> None:
    """Which versions predicted, how much, and when."""
    found = view.store.versions(model)
    if not found.num_rows:
        st.markdown("No predictions have been logged yet. The tab *Code* says how.")
        return
    zone = view.selection.zone
    rows = found.to_pylist()
    st.dataframe(pa.table({
        "Version": [row["version"] for row in rows], "Predictions": aligned(row["rows"] for row in rows),
        f"First ({zone})": [moment(row["first"], zone) for row in rows], f"Last ({zone})": [moment(row["last"], zone) for row in rows],
    }), hide_index=True, alt="Versions of the model",
        column_config={"Predictions": st.column_config.TextColumn(alignment="right")})  # fmt: skip
    view.export("versions", found)


def reference(view: View, schema: ModelSchema) -> None:
    """The reference that windows are compared with, and a way to replace it."""
    info = view.store.reference_info(schema.name)
    zone = view.selection.zone
    if info:
        ends = info.get("start"), info.get("end")
        between = f", from {moment(ends[0], zone)} to {moment(ends[1], zone)} {zone}" if all(ends) else ""
        st.markdown(f"**{number(info['rows'])} rows**{between}, loaded {moment(info['loaded_at'], zone)} {zone}. "
                    f":small[:gray[Content hash `{plain(str(info['hash'])[:12])}`]]")
        gone = info["forgotten_at"]
        known = None if gone else view.store.reference(schema.name)
        if gone:
            st.markdown(f"The rows were deleted {moment(gone, zone)} {zone}. What was worked out of them is kept: drift, quality and "
                        "verdicts go on with the same numbers. Load the reference again for Evidently's full preset.")  # fmt: skip
        if known is not None:
            with st.expander(f"Preview of {min(_PREVIEW, known.num_rows)} rows"):
                st.dataframe(known.slice(0, _PREVIEW), hide_index=True)
    else:
        st.markdown("There is no reference yet, so nothing can be compared. Take rows from a time when the model was well.")
    upload = st.file_uploader("Load a reference (Parquet, CSV, JSON Lines)", type=list(TABLES), key="models.reference")
    if upload is None:
        return
    with told():
        table = read_upload(upload, schema)
        missing = missing_columns(table, schema)
        st.markdown(f"**{number(table.num_rows)} rows, {table.num_columns} columns.** "
                    + (f"These columns are missing: {plain(', '.join(missing))}." if missing else "All features are there."))
        st.dataframe(table.slice(0, _PREVIEW), hide_index=True)
        if st.button("Make these rows the reference", type="primary", key="models.reference.take"):
            with kept(upload, "reference") as path:
                result = view.house.reference(model=schema.name, path=path)
            st.success(f"The reference has {number(result['rows'])} rows. Windows are computed again in the background.",
                       icon=":material/check_circle:")


def code(schema: ModelSchema) -> None:
    """Snippets for this model."""
    st.markdown("**In the service that predicts**")
    st.code(logging_code(schema), language="python")
    st.markdown("**In a batch job**")
    st.code(batch_code(schema), language="python")
    st.markdown("**On the command line**")
    st.code(commands(schema), language="bash")


def sample(schema: ModelSchema) -> None:
    """Try a file: what would be logged, and what refused for which reason."""
    st.markdown(f"The first {number(SAMPLE_ROWS)} rows are handed to the logger, as `log_batch` would, and thrown away.")
    upload = st.file_uploader("A sample of rows (Parquet, CSV, JSON Lines)", type=list(TABLES), key="models.sample")
    if upload is None:
        return
    with told():
        result = try_sample(read_upload(upload, schema), schema)
        say = st.success if result.good else st.warning
        say(f"{number(result.accepted)} of {number(result.tried)} rows would be logged."
            + (f" Columns that are missing: {plain(', '.join(result.missing))}." if result.missing else ""))
        if result.refused:
            st.dataframe(pa.table({"Refused because": list(result.refused), "Rows": list(result.refused.values())}), hide_index=True)


with page("models") as view:
    model = view.selection.model
    register(view, opened=not model)
    if not model:
        st.markdown("**No model is registered yet.** Register one above, or look around with three that are made up:")
        load_demo(view.house.home.path)
        view.end()
    schema = ModelSchema.from_dict(view.spec)
    st.markdown(f"#### {plain(model)} :small[:gray[{schema.task.value}, version {plain(schema.version)}, window {plain(schema.window)}]]")
    tabs = st.tabs(["Schema", "Versions", "Reference", "Code", "Try a sample"])
    with tabs[0]:
        describe(view, schema, view.spec)
    with tabs[1]:
        versions(view, model)
    with tabs[2]:
        reference(view, schema)
    with tabs[3]:
        code(schema)
    with tabs[4]:
        sample(schema)
