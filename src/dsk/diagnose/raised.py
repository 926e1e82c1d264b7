"""What an exception's type and place tell, also where its words are new. Pure.

An exception's stack names files and functions. Those of known programs say what the program was
doing: an exception out of LLaMA-Factory's hparams folder is about a setting, whatever it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

GIVEN = frozenset(("type", "message"))
"""The fields that every exception has: the name of its class, and what it says."""
MAX_QUOTED = 300
"""Characters of an exception's message that are quoted."""

_EXCEPTION = re.compile(r"(?P<type>[\w.]+)(?:\([\w.]+\))?(?::\s*(?P<message>.*))?$")
_FRAME = re.compile(r'\s*File "(?P<file>[^"]+)", line \d+, in (?P<function>\S+)')
_BOXED_FRAME = re.compile(r"[│|]\s*(?P<file>\S+\.py):\d+ in\s+(?P<function>\S+)\s*[│|]?")
_MARKS = re.compile(r"\s*[~^]+\s*$")
_GENERAL = ("Exception", "RuntimeError", "ValueError", "TypeError", "KeyError", "OSError")
"""Types that any program may raise."""
_GOES_ON = ("(", "[", "{", ",", "\\")
"""How a line of code ends that Python shows together with the next one."""


class Frame(NamedTuple):
    """`file` has forward slashes, also on Windows."""

    file: str
    function: str


@dataclass(frozen=True)
class Raised:
    """An exception. `message` is what it says in all its lines; `frames` the innermost first.
    `cut` means that lines are missing between the innermost frame that is shown and itself."""

    type: str
    message: str
    frames: tuple[Frame, ...]
    cut: bool

    @classmethod
    def read(cls, text: str, below: Iterable[str], stack: Sequence[str]) -> Raised | None:
        """Of an exception's line, the lines of its message below, and those of its stack."""
        match = _EXCEPTION.match(text.strip())
        if match is None:
            return None
        message = "\n".join([match["message"] or "", *below]).strip()
        lines = list(stack)
        if lines and lines[-1].strip().endswith(text.strip()):
            lines.pop()
        return cls(match["type"], message, *_frames_of(lines))

    @property
    def name(self) -> str:
        """Of its class, without the module."""
        return self.type.split(".")[-1]

    @property
    def quoted(self) -> str:
        first = next(filter(None, (line.strip() for line in self.message.splitlines())), "")
        shown = first or self.name
        return shown if len(shown) <= MAX_QUOTED else f"{shown[:MAX_QUOTED]}…"


def _frames_of(lines: Sequence[str]) -> tuple[tuple[Frame, ...], bool]:
    found = [
        (index, match)
        for index, line in enumerate(lines)
        if (match := _FRAME.match(line) or _BOXED_FRAME.match(line.strip()))
    ]
    if not found:
        return (), True
    last, innermost = found[-1]
    code = [line for line in lines[last + 1 :] if line.strip() and not _MARKS.match(line)]
    boxed = innermost.re is _BOXED_FRAME
    cut = not boxed and len(code) > 1 and not code[0].rstrip().endswith(_GOES_ON)
    frames = [Frame(each["file"].replace("\\", "/"), each["function"]) for _, each in found]
    return tuple(reversed(frames)), cut


@dataclass(frozen=True)
class Rule:
    """Fits an exception whose class has the name `type`, with its module or without, raised by
    `function` in `file` with `message`; None fits all. `through`: it may also be raised in what
    that function has called."""

    type: re.Pattern[str]
    file: re.Pattern[str] | None = None
    function: re.Pattern[str] | None = None
    message: re.Pattern[str] | None = None
    through: bool = False

    @classmethod
    def read(
        cls, type_: str, file: str | None, function: str | None, message: str | None, through: bool
    ) -> Rule:
        """Raises ValueError where one is no regular expression, or where the rule says too much:
        of a type that any program may raise it has to know the place or the words."""
        try:
            rule = cls(
                re.compile(type_),
                re.compile(rf"(?:^|/)(?:{file})$") if file else None,
                re.compile(function) if function else None,
                re.compile(message) if message else None,
                through,
            )
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        if file is None and (function is not None or through):
            raise ValueError("function and through need a file")
        if file is None and message is None and any(map(rule.type.fullmatch, _GENERAL)):
            raise ValueError("a general type needs a file or a message")
        return rule

    @property
    def groups(self) -> set[str]:
        return set(self.message.groupindex) if self.message else set()

    def match(self, exception: Raised, frame: Frame | None) -> dict[str, str] | None:
        """The values of the message's groups; None where it does not fit."""
        if not any(map(self.type.fullmatch, (exception.name, exception.type))):
            return None
        if self.file:
            if frame is None or not self.file.search(frame.file):
                return None
            if self.function and not self.function.fullmatch(frame.function):
                return None
        if self.message is None:
            return {}
        match = self.message.search(exception.message)
        return match.groupdict("") if match else None


Key = TypeVar("Key")


def first_fit(
    rules: Sequence[tuple[Key, Rule]], exception: Raised, *, stacked: bool
) -> tuple[Key, Mapping[str, str]] | None:
    """The key of the rule that says most of the exception, and the fields for its texts.

    First come rules that know its words wherever it was raised, then those that know where it was
    raised, the innermost frame first, then those that know its type alone: where its stack was
    printed (`stacked`), since programs log single lines of errors that they have caught.
    """
    for key, rule, frame in _tries(rules, exception, stacked):
        values = rule.match(exception, frame)
        if values is not None:
            return key, {**values, "type": exception.name, "message": exception.quoted}
    return None


def _tries(
    rules: Sequence[tuple[Key, Rule]], exception: Raised, stacked: bool
) -> Iterator[tuple[Key, Rule, Frame | None]]:
    yield from ((key, rule, None) for key, rule in rules if not rule.file and rule.message)
    for depth, frame in enumerate(exception.frames):
        outer = depth > 0 or exception.cut
        for key, rule in rules:
            if rule.file and (rule.through or not outer):
                yield key, rule, frame
    if stacked:
        yield from ((key, rule, None) for key, rule in rules if not rule.file and not rule.message)
