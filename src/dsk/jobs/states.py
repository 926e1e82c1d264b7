"""How a worker and a job stand, as `dsk status` shows them."""

from __future__ import annotations

from dataclasses import dataclass

from dsk.cluster.model import Node
from dsk.text import Text
from dsk.wire.events import FINAL_STATES
from dsk.wire.status import JobStatus
from dsk.wire.warm import WarmState

RUNNING, MISSING, UNREACHABLE, LOST = "running", "missing", "unreachable", "lost"
UNREADABLE = "unreadable"
NO_RESULT = (LOST, UNREADABLE)
"""States of jobs that their supervisors do not know: no result was written, or cannot be read."""
STOPPED = "stopped"


@dataclass(frozen=True)
class WorkerState:
    """`state` is the container's own ("running", "exited", …), "missing", or "unreachable" because
    of `problem`; `health` is Docker's word for a running one; `warm` is how its warm process is,
    None where that is not known."""

    node: Node
    state: str
    health: str | None = None
    problem: Text | None = None
    warm: WarmState | None = None


@dataclass(frozen=True)
class JobState:
    """`state` is the status's own, "lost" where the supervisor exited without reporting one, or
    "unreadable" where the status is an UnreadableStatus. `age`: seconds since the supervisor wrote
    the status, by its own clock."""

    status: JobStatus
    state: str
    age: float = 0.0

    @property
    def runs(self) -> bool:
        return self.state not in (*FINAL_STATES, *NO_RESULT)
