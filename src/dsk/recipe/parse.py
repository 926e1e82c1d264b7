"""The user's text and overrides to values, each with the place that it came from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from dsk.errors import UserError
from dsk.recipe import omega
from dsk.recipe.keys import KnownKeys, nearest
from dsk.recipe.model import TrainFile
from dsk.recipe.redaction import redact_override


@dataclass(frozen=True)
class Parsed:
    """Values as LLaMA-Factory would read them; `places` says where each key was written last."""

    values: dict[str, object]
    places: Mapping[str, str]
    overridden: frozenset[str]


def parse(source: TrainFile, overrides: Sequence[str], known: KnownKeys) -> Parsed:
    """Read, merge, and refuse what LLaMA-Factory does not know. Raises UserError."""
    is_json = source.name.endswith(".json")
    base, places = _read_json(source) if is_json else _read_yaml(source)
    words = [_split_override(word) for word in overrides]
    values = _merge(base, overrides, source)
    places |= {key: _override_place(word) for key, word in zip(words, overrides, strict=True)}
    for key, value in values.items():
        _check_plain(str(key), value, places.get(str(key), source.name))
    _check_known({str(key): places.get(str(key), source.name) for key in values}, known)
    return Parsed({str(key): value for key, value in values.items()}, places, frozenset(words))


def _read_yaml(source: TrainFile) -> tuple[Any, dict[str, str]]:
    try:
        root = yaml.compose(source.text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise _not_yaml(source, error) from error
    if root is None:
        raise UserError(
            "the file is empty",
            where=source.name,
            fix="start from LLaMA-Factory's examples/train_lora",
        )
    if not isinstance(root, yaml.MappingNode):
        raise _not_a_mapping(source, isinstance(root, yaml.SequenceNode))
    lines = _lines(source, root)
    try:
        return omega.load_yaml(source.text), lines
    except yaml.YAMLError as error:
        raise _not_yaml(source, error) from error
    except omega.ERRORS as error:
        raise _not_a_value(source, error, lines) from error


def _read_json(source: TrainFile) -> tuple[Any, dict[str, str]]:
    if not source.text.strip():
        raise UserError("the file is empty", where=source.name)
    try:
        data = json.loads(source.text)
    except json.JSONDecodeError as error:
        raise UserError(
            f"is not JSON: {error.msg} (column {error.colno})",
            where=f"{source.name}:{error.lineno}",
        ) from error
    if not isinstance(data, dict):
        raise _not_a_mapping(source, isinstance(data, list))
    try:
        # JSON is YAML but for tabs between tokens; only the line numbers are taken from here.
        root = yaml.compose(source.text.expandtabs(), Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        root = None
    lines = _lines(source, root) if isinstance(root, yaml.MappingNode) else {}
    try:
        return omega.create(data), lines
    except omega.ERRORS as error:
        raise _not_a_value(source, error, lines) from error


def _lines(source: TrainFile, root: yaml.MappingNode) -> dict[str, str]:
    """Where each top-level key stands; a key that stands twice is an error."""
    lines: dict[str, str] = {}
    for node, _ in root.value:
        here = f"{source.name}:{node.start_mark.line + 1}"
        if not isinstance(node, yaml.ScalarNode):
            continue
        if node.value in lines:
            first = lines[node.value].rpartition(":")[2]
            raise UserError(
                f"key '{node.value}' is there twice (first in line {first})",
                where=here,
                fix="delete one of the two lines",
            )
        lines[node.value] = here
    return lines


def _split_override(word: str) -> str:
    """The top-level key of a `key=value` word."""
    key, equals, _ = word.partition("=")
    where = _override_place(word)
    if not equals:
        raise UserError(
            "an override needs a '='", where=where, fix=f"write {key.lstrip('-') or 'key'}=VALUE"
        )
    if key.startswith("-"):
        raise UserError(
            f"overrides are written without dashes: '{key}'",
            where=where,
            fix=redact_override(f"{key.lstrip('-').replace('-', '_')}={word.partition('=')[2]}"),
        )
    parts = re.split(r"[.\[]", key.replace("]", ""))
    if not all(part.strip() for part in parts):
        raise UserError(
            f"'{key}' is not a key", where=where, fix="write key=value or key.part=value"
        )
    return parts[0]


def _merge(base: Any, overrides: Sequence[str], source: TrainFile) -> dict[Any, object]:
    """Merge all words at once, as upstream does; if that fails, find the word to blame."""
    try:
        return omega.merged(base, overrides)
    except omega.ERRORS as error:
        for count in range(1, len(overrides) + 1):
            try:
                omega.merged(base, overrides[:count])
            except omega.ERRORS as cause:
                raise UserError(
                    f"cannot be merged: {_first_line(cause)}",
                    where=_override_place(overrides[count - 1]),
                    fix="quote values that hold braces, brackets or '${'",
                ) from cause
        raise UserError(_first_line(error), where=source.name) from error


def _check_plain(key: str, value: object, where: str) -> None:
    """Only what JSON has: other YAML types do not survive the way to the ranks."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise UserError(
                    f"{key}: key {name!r} inside it must be text", where=where, fix="quote it"
                )
            _check_plain(key, inner, where)
    elif isinstance(value, list):
        for inner in value:
            _check_plain(key, inner, where)
    elif value is not None and not isinstance(value, (str, int, float)):
        raise UserError(f"{key}: {type(value).__name__} values are not supported", where=where)


def _check_known(places: Mapping[str, str], known: KnownKeys) -> None:
    unknown = [key for key in places if key not in known.keys]
    if not unknown:
        return
    suggestions = {key: nearest(key, known.keys) for key in unknown}
    first = unknown[0]
    others = "".join(
        f"\n{places[key]}: LLaMA-Factory does not know the key '{key}'{_or_meant(suggestions[key])}"
        for key in unknown[1:]
    )
    raise UserError(
        f"LLaMA-Factory does not know the key '{first}'{_or_meant(suggestions[first])}{others}",
        where=places[first],
        fix="correct or delete the key" + ("s" if others else ""),
    )


def _or_meant(suggestion: str | None) -> str:
    return f"; did you mean '{suggestion}'?" if suggestion else ""


def _not_yaml(source: TrainFile, error: Exception) -> UserError:
    mark = getattr(error, "problem_mark", None)
    where = f"{source.name}:{mark.line + 1}" if mark else source.name
    column = f" (column {mark.column + 1})" if mark else ""
    problem = getattr(error, "problem", None) or _first_line(error)
    return UserError(f"is not valid YAML: {problem}{column}", where=where)


def _not_a_value(source: TrainFile, error: Exception, lines: Mapping[str, str]) -> UserError:
    """What OmegaConf refuses beyond YAML, above all a '${' that is no interpolation."""
    key = str(getattr(error, "full_key", None) or "")
    return UserError(
        f"{key or 'a value'}: {_first_line(error)}",
        where=lines.get(re.split(r"[.\[]", key)[0], source.name),
        fix="leave out '${': LLaMA-Factory's reader takes it for a reference",
    )


def _not_a_mapping(source: TrainFile, is_list: bool) -> UserError:
    what = "a list" if is_list else "a single value"
    return UserError(
        f"holds {what}, not keys and values",
        where=source.name,
        fix="write lines of the form key: value",
    )


def _override_place(word: str) -> str:
    return f"override '{redact_override(word)}'"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
