"""YAML text as plain values, with the line and the text of each: what error messages need. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from dsk.cluster import yamltext
from dsk.errors import UserError
from dsk.text import Text, verbatim

NESTED = Text("is nested too deeply, or contains itself")
A_LIST = Text("a list")
A_VALUE = Text("a single value")
SECRETS = ("env", "notify")
"""Keys below which values may be secrets and stand in no message."""
MOST_VALUES = 20_000
"""Far more than MOST_NODES servers need. An alias (`*a`) that stands for others which stand for
others would grow without end."""

Key = tuple[str | int, ...]
"""Where a value stands: `("nodes", 1, "slots")`."""


@dataclass(frozen=True)
class Mistake:
    key: Key
    line: int
    text: Text


@dataclass(frozen=True)
class Document:
    """`lines` and `texts` by key; a key that stands twice is among `mistakes`."""

    values: dict[str, Any]
    lines: Mapping[Key, int]
    texts: Mapping[Key, str]
    mistakes: tuple[Mistake, ...]

    def line(self, key: Key) -> int:
        """Of the value, or of the nearest one around it that stands in the file."""
        while key not in self.lines:
            key = key[:-1]
        return self.lines[key]


def read(text: str, name: str) -> Document:
    """Raises UserError where `text` is not YAML or no mapping; `name` is the file's."""
    yamltext.refuse_invisible_characters(text, name)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError:
        raise UserError(NESTED, where=name) from None
    except yaml.MarkedYAMLError as error:
        raise yamltext.error(yamltext.explain(text, error), name) from error
    except yaml.YAMLError as error:
        raise UserError(
            Text("is not valid YAML: {error}").filled(error=error), where=name
        ) from error
    if root is None:
        raise UserError(
            Text("the file is empty"), where=name, fix=verbatim("dsk init HOST:SLOTS … --force")
        )
    if not isinstance(root, yaml.MappingNode):
        if isinstance(root, yaml.ScalarNode) and (mistake := yamltext.of_scalar(text)):
            raise yamltext.error(mistake, name)
        kind = A_LIST if isinstance(root, yaml.SequenceNode) else A_VALUE
        raise UserError(
            Text("contains {kind}, not settings").filled(kind=kind),
            where=name,
            fix=Text("write lines of the form key: value"),
        )
    reader = _Reader(name)
    try:
        values = reader.read(root, ())
    except RecursionError:
        raise UserError(NESTED, where=name) from None
    return Document(values, reader.lines, reader.texts, tuple(reader.mistakes))


class _Reader:
    def __init__(self, name: str) -> None:
        self.lines: dict[Key, int] = {}
        self.texts: dict[Key, str] = {}
        self.mistakes: list[Mistake] = []
        self._name = name
        self._values = 0
        self._loader = yaml.SafeLoader("")

    def read(self, node: yaml.Node, key: Key) -> Any:
        self._values += 1
        if self._values > MOST_VALUES:
            raise UserError(
                Text("contains more than {count} values").filled(count=MOST_VALUES),
                where=self._name,
            )
        self.lines.setdefault(key, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*key, i)) for i, item in enumerate(node.value)]
        self.texts[key] = node.value
        try:
            return self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            if key[0] in SECRETS:
                text = Text("cannot be read; write the value in quotes")
            else:
                text = Text("{value!r} cannot be read: {error}")
                text = text.filled(value=node.value, error=error)
            self.mistakes.append(Mistake(key, self.lines[key], text))
            return node.value

    def _mapping(self, node: yaml.MappingNode, key: Key) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name_node, value_node in node.value:
            # As written: YAML 1.1 would make True of a variable named `on`.
            name = str(name_node.value) if isinstance(name_node, yaml.ScalarNode) else "?"
            here = (*key, name)
            line = name_node.start_mark.line + 1
            if name in values:
                first = self.lines[here]
                text = Text("is there twice (first in line {first}); delete one of the two")
                self.mistakes.append(Mistake(here, line, text.filled(first=first)))
                continue
            self.lines[here] = line
            values[name] = self.read(value_node, here)
        return values
