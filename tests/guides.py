"""The command blocks of README and the guides, as a reader sees them. Pure.

A block is indented by four spaces, blank lines within it included, or fenced. An HTML comment
before it, which readers do not see, says what the lab does with it (`tests/lab/test_guides.py`):

    <!-- text: what it is -->           not a command: a part of a file, or output
    <!-- not run: why -->               needs something that the lab lacks
    <!-- run: each server -->           on each server, with that server's address and number
    <!-- run: the master -->            on the first server
    <!-- run: for each server -->       where dsk runs, once for each server

Without one it is run where dsk runs.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

_CHINESE = ".zh-CN.md"


def _english(chinese: Path) -> Path:
    """The text beside it; of a summary in guide/, the page of that name in docs/."""
    name = chinese.name.removesuffix(_CHINESE) + ".md"
    beside = chinese.with_name(name)
    return beside if beside.exists() else ROOT / "docs" / name


PAIRS = tuple(
    (_english(chinese).relative_to(ROOT).as_posix(), chinese.relative_to(ROOT).as_posix())
    for chinese in sorted([*ROOT.glob(f"*{_CHINESE}"), *(ROOT / "docs").rglob(f"*{_CHINESE}")])
)
"""Each text that there is in English and in Chinese."""


def is_summary(english: str, chinese: str) -> bool:
    """Whether the Chinese text is a shorter one of its own."""
    return not chinese.startswith(english.removesuffix(".md"))


HERE, MASTER, EACH, FOR_EACH = "here", "the master", "each server", "for each server"
PLACES = (HERE, MASTER, EACH, FOR_EACH)
TEXT, NOT_RUN, RUN = "text", "not run", "run"
KINDS = (TEXT, NOT_RUN, RUN)

_MARK = re.compile(r"<!-- (text|not run|run): (\S.*?) -->")
_INDENT = "    "
_COMMENT = re.compile(r"(?:^|(?<=\s))#(?!\S*[\"']).*$")
_INLINE = re.compile(r"(?<!`)`(dsk [^`]+)`(?!`)")
_OPERATORS = frozenset({"&&", "||", ";", "|", "&", "(", ")", ">", ">>", "<"})
_NOT_A_COMMAND = ("[", "<", "…", "=>")


@dataclass(frozen=True)
class Block:
    """`line` is the first one's number. `kind` is of KINDS; `about` the place where it runs, of
    PLACES, or the reason or description that its mark holds."""

    file: str
    line: int
    text: str
    kind: str = RUN
    about: str = HERE

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def code(self) -> tuple[str, ...]:
        """Its lines without comments and without the blanks that line them up: the same in every
        language. Of a line that is a comment alone, `#` stays."""
        lines = (_COMMENT.sub("#", line).rstrip() for line in self.text.splitlines())
        return tuple(
            " ".join(line.removesuffix("#").split()) or "#" for line in lines if line.strip()
        )


def blocks(file: str, text: str) -> list[Block]:
    """Every block of a Markdown text, in order."""
    found: list[Block] = []
    kind, about = RUN, HERE
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        if mark := _MARK.fullmatch(line):
            kind, about = mark[1], mark[2]
        elif line.startswith("```") or (
            line.startswith(_INDENT) and (number == 0 or not lines[number - 1].strip())
        ):
            begin, end, content = _extent(lines, number)
            found.append(Block(file, begin + 1, content, kind, about))
            kind, about = RUN, HERE
            number = end
            continue
        elif line.strip():
            kind, about = RUN, HERE
        number += 1
    return found


def _extent(lines: list[str], begin: int) -> tuple[int, int, str]:
    """The first line of the content, the line after the block, and the content."""
    if lines[begin].startswith("```"):
        end = next(n for n in range(begin + 1, len(lines)) if lines[n].startswith("```"))
        return begin + 1, end + 1, "\n".join(lines[begin + 1 : end])
    end = begin
    for number in range(begin, len(lines)):
        if lines[number].startswith(_INDENT):
            end = number + 1
        elif lines[number].strip():
            break
    return begin, end, "\n".join(line.removeprefix(_INDENT) for line in lines[begin:end])


def read(file: str) -> list[Block]:
    return blocks(file, (ROOT / file).read_text(encoding="utf-8"))


def dsk_commands(shell: str) -> Iterator[list[str]]:
    """The arguments of each `dsk` that a shell text runs. Raises ValueError for an open quote."""
    for line in shell.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=";&|()<>")
        words.whitespace_split = True
        command: list[str] = []
        for word in [*words, ";"]:
            if word not in _OPERATORS:
                command.append(word)
                continue
            if command[:1] == ["dsk"]:
                yield command[1:]
            command = []


def inline_commands(text: str) -> Iterator[tuple[int, str]]:
    """The line number and text of each `dsk …` between backquotes that can be typed as it is."""
    for number, line in enumerate(text.splitlines(), start=1):
        for match in _INLINE.finditer(line):
            if not any(sign in match[1] for sign in _NOT_A_COMMAND):
                yield number, match[1]
