"""What follows when it is known how an attempt ended. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from dsk.supervisor.ledger import EXACT_REPEATS, WITHOUT_PROGRESS, Fault, Ledger
from dsk.text import Text
from dsk.wire.events import Failure

CONFIGURATION = Text(
    "no restart: it failed before its first step was done, as it would again with the same recipe"
)
REPEATED = Text("no restart: the same failure came {times} times without progress")
NO_PROGRESS = Text("no restart: {times} failures came without progress")
MOST = Text("no restart: --max-restarts is {most}")


@dataclass(frozen=True)
class End:
    """The job ends with this attempt. `failure` is None where all ranks have succeeded. `why` says
    why no other attempt follows, where restarts are wanted."""

    failure: Failure | None
    why: Text | None = None


@dataclass(frozen=True)
class Restart:
    """Another attempt follows, with all nodes of the job. `ledger` has the failure; `number` counts
    restarts from 1. Which checkpoint it resumes from is chosen when the nodes are there."""

    ledger: Ledger
    number: int


def verdict(
    failure: Failure | None, fault: Fault | None, before: Ledger, restarts: int, most: int | None
) -> End | Restart:
    """`restarts`: how many there were. `most`: how many there may be; None: as many as the budgets
    of the ledger allow."""
    if failure is None or fault is None or most == 0:
        return End(failure)
    ledger = before.after(fault)
    if fault.configuration:
        return End(failure, CONFIGURATION)
    if ledger.repeats > EXACT_REPEATS:
        return End(failure, REPEATED.filled(times=ledger.repeats + 1))
    if len(ledger.faults) > WITHOUT_PROGRESS:
        return End(failure, NO_PROGRESS.filled(times=len(ledger.faults)))
    if most is not None and restarts >= most:
        return End(failure, MOST.filled(most=most))
    return Restart(ledger, restarts + 1)
