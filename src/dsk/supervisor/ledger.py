"""Which failures of a job may be followed by another attempt. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dsk.supervisor.raised import exception
from dsk.supervisor.stalls import Stall
from dsk.wire.events import Failure

EXACT_REPEATS = 1
"""Restarts after a failure that is the same as one before, without progress in between."""
WITHOUT_PROGRESS = 3
"""Restarts without progress, whatever the failures."""

_SSH_FAILED = 255
"""Exit code of ssh itself, by which DeepSpeed's runner starts the ranks."""
_NUMBERS = re.compile(r"0x[0-9a-fA-F]+|\d+(?:\.\d+)?")
_ELSEWHERE = re.compile(
    r"(?i)\bDist\w*Error|Connection\w*Error|BrokenPipeError|TimeoutError|\bNCCL|\bGloo\b|"
    r"connection (?:reset|refused|closed)|timed out|CUDA error|cuDNN error|uncorrectable|"
    r"Input/output error|Stale file handle"
)
"""Exceptions that another rank, a device, the network or a disk can cause: no mistake in the
recipe, even before the first step."""


@dataclass(frozen=True)
class Fault:
    """How an attempt failed, in a form that can be compared. `cause` is the same for the same
    failure, whatever numbers its message has. `step`: how many optimizer steps the rank that failed
    had done, or else the furthest rank; None before the first step begins."""

    cause: str
    node: int | None = None
    rank: int | None = None
    step: int | None = None
    configuration: bool = False


@dataclass(frozen=True)
class Ledger:
    """`faults`: those since the job last made progress, which is a failure at a later step than all
    failures before. `furthest`: the latest step of a failure."""

    faults: tuple[Fault, ...] = ()
    furthest: int = -1

    def after(self, fault: Fault) -> Ledger:
        step = -1 if fault.step is None else fault.step
        if step > self.furthest:
            return Ledger((fault,), step)
        return Ledger((*self.faults, fault), self.furthest)

    @property
    def repeats(self) -> int:
        """How often the newest failure came before."""
        return self.faults.count(self.faults[-1]) - 1


def fault_of(failure: Failure, found: Failure | Stall, step: int | None, *, trained: bool) -> Fault:
    """`found` is what the listener heard, `failure` the same with the rank's last lines. `trained`:
    the job has completed a step."""
    raised = exception(failure.lines)
    return Fault(
        _cause(failure, found, raised),
        failure.node,
        failure.rank,
        step,
        _is_configuration(failure, raised, trained=trained),
    )


def _cause(failure: Failure, found: Failure | Stall, raised: str | None) -> str:
    if isinstance(found, Stall):
        return f"stall in {found.phase}"
    if failure.code is None:
        return "node lost"
    if failure.code < 0 or raised is None:
        return f"exit code {failure.code}"
    return _NUMBERS.sub("#", raised)


def _is_configuration(failure: Failure, raised: str | None, *, trained: bool) -> bool:
    """Whether the same recipe would fail again: a rank gave up by itself before the job had
    completed a single step."""
    if trained or failure.code is None or failure.code <= 0 or failure.code == _SSH_FAILED:
        return False
    return not _ELSEWHERE.search(raised or "") and not _any_elsewhere(failure.lines)


def _any_elsewhere(lines: Sequence[str]) -> bool:
    return any(exception([line]) and _ELSEWHERE.search(line) for line in lines)
