"""The user's text and overrides to values, each with the place that it came from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from dsk.cluster import yamltext
from dsk.errors import UserError
from dsk.recipe import omega
from dsk.recipe.keys import KnownKeys, or_meant
from dsk.recipe.model import TrainFile
from dsk.recipe.redaction import redact_override
from dsk.text import Text, joined, verbatim

EMPTY = Text("the file is empty")
CORRECT_IT = Text("correct or delete the key")
CORRECT_THEM = Text("correct or delete the keys")


NESTED = Text("is nested too deeply, or contains itself")


@dataclass(frozen=True)
class Parsed:
    """Values as LLaMA-Factory would read them; `places` says where each key was written last,
    `texts` how, for values that are neither lists nor mappings."""

    values: dict[str, object]
    places: Mapping[str, str]
    texts: Mapping[str, str]
    overridden: frozenset[str]


@dataclass(frozen=True)
class _Line:
    """`text` of a scalar as it is written, without quotes."""

    place: str
    text: str | None


def parse(source: TrainFile, overrides: Sequence[str], known: KnownKeys) -> Parsed:
    """Read, merge, and refuse what LLaMA-Factory does not know. Raises UserError."""
    is_json = source.name.endswith(".json")
    try:
        base, lines = _read_json(source) if is_json else _read_yaml(source)
    except RecursionError:
        raise UserError(NESTED, where=source.name) from None
    words = [_split_override(word) for word in overrides]
    values = _merge(base, overrides, source)
    places = {key: line.place for key, line in lines.items()}
    places |= {key: _override_place(word) for key, word in zip(words, overrides, strict=True)}
    texts = {key: line.text for key, line in lines.items() if line.text is not None}
    texts |= {key: word.partition("=")[2] for key, word in zip(words, overrides, strict=True)}
    for key, value in values.items():
        _check_plain(str(key), value, places.get(str(key), source.name))
    _check_known({str(key): places.get(str(key), source.name) for key in values}, known)
    plain = {str(key): value for key, value in values.items()}
    return Parsed(plain, places, texts, frozenset(words))


def _read_yaml(source: TrainFile) -> tuple[Any, dict[str, _Line]]:
    yamltext.refuse_invisible_characters(source.text, source.name)
    try:
        root = yaml.compose(source.text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise _not_yaml(source, error) from error
    if root is None:
        raise UserError(
            EMPTY,
            where=source.name,
            fix=Text("start from LLaMA-Factory's examples/train_lora"),
        )
    if not isinstance(root, yaml.MappingNode):
        if isinstance(root, yaml.ScalarNode) and (mistake := yamltext.of_scalar(source.text)):
            raise yamltext.error(mistake, source.name)
        raise _not_a_mapping(source, isinstance(root, yaml.SequenceNode))
    lines = _lines(source, root)
    try:
        return omega.load_yaml(source.text), lines
    except yaml.YAMLError as error:
        raise _not_yaml(source, error) from error
    except omega.ERRORS as error:
        raise _not_a_value(source, error, lines) from error


def _read_json(source: TrainFile) -> tuple[Any, dict[str, _Line]]:
    if not source.text.strip():
        raise UserError(EMPTY, where=source.name)
    try:
        data = json.loads(source.text)
    except json.JSONDecodeError as error:
        raise UserError(
            Text("is not JSON: {said} (column {column})").filled(
                said=error.msg, column=error.colno
            ),
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


def _lines(source: TrainFile, root: yaml.MappingNode) -> dict[str, _Line]:
    """Where each top-level key is, and its value as text; a key that is there twice is an error."""
    lines: dict[str, _Line] = {}
    for node, value in root.value:
        here = f"{source.name}:{node.start_mark.line + 1}"
        if not isinstance(node, yaml.ScalarNode):
            continue
        if node.value in lines:
            first = lines[node.value].place.rpartition(":")[2]
            raise UserError(
                Text("key '{key}' is there twice (first in line {first})").filled(
                    key=node.value, first=first
                ),
                where=here,
                fix=Text("delete one of the two lines"),
            )
        text = value.value if isinstance(value, yaml.ScalarNode) else None
        lines[node.value] = _Line(here, text)
    return lines


def _split_override(word: str) -> str:
    """The top-level key of a `key=value` word."""
    key, equals, _ = word.partition("=")
    where = _override_place(word)
    if not equals:
        raise UserError(
            Text("an override needs a '='"),
            where=where,
            fix=Text("write {key}=VALUE").filled(key=key.lstrip("-") or "key"),
        )
    if key.startswith("-"):
        raise UserError(
            Text("overrides are written without dashes: '{key}'").filled(key=key),
            where=where,
            fix=verbatim(
                redact_override(f"{key.lstrip('-').replace('-', '_')}={word.partition('=')[2]}")
            ),
        )
    parts = re.split(r"[.\[]", key.replace("]", ""))
    if not all(part.strip() for part in parts):
        raise UserError(
            Text("'{key}' is not a key").filled(key=key),
            where=where,
            fix=Text("write key=value or key.part=value"),
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
                    Text("cannot be merged: {said}").filled(said=_first_line(cause)),
                    where=_override_place(overrides[count - 1]),
                    fix=Text("quote values that hold braces, brackets or '${{'"),
                ) from cause
        raise UserError(verbatim(_first_line(error)), where=source.name) from error


def _check_plain(key: str, value: object, where: str) -> None:
    """Only what JSON has: other YAML types do not survive the way to the ranks."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if not isinstance(name, str):
                raise UserError(
                    Text("{key}: key {name!r} inside it must be text").filled(key=key, name=name),
                    where=where,
                    fix=Text("quote it"),
                )
            _check_plain(key, inner, where)
    elif isinstance(value, list):
        for inner in value:
            _check_plain(key, inner, where)
    elif value is not None and not isinstance(value, (str, int, float)):
        text = Text("{key}: {kind} values are not supported")
        raise UserError(text.filled(key=key, kind=type(value).__name__), where=where)


def _check_known(places: Mapping[str, str], known: KnownKeys) -> None:
    unknown = [key for key in places if key not in known.keys]
    if not unknown:
        return
    first, *others = unknown
    listed = (
        Text("{where}: {message}").filled(where=places[key], message=_unknown(key, known))
        for key in others
    )
    text = joined([_unknown(first, known), *listed], "\n")
    raise UserError(text, where=places[first], fix=CORRECT_THEM if others else CORRECT_IT)


def _unknown(key: str, known: KnownKeys) -> Text:
    text = Text("LLaMA-Factory does not know the key '{key}'{meant}")
    return text.filled(key=key, meant=or_meant(key, known.keys))


def _not_yaml(source: TrainFile, error: Exception) -> UserError:
    if isinstance(error, yaml.MarkedYAMLError):
        return yamltext.error(yamltext.explain(source.text, error), source.name)
    text = Text("is not valid YAML: {said}")
    return UserError(text.filled(said=_first_line(error)), where=source.name)


def _not_a_value(source: TrainFile, error: Exception, lines: Mapping[str, _Line]) -> UserError:
    """What OmegaConf refuses beyond YAML, above all a '${' that is no interpolation."""
    key = str(getattr(error, "full_key", None) or "")
    return UserError(
        Text("{key}: {said}").filled(key=key or Text("a value"), said=_first_line(error)),
        where=line.place if (line := lines.get(re.split(r"[.\[]", key)[0])) else source.name,
        fix=Text("leave out '${{': LLaMA-Factory's reader takes it for a reference"),
    )


def _not_a_mapping(source: TrainFile, is_list: bool) -> UserError:
    what = Text("a list") if is_list else Text("a single value")
    return UserError(
        Text("holds {what}, not keys and values").filled(what=what),
        where=source.name,
        fix=Text("write lines of the form key: value"),
    )


def _override_place(word: str) -> str:
    return f"override '{redact_override(word)}'"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
