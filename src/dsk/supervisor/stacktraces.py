"""Where the ranks of a job that hangs stand, and which of them stand elsewhere than the others."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dsk.errors import DskError
from dsk.files import write_atomic
from dsk.supervisor.stalls import Stall
from dsk.supervisor.worker import Worker
from dsk.supervisor.workers import Workers
from dsk.text import Text, joined
from dsk.wire.events import Failure
from dsk.wire.jobspec import JobNode
from dsk.wire.operations import ReadStacks
from dsk.wire.progress import doing

KEEP_LIMIT_S = 10.0
STOPPED = "T"
_STOPPED = Text("rank {rank} on node{node} ({host}) is stopped (by a signal or a debugger)")
MOST_NAMED = 4
_MAIN = re.compile(r'^Thread .*"MainThread".*\n((?:    .*\n?)+)', re.MULTILINE)
_FRAME = re.compile(r"^    (?P<frame>(?P<function>.+?) \((?P<file>[^()]*?)(?::\d+)?\))$")
_WAITS = re.compile(r"torch/distributed/|deepspeed/comm/|torch/autograd/graph\.py")
"""Files of py-spy's frames in which a rank waits for the others."""
_JOINS = re.compile(r"torch/distributed/rendezvous\.py|^_new_process_group_helper ")
"""Frames in which it is not yet connected to them."""


@dataclass(frozen=True)
class Stack:
    """A rank's, as its node's agent has read it (operations.RankStack)."""

    node: JobNode
    rank: int
    state: str | None
    text: str

    @property
    def frames(self) -> list[str]:
        """The main thread's, `function (file:line)`, the innermost first; none where unknown."""
        main = _MAIN.search(self.text)
        return [line.strip() for line in main[1].splitlines()] if main else []

    @property
    def place(self) -> str | None:
        """The innermost frame without its line, which in one loop may be any."""
        match = _FRAME.match(f"    {self.frames[0]}") if self.frames else None
        return f"{match['function']} ({match['file']})" if match else None

    @property
    def waits(self) -> bool:
        """For other ranks."""
        return any(_WAITS.search(frame) for frame in self.frames[:6])

    @property
    def joins(self) -> bool:
        """Waits to be connected to other ranks."""
        return any(_JOINS.search(frame) for frame in self.frames[:6])


def gather(workers: Workers) -> list[Stack]:
    """All ranks' on all nodes, side by side; what cannot be had is left out."""

    def ask(worker: Worker) -> list[Stack]:
        try:
            found = worker.ask(ReadStacks())
        except DskError:
            return []
        return [Stack(worker.node, each.rank, each.state, each.text) for each in found]

    return [stack for _, stacks in workers.each(ask) for stack in stacks]


def keep(stacks: Sequence[Stack], folder: Path, limit: float = KEEP_LIMIT_S) -> Text | None:
    """Writes them below `folder`; returns what the user should know where that fails, or takes more
    than `limit` seconds: the end of the job does not wait for a disk."""
    problems: list[Text | None] = []
    thread = threading.Thread(target=lambda: problems.append(_write(stacks, folder)), daemon=True)
    thread.start()
    thread.join(limit)
    late = Text("the ranks' stacks are not all in {folder}: its disk took longer than {limit:g} s")
    return problems[0] if problems else late.filled(folder=str(folder), limit=limit)


def _write(stacks: Sequence[Stack], folder: Path) -> Text | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stack in stacks:
            name = f"node{stack.node.index}-rank{stack.rank}.txt"
            state = f"state {stack.state}: stopped\n" if stack.state == STOPPED else ""
            write_atomic(folder / name, (state + stack.text).encode())
    except OSError as error:
        text = Text("the ranks' stacks cannot all be written to {folder}: {error}")
        return text.filled(folder=str(folder), error=error.strerror)
    return None


def astray(stacks: Sequence[Stack]) -> dict[Stack, Text]:
    """Those that the others wait for, with a sentence on where they are; empty where none differs
    from the others."""
    if stopped := [stack for stack in stacks if stack.state == STOPPED]:
        return dict.fromkeys(stopped, _STOPPED)
    known = [stack for stack in stacks if stack.place]
    if waiting := [stack for stack in known if stack.waits]:
        return {stack: _in(stack) for stack in known if stack not in waiting}
    places = [stack.place for stack in known]
    common = max(set(places), key=places.count, default=None)
    if places.count(common) * 2 <= len(places):
        return {}
    return {stack: _in(stack) for stack in known if stack.place != common}


def _in(stack: Stack) -> Text:
    return Text("rank {rank} on node{node} ({host}) is in {frame}").filled(frame=stack.frames[0])


def failure(stall: Stall, stacks: Sequence[Stack], *, at: float, folder: str) -> Failure:
    """With the ranks that the others wait for, and where they are; `folder` has all stacks."""
    elsewhere = astray(stacks)
    known = [stack for stack in stacks if stack.place]
    apart = not elsewhere and bool(known) and all(stack.joins for stack in known)
    named = [
        text.filled(rank=stack.rank, node=stack.node.index, host=stack.node.host)
        for stack, text in elsewhere.items()
    ]
    first = next(iter(elsewhere), None)
    if len(named) > MOST_NAMED:
        more = Text("and {number} more").filled(number=len(named) - MOST_NAMED)
        named = [*named[:MOST_NAMED], more]
    cause = Text(
        "no rank has made progress for {seconds:.0f} s while {phase} (limit {limit:.0f} s)"
    ).filled(seconds=stall.seconds, phase=doing(stall.phase), limit=stall.limit)
    fix = Text(
        "every rank's stack is in {folder}; where it was only slow: dsk launch --limit {phase}=… "
        "(seconds, or off)"
    ).filled(folder=folder, phase=stall.phase)
    if named:
        cause = Text("{stall}: {ranks}").filled(stall=cause, ranks=joined(named, "; "))
    if apart:
        cause = Text("{stall}: all wait to be connected to one another").filled(stall=cause)
        fix = Text(
            "dsk check --only interface --only reach   tells what is between them; {stacks}"
        ).filled(stacks=fix)
    return Failure(
        at,
        cause,
        node=first.node.index if first else None,
        rank=first.rank if first else None,
        fix=fix,
    )
