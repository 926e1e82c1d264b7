"""What a line's text looks like by itself, whatever was before it. Pure.

Long logs repeat themselves, so it is remembered for all lines that differ in their numbers alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Generic, TypeVar, overload

from dsk.diagnose.mask import masked
from dsk.diagnose.prefixes import BEGIN
from dsk.diagnose.recent import Recent

IGNORED = ("Exception ignored in", "--- Logging error ---", "Error in atexit._run_exitfuncs")
"""What goes before a traceback that ends nothing: Python prints it and goes on."""
FATAL = "Fatal Python error: "
TERMINATE = "terminate called"
_NATIVE = (TERMINATE, FATAL)
ENDED_WELL = TRAINED, LAUNCHED = "train_runtime", "exits successfully"
"""What the Trainer and DeepSpeed's launcher print of a run that came to its end."""

_CHAINED = (
    "During handling of the above exception, another exception occurred",
    "The above exception was the direct cause of the following exception",
)
_NAME = r"(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*"
# Below a stack, whatever looks like a class with a message; elsewhere only what is surely one.
_BELOW_STACK = re.compile(rf"{_NAME}(?:\([\w.]+\))?(?:: |:?$)")
_SURELY = re.compile(
    rf"(?:{_NAME}\.)?(?!RemoteTraceback)(?:[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Expired|Invalid)"
    r"|(?<=\.)(?:gaierror|timeout|herror|error|Empty|Full|OutOfMemory|Timeout|ReadTimeout))"
    r"(?:\([\w.]+\))?(?:: |:?\s*$|\s{4,}\S)"
)
_FILE = re.compile(r'(?P<indent>\s*)File "[^"]+", line \d+(?P<where>,? in )?')
_THREAD = re.compile(r"(?:Exception in thread|Process \S+:$)")
_WRAPPED = re.compile(r"(?:\w+\.)*RemoteTraceback|\"\"\"$|'''$")
# Code that is shown, not run: the text of an exception that may have got other words.
_QUOTED = re.compile(r"\s*(?:raise\b|f?r?[\"']|logger\.|warnings?\.|print\()")
# What ends an exception's message: the next thing that a program logs.
_LOG = re.compile(
    r"\[?\d{4}-\d\d-\d\d|\[?\d\d:\d\d|\[(?:INFO|WARN|ERROR|DEBUG|E\d|W\d|I\d|rank)|[IWEF]\d{4} |"
    r"(?:INFO|WARNING|ERROR|DEBUG|CRITICAL)\b|\{'|wandb: |\s*\d+%\||[\w.-]+:\d+:\d+ \[\d+\] NCCL|"
    r"={5}|-{5}|\*{5}|Killing subprocess|Root Cause|srun: |slurmstepd: |pdsh@|\S*[$#] |"
    r"(?:bash|sh|/bin/\w+): |terminate called|Fatal Python|\w*Warning: |\S+\.py:\d+: "
)
_PROGRESS = re.compile(r"\{'(?:loss|eval_loss|train_loss|train_runtime)'")


class Sign(Enum):
    """What a line begins, whatever was before it."""

    NOTHING = auto()
    IGNORED = auto()
    TRACEBACK = auto()
    NATIVE = auto()


Value = TypeVar("Value")


class _Once(Generic[Value]):
    """A property that is found out when it is first asked for: functools.cached_property without
    its lock, which takes longer than most of the properties."""

    def __init__(self, find: Callable[[Any], Value]) -> None:
        self._find = find
        self._name = find.__name__

    @overload
    def __get__(self, look: None, owner: type) -> _Once[Value]: ...
    @overload
    def __get__(self, look: object, owner: type) -> Value: ...
    def __get__(self, look: object | None, owner: type) -> _Once[Value] | Value:
        if look is None:
            return self
        found = look.__dict__[self._name] = self._find(look)
        return found


class Look:
    """Of lines whose keys are equal all properties are, so that no pattern here may name a digit.

    `possible` is what the index has found in the key, `active` among which texts it has looked.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self.active: object = None
        self.possible: list[str] = []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Look) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @_Once
    def key(self) -> bytes:
        """The masked text."""
        return masked(self._text.encode(errors="surrogatepass"))

    @_Once
    def sign(self) -> Sign:
        for each in IGNORED:
            if each in self._text:
                return Sign.IGNORED
        if BEGIN in self._text:
            return Sign.TRACEBACK
        native = self._text.startswith(_NATIVE)
        return Sign.NATIVE if native else Sign.NOTHING

    @_Once
    def is_blank(self) -> bool:
        return not self._text.strip()

    @_Once
    def is_indented(self) -> bool:
        return self._text[:1].isspace()

    @_Once
    def is_surely_exception(self) -> bool:
        return _SURELY.match(self._text) is not None

    @_Once
    def is_below_stack(self) -> bool:
        """Whether it is an exception's line if it follows a stack."""
        return _BELOW_STACK.match(self._text) is not None

    @_Once
    def is_log(self) -> bool:
        return _LOG.match(self._text) is not None

    @_Once
    def is_quoted(self) -> bool:
        return _QUOTED.match(self._text) is not None

    @_Once
    def is_progress(self) -> bool:
        return _PROGRESS.match(self._text) is not None

    @_Once
    def is_chained(self) -> bool:
        return self._text.startswith(_CHAINED)

    @_Once
    def is_wrapped(self) -> bool:
        return _WRAPPED.match(self._text) is not None

    @_Once
    def is_thread(self) -> bool:
        return _THREAD.match(self._text) is not None

    @_Once
    def begins_failures(self) -> bool:
        """Whether torchrun's list of failures may begin here."""
        return "Failures:" in self._text

    @_Once
    def ended_well(self) -> bool:
        return any(each in self._text for each in ENDED_WELL)

    @_Once
    def is_quiet(self) -> bool:
        """Whether it changes nothing where no traceback is being read."""
        return self.is_blank or not (
            self.sign is not Sign.NOTHING
            or self.is_indented
            or self.is_surely_exception
            or self.is_progress
            or self.is_thread
            or self.is_frame
            or self.begins_failures
            or self.ended_well
        )

    @_Once
    def indent_of_file(self) -> int | None:
        """The columns before `File "…", line …`; None where that is not the line."""
        match = _FILE.match(self._text)
        return len(match["indent"]) if match else None

    @_Once
    def is_frame(self) -> bool:
        """Whether it is the line of a frame: `File "…", line …, in …`."""
        match = _FILE.match(self._text)
        return match is not None and match["where"] is not None


_looks: Recent[Look] = Recent()


def look_of(text: str) -> Look:
    look = Look(text)
    known = _looks.get(look.key)
    if known is None:
        _looks.offer(look.key, look)
        return look
    return known
