"""What is wrong with text that is not YAML: at the line where the mistake begins. Pure.

PyYAML notices many mistakes a line or more later than they are made, and names them in the words of
its scanner; both are put right here for those that people make most.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml

from dsk.cluster.secretnames import HIDDEN, is_secret, without_logins
from dsk.cluster.userfile import refuse_invisible
from dsk.errors import UserError
from dsk.text import Text

_COMMENT = re.compile(r"\s*(?:#|$)")
_KEY = re.compile(r"(?P<key>[^:：#'\"]*)(?P<colon>[:：]?)(?P<rest>.*)")
_WORD = re.compile(r"\s*[^\s'\"#|>]+")
_NO_BLANK = re.compile(r"\s*(?:- )?(?P<key>[\w.-]+):(?P<value>[^\s/].*)$")
_FULL_WIDTH_COLON = re.compile(r"\s*(?:- )?(?P<key>[\w.-]+)\s*：\s*(?P<value>.*)$")


@dataclass(frozen=True)
class YamlMistake:
    """`line` and `column` from 1."""

    line: int
    column: int
    said: Text
    fix: Text | None = None


def refuse_invisible_characters(text: str, name: str) -> None:
    """In keys, after their colons and in values of one word, where nobody wants them."""
    for number, line in enumerate(text.splitlines(), 1):
        if line.isascii() or _COMMENT.match(line):
            continue
        match = _KEY.match(line)
        if not match:
            continue
        rest = match["rest"]
        word = _WORD.match(rest)
        value = word.group() if word and not rest[word.end() :].strip() else rest[:1]
        part = (match["key"] if match["colon"] else "") + value
        refuse_invisible(line, f"{name}:{number}", part)


def explain(text: str, error: yaml.MarkedYAMLError) -> YamlMistake:
    """The mistake behind what PyYAML raised."""
    mark = error.problem_mark or error.context_mark
    begins = error.context_mark or mark
    late = _is_late(error)
    line, column = (begins.line, begins.column) if late and begins else (
        (mark.line, mark.column) if mark else (0, 0))  # fmt: skip
    lines = text.splitlines() or [""]
    for number in range(line, min((mark.line if mark else line) + 1, len(lines))):
        if found := _of_line(lines[number], number + 1):
            return found
    if error.context == "while scanning a quoted scalar":
        return YamlMistake(
            line + 1, column + 1,
            Text("the quote that opens here is not closed"),
            Text("close it, or leave both quotes out"),
        )  # fmt: skip
    if error.problem and "'\\t'" in error.problem:
        return YamlMistake(
            line + 1, column + 1,
            Text("a tab is no indentation in YAML"),
            Text("indent with blanks"),
        )  # fmt: skip
    if error.context in ("while parsing a flow sequence", "while parsing a flow mapping"):
        return YamlMistake(
            line + 1, column + 1,
            Text("the bracket that opens here is not closed"),
            Text("close it"),
        )  # fmt: skip
    said = error.problem or str(error).partition("\n")[0]
    return YamlMistake(line + 1, column + 1, Text("{said}").filled(said=said))


def of_scalar(text: str) -> YamlMistake | None:
    """Why lines that were meant as keys and values are one text: no colon counts as one."""
    for number, line in enumerate(text.splitlines(), 1):
        if not _COMMENT.match(line) and (found := _of_line(line, number)):
            return found
    return None


def error(mistake: YamlMistake, name: str) -> UserError:
    """The mistake as an error that names its line and column."""
    return UserError(
        Text("is not valid YAML: {said} (column {column})").filled(
            said=mistake.said, column=mistake.column
        ),
        where=f"{name}:{mistake.line}",
        fix=mistake.fix,
    )


def _is_late(error: yaml.MarkedYAMLError) -> bool:
    """Whether PyYAML read on, past the place of the mistake."""
    return error.context in (
        "while scanning a simple key",
        "while scanning a quoted scalar",
        "while parsing a flow sequence",
        "while parsing a flow mapping",
    )


def _of_line(line: str, number: int) -> YamlMistake | None:
    if match := _FULL_WIDTH_COLON.match(line):
        return YamlMistake(
            number, line.index("：") + 1,
            Text("'：' is a full-width colon, which YAML takes for text"),
            Text("write {key}: {value}").filled(
                key=match["key"], value=_shown(match) or "VALUE"),
        )  # fmt: skip
    if match := _NO_BLANK.match(line):
        return YamlMistake(
            number, line.index(":") + 1,
            Text("a colon needs a blank after it"),
            Text("write {key}: {value}").filled(
                key=match["key"], value=_shown(match)),
        )  # fmt: skip
    return None


def _shown(match: re.Match[str]) -> str:
    """The value behind a key, unless it may be a secret."""
    key, value = match["key"], match["value"].strip()
    return HIDDEN if key == "url" or is_secret(key) else without_logins(value)
