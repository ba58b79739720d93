"""A model's description from a YAML file, so that what is wrong can be shown by line.

Stricter than YAML: no anchors, no aliases, no tags, no key twice, and a key is always the text that stands there (`no: categorical`
is a feature called "no", not false).
"""

from __future__ import annotations

__all__ = ["read_yaml"]

from collections.abc import Callable
from os import PathLike, fspath
from pathlib import Path as FilePath
from typing import Any

import yaml

from monitoring.errors import NotFound, SchemaError
from monitoring.schema.reading import Path, Wrong, one_line

_LARGEST = 1 << 20  # bytes; a description with 2,000 features has a tenth of it
_DEEPEST = 20
_PLAIN = frozenset({"str", "int", "float", "bool", "null", "timestamp", "map", "seq"})  # YAML's tags of what JSON has, and dates


def read_yaml(path: str | PathLike[str]) -> tuple[Any, Callable[[Wrong], SchemaError]]:
    """The file's value, and what makes a SchemaError with file and line of something wrong in it."""
    shown = FilePath(fspath(path)).name
    text = _text(path, shown)
    lines: dict[Path, int] = {}

    def complain(wrong: Wrong) -> SchemaError:
        found = wrong.path
        while found and found not in lines:
            found = found[:-1]
        where = f"line {lines.get(found, 1)}, " if found or lines else ""
        key = ".".join(str(part) for part in wrong.path)[:200]
        return SchemaError(f"{shown}: {where}{one_line(key)[1:-1]}: {wrong}" if key else f"{shown}: {where}{wrong}")

    try:
        _refuse_tricks(text)
        node = yaml.compose(text, yaml.SafeLoader)
        if node is None:
            raise SchemaError(f"{shown}: the file is empty; write at least name, version, task and features")
        return _value(node, (), lines), complain
    except Wrong as wrong:
        raise complain(wrong) from None
    except RecursionError:
        raise SchemaError(f"{shown}: the file is nested too deeply; a description has at most {_DEEPEST} levels") from None
    except (yaml.YAMLError, ValueError) as error:
        raise SchemaError(f"{shown}: {_where(error)}not valid YAML: {_problem(error)}; correct the line") from None


def _text(path: str | PathLike[str], shown: str) -> str:
    try:
        with FilePath(fspath(path)).open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "the path is not valid"
        raise NotFound(f"{shown} cannot be read: {reason}; give the path of a model's YAML file.") from None
    if len(content) > _LARGEST:
        raise SchemaError(f"{shown}: the file has more than 1 MiB; a model's description is shorter")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SchemaError(f"{shown}: line {line}, the file is not UTF-8; save it as UTF-8") from None


def _refuse_tricks(text: str) -> None:
    """Aliases, which can make a small file huge, and deep nesting, which takes the parser long: both stop at the first event."""
    depth = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise RecursionError
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(problem="anchors and aliases have no place here", problem_mark=event.start_mark)  # type: ignore[arg-type]  # the stubs know one of the two marks


def _value(node: yaml.Node, path: Path, lines: dict[Path, int]) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if node.tag.removeprefix("tag:yaml.org,2002:") not in _PLAIN:
        raise Wrong(path, f"the tag {one_line(node.tag)} has no place here; write plain values")
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, place), lines) for place, item in enumerate(node.value)]
    if node.tag.endswith("timestamp"):
        return node.value  # a version such as 2024-05-01 is a text
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (ValueError, OverflowError, KeyError):
        raise Wrong(path, f"{one_line(node.value)} cannot be read as it is written; put it in quotes") from None


def _mapping(node: yaml.MappingNode, path: Path, lines: dict[Path, int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, item in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise _at(lines, path, line, "a key must be a single word or a text in quotes")
        key: str = key_node.value
        if key in found:
            first = lines.get((*path, key))
            raise _at(lines, (*path, key), line, f"the key {one_line(key)} stands here again (first in line {first}); leave one out")
        lines[(*path, key)] = line
        found[key] = _value(item, (*path, key), lines)
    return found


def _at(lines: dict[Path, int], path: Path, line: int, sentence: str) -> Wrong:
    lines[path] = line
    return Wrong(path, sentence)


def _where(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return f"line {mark.line + 1}, " if mark else ""


def _problem(error: Exception) -> str:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return " ".join(one_line(problem).strip('"').split())
