"""What a supervisor reports, one JSON object a line: on its output, and in the job's folder.

Every line has `event` (the kind) and `at` (the supervisor's own clock, seconds since the epoch).
This shape, without the templates of its texts (wire.templates), is what `dsk launch --json` and
`dsk logs --json` print.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from dsk.text import Text
from dsk.wire.tagged import Tagged

State = Literal["starting", "running", "stopping", "succeeded", "failed", "stopped"]
FINAL_STATES = ("succeeded", "failed", "stopped")

NoticeKind = Literal[
    "change",
    "workspace",
    "models",
    "node_lost",
    "left_over",
    "not_written",
    "lines_left_out",
    "cleanup",
    "stalled",
    "disk_low",
    "not_notified",
    "cold_start",
    "save",
    "save_refused",
    "checkpoint",
    "restart",
    "no_restart",
    "node_back",
    "detached",
    "unparsed",
    "untyped",
]
"""What a notice is about; docs/events.md says what each means. "untyped": an older version of dsk
has written it."""

BAR = "\r"
"""Begins a text of an agent that shows an unfinished line, which a later one takes the place of."""


@dataclass(frozen=True)
class Phase:
    """The job came into a new state; `text` says in words what happens now."""

    at: float
    state: State
    text: Text


@dataclass(frozen=True)
class Accepted:
    """The workers are connected, have what the job needs, and are locked for it."""

    at: float


@dataclass(frozen=True)
class Attempt:
    """The ranks are being started. `number` counts from 0, `nodes` are those that take part, by
    index. `resume_from` is the checkpoint's folder, None where the training starts from the
    beginning."""

    at: float
    number: int
    nodes: tuple[int, ...]
    resume_from: str | None = None


@dataclass(frozen=True)
class Notice:
    """Something that the user should know; `node` where it concerns one."""

    at: float
    kind: NoticeKind
    text: Text
    node: int | None = None


@dataclass(frozen=True)
class Output:
    """One line of a rank (`rank` set) or of the launcher on a node; `node` None is the master
    container's own. `bar`: it has no end yet, and a later one takes its place."""

    at: float
    node: int | None
    rank: int | None
    line: str
    bar: bool = False


@dataclass(frozen=True)
class Step:
    """How far the training is, every few seconds while it moves; see wire.progress."""

    at: float
    phase: str
    step: int | None
    steps: int | None
    loss: float | None = None
    samples_per_s: float | None = None


@dataclass(frozen=True)
class Exited:
    """A rank has ended. `rank` is None where DeepSpeed's launcher does not say which; `code` is
    negative where a signal, `signal` by its name, ended it."""

    at: float
    node: int
    rank: int | None
    code: int
    signal: str | None = None


@dataclass(frozen=True)
class Failure:
    """Why the attempt ends, told before what is left of it is ended. `code` is the exit code of the
    rank or program where there is one; `lines` are the last that it printed. `out_of_memory`: the
    kernel has killed something in the rank's worker because that was out of memory."""

    at: float
    cause: Text
    node: int | None = None
    rank: int | None = None
    code: int | None = None
    fix: Text | None = None
    lines: tuple[str, ...] = ()
    out_of_memory: bool = False


@dataclass(frozen=True)
class Finished:
    """The last event of a job. `exit_code` is dsk's own: 0, 1, 2, 3 or 130. `saved_step`: of the
    checkpoint with which the job ended on request."""

    at: float
    state: State
    exit_code: int
    seconds: float
    folder: str
    output_dir: str
    saved_step: int | None = None


Event = Phase | Accepted | Attempt | Notice | Output | Step | Exited | Failure | Finished
_LINES = Tagged("event", "an event", *get_args(Event), older={"notice": {"kind": "untyped"}})


def encode(event: Event) -> str:
    return _LINES.encode(event)


def for_programs(event: Event) -> str:
    """As --json prints it: in English, without templates."""
    return _LINES.for_programs(event)


def decode(line: str) -> Event:
    """Raises ValueError where the line is no event; tagged.UnknownKind where it is one that this
    version of dsk does not have."""
    event: Event = _LINES.decode(line)
    return event
