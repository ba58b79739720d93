"""Files of rows in: Parquet, CSV and JSON Lines as Arrow tables with the file's own column names."""

from __future__ import annotations

__all__ = ["read_table"]

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.json as pj
import pyarrow.parquet as pq

from monitoring.errors import InputError, NotFound, nearest
from monitoring.schema import ModelSchema

_ENDINGS = (".csv", ".jsonl", ".parquet")
_TEXTUAL = frozenset({"categorical", "text"})


def read_table(path: Path, schema: ModelSchema) -> pa.Table:
    """The rows of one file. In CSV, categorical and text features stay text (`007` is a name, not a number).

    Raises `NotFound` where there is no such file and `InputError` for another ending, or rows that cannot be read.
    """
    if not path.is_file():
        raise NotFound(f"{path} is not a file: give the path of a Parquet, CSV or JSON Lines file.")
    ending = path.suffix.lower()
    if ending not in _ENDINGS:
        raise InputError(f'{path.name} ends in "{path.suffix}": {nearest(ending, _ENDINGS)}')
    try:
        if ending == ".parquet":
            return pq.read_table(path)
        return _csv(path, schema) if ending == ".csv" else _json_lines(path, schema)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(f"{path.name} cannot be read as {ending[1:]} ({said}): write it again, or convert it to Parquet.") from None


def _csv(path: Path, schema: ModelSchema) -> pa.Table:
    options = pc.ConvertOptions(column_types=_as_text(schema), strings_can_be_null=True, quoted_strings_can_be_null=False)
    return pc.read_csv(path, convert_options=options)


def _json_lines(path: Path, schema: ModelSchema) -> pa.Table:
    times = {name: pa.string() for name in _times(schema)}
    table = pj.read_json(path, parse_options=pj.ParseOptions(explicit_schema=pa.schema(list(times.items()))))
    absent = [name for name in times if table[name].null_count == table.num_rows]  # Arrow adds what the schema names
    return table.drop_columns(absent)


def _as_text(schema: ModelSchema) -> dict[str, pa.DataType]:
    """Columns that Arrow must not guess at: names, which may look like numbers, and times, whose zone it would drop."""
    names = [name for name, feature in schema.features.items() if str(feature.kind) in _TEXTUAL]
    return dict.fromkeys([*names, *schema.segments, *_times(schema), *([schema.id] if schema.id else [])], pa.string())


def _times(schema: ModelSchema) -> list[str]:
    features = [name for name, feature in schema.features.items() if str(feature.kind) == "datetime"]
    return [*features, *([schema.timestamp] if schema.timestamp else []), "labelled_at"]
