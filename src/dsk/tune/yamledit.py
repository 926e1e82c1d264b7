"""A training file with other values: its comments, its order and all else stay. Pure.

Values are replaced where PyYAML says that they begin and end; the result is read back and compared,
so that no file comes out that means something else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from dsk.errors import UserError
from dsk.text import Text, verbatim

MARK = "dsk tune"
HEADER = "# Written by dsk tune from {name}\n"


@dataclass(frozen=True)
class Edit:
    """`text` is the new value as YAML has it, `note` why it is there, without `#`."""

    key: str
    text: str
    note: str = ""


def edits(changed: Mapping[str, object], before: Mapping[str, object]) -> list[Edit]:
    """Of values that a search changed; `before` has the old ones."""
    return [
        Edit(key, json.dumps(value), f"{MARK}: {_was(key, before)}")
        for key, value in changed.items()
    ]


def _was(key: str, before: Mapping[str, object]) -> str:
    value = before.get(key)
    if value is None:
        return "was not set"
    return f"was {value}" if isinstance(value, str) else f"was {json.dumps(value)}"


def of_overrides(words: Sequence[str]) -> list[Edit]:
    """Of `key=value` words, as on the command line. Raises UserError for a part of a key."""
    found = []
    for word in words:
        key, _, value = word.partition("=")
        if "." in key or "[" in key:
            raise UserError(
                Text("'{key}' is a part of a key: --apply writes complete keys").filled(key=key),
                where="--apply",
                fix=Text("write it into the training file first"),
            )
        found.append(Edit(key, value or "null", f"{MARK}: from the command line"))
    return found


def edit(text: str, changes: Sequence[Edit], name: str) -> str:
    """`text` with the changes; of several of one key the last counts. `name` is the file's, for
    errors. Raises UserError where the file is written so that a value cannot be replaced."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise _cannot(verbatim(name), name)
    wanted = {each.key: each for each in changes}
    flow = bool(root.flow_style)
    pieces: list[tuple[int, int, str]] = []
    for key_node, value_node in root.value:
        change = wanted.pop(key_node.value, None)
        if change is None:
            continue
        if not isinstance(value_node, yaml.ScalarNode) or value_node.style in ("|", ">"):
            raise _cannot(verbatim(change.key), f"{name}:{key_node.start_mark.line + 1}")
        begin, end = value_node.start_mark.index, value_node.end_mark.index
        pieces.append((begin, end, change.text if begin < end else f" {change.text}"))
        if not flow:
            line_end = _line_end(text, end)
            pieces.append((line_end, line_end, f"  # {change.note}"))
    if wanted:
        end = _close(text, root) if flow else len(text)
        pieces.append((end, end, _added(text[:end], list(wanted.values()), flow=flow)))
    # From the end on; of two at one place (a key without a value) the later one first.
    ordered = sorted(enumerate(pieces), key=lambda each: (each[1][0], each[0]), reverse=True)
    for _, (begin, end, new) in ordered:
        text = text[:begin] + new + text[end:]
    _check(text, root, changes, name)
    return text


def _line_end(text: str, index: int) -> int:
    found = text.find("\n", index)
    end = len(text) if found < 0 else found
    return end - 1 if text[end - 1 : end] == "\r" else end


def _close(text: str, root: yaml.MappingNode) -> int:
    """The closing brace, or the end of what is before it."""
    end = int(root.end_mark.index) - 1
    return len(text[:end].rstrip())


def _added(before: str, changes: Sequence[Edit], *, flow: bool) -> str:
    if flow:
        comma = "" if before.rstrip().endswith(("{", ",")) else ","
        return comma + ",".join(f'\n "{each.key}": {each.text}' for each in changes)
    lines = "".join(f"{each.key}: {each.text}  # {each.note}\n" for each in changes)
    return ("" if before.endswith("\n") or not before else "\n") + lines


def _check(text: str, old: yaml.MappingNode, changes: Sequence[Edit], name: str) -> None:
    """Raise UserError where the edited text does not say what it is meant to."""
    expected = _values(old)
    expected.update({each.key: yaml.safe_load(each.text) for each in changes})
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        found = None
    if found != expected:
        raise _cannot(verbatim(name), name)


def _values(root: yaml.MappingNode) -> dict[str, object]:
    values: dict[str, object] = yaml.SafeLoader("").construct_document(root)
    return values


def _cannot(what: Text, where: str) -> UserError:
    return UserError(
        Text("the value of {what} cannot be replaced without rewriting the file").filled(what=what),
        where=where,
        fix=Text("write the settings into it yourself; --json prints them"),
    )
