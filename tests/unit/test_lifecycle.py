"""docs/jobs.md has every state, transition, limit and exit code of a job, and none besides."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

import dsk.agent
import dsk.supervisor
from dsk import errors
from dsk.cli.printing import BROKEN_PIPE
from dsk.errors import DskError, JobFailed
from dsk.jobs import history
from dsk.jobs.states import LOST, NO_RESULT
from dsk.supervisor.heard import Heard, Lines
from dsk.supervisor.interrupts import StopRequested
from dsk.wire import jobspec, limits, session
from dsk.wire.events import Failure, Finished, Phase, State
from dsk.wire.progress import Progress
from dsk.wire.saving import SaveAnswer
from dsk.wire.status import JobStatus
from tests.unit.supervisor.test_job import BAD, GOOD, KILLED, Small, Told, restarting
from tests.unit.wire.test_messages import SPEC

DOC = Path(__file__).parents[2] / "docs/jobs.md"
NAME = re.compile(r"`([^`]+)`")


def table(header: str) -> list[list[str]]:
    """The rows below the header line."""
    _, _, rest = DOC.read_text(encoding="utf-8").partition(f"\n{header}\n")
    assert rest, f"no table {header!r}"
    rows = itertools.takewhile(lambda line: line.startswith("|"), rest.splitlines()[1:])
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_states() -> None:
    written = [name for row in table("| state | meaning |") for name in NAME.findall(row[0])]
    assert sorted(written) == sorted((*get_args(State), *NO_RESULT))


# ---- transitions -------------------------------------------------------------------------------

SAYS = Lines(SPEC.nodes[0], ((0, "a line"),))
Scenario = Callable[[Told, Path], Small]


class Refused(Small):
    error: BaseException = JobFailed("job j1 is running here")

    def _run(self, started: ExitStack) -> Failure | None:
        raise self.error


def refused(told: Told, folder: Path) -> Small:
    return Refused(told, folder)


def stopped_before(told: Told, folder: Path) -> Small:
    made = Refused(told, folder)
    made.error = StopRequested()
    return made


def ends(*heard: Heard) -> Scenario:
    return lambda told, folder: Small(told, folder, *heard)


def stopped(told: Told, folder: Path) -> Small:
    made = Small(told, folder)
    made.at_start = made.stop
    return made


def stopped_while_running(told: Told, folder: Path) -> Small:
    made = Small(told, folder, SAYS)
    run = made._record.tell

    def tell(event: Any) -> None:
        run(event)
        if isinstance(event, Phase) and event.state == "running":
            made.stop()

    made._record.tell = tell  # type: ignore[method-assign]
    return made


def saved_on_request(told: Told, folder: Path) -> Small:
    answer = SaveAnswer(1, "saved", 7)
    last = Progress("ending", 1, 0.0, 7, 9, answer=answer)
    return Small(told, folder, SAYS, *(replace(each, rank=0, progress=last) for each in GOOD))


def hangs(told: Told, folder: Path) -> Small:
    made = Small(told, folder, SAYS)
    made._spec = replace(made._spec, limits={"loading": 0.2})
    return made


def heard_late(told: Told, folder: Path) -> Small:
    return Small(told, folder, BAD, last=SAYS)


def starts_again(told: Told, folder: Path) -> Small:
    return restarting(told, folder, SAYS, KILLED)


SCENARIOS = {
    "starts again": starts_again,
    "refused": refused,
    "stopped before": stopped_before,
    "succeeds": ends(SAYS, *GOOD),
    "succeeds in silence": ends(*GOOD),
    "fails": ends(SAYS, BAD),
    "fails in silence": ends(BAD),
    "stopped": stopped,
    "stopped while running": stopped_while_running,
    "saved on request": saved_on_request,
    "hangs": hangs,
    "a rank is heard late": heard_late,
}


def states(events: list[Any]) -> Iterator[str]:
    yield JobStatus("j", "lab", "starting", (), 1, 1.0, 1.0, "/o").state
    yield from (each.state for each in events if isinstance(each, Phase | Finished))


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    found = set()
    for name, scenario in SCENARIOS.items():
        told = Told()
        scenario(told, tmp_path_factory.mktemp(name.replace(" ", "-"))).run()
        pairs = itertools.pairwise(states(told.events))
        found |= {(before, after) for before, after in pairs if before != after}
    return found


def test_the_transitions(seen: set[tuple[str, str]]) -> None:
    written = {
        (before, after)
        for row in table("| from | to | when |")
        for before in NAME.findall(row[0])
        for after in NAME.findall(row[1])
    }
    lost = {
        (state, LOST)
        for state in get_args(State)
        if history._state(replace(STATUS, state=state), runs=False) == LOST
    }
    assert written == seen | lost


STATUS = JobStatus("j", "lab", "starting", (), 1, 1.0, 1.0, "/o")


# ---- limits ------------------------------------------------------------------------------------

CONSTANT = re.compile(r"^([A-Z][A-Z_]*_S)\b.*=", re.MULTILINE)
INTERVAL = re.compile(r"LOOK|POLL|TICK|PAUSE|EVERY|BAR|PER_S$")
"""How often something is done, or how much: no limit of a wait."""
ROOMS = {
    "wire": ("limits", "session", "operations"),
    "supervisor": tuple(each.name for each in pkgutil.iter_modules(dsk.supervisor.__path__)),
    "supervisor.notify": ("notifier", "deliver", "__main__", "lane"),
    "agent": tuple(each.name for each in pkgutil.iter_modules(dsk.agent.__path__)),
    "jobs": ("engine", "history", "in_place", "master", "runtime", "saving"),
}
OTHER = {"agent.verify", "agent.content_id"}
"""No part of a job: `dsk image verify`."""


def in_the_code() -> dict[str, float]:
    found: dict[str, float] = {}
    for room, modules in ROOMS.items():
        for name in modules:
            module = importlib.import_module(f"dsk.{room}.{name}")
            text = Path(str(module.__file__)).read_text(encoding="utf-8")
            for constant in CONSTANT.findall(text):
                if not INTERVAL.search(constant) and f"{room}.{name}" not in OTHER:
                    found[f"{room}.{name}.{constant}"] = getattr(module, constant)
    return found


def test_the_limits() -> None:
    rows = table("| limit | seconds | of what |")
    written = {NAME.findall(row[0])[0]: float(row[1]) for row in rows}
    assert len(written) == len(rows), "a limit is there twice"
    assert written == in_the_code()


def test_the_limits_of_the_phases() -> None:
    rows = table("| phase of the ranks | seconds |")
    assert {NAME.findall(row[0])[0]: float(row[1]) for row in rows} == dict(limits.DEFAULTS)


# ---- exit codes --------------------------------------------------------------------------------


def test_the_exit_codes() -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    codes = {kind.exit_code for kind in kinds if issubclass(kind, DskError)}
    codes |= {each.exit_code for each in vars(jobspec).values() if hasattr(each, "exit_code")}
    codes |= {value for value in vars(session).values() if type(value) is int and 0 <= value < 256}
    codes |= {0, errors.INTERRUPTED, BROKEN_PIPE}
    written = [int(row[0]) for row in table("| code | of | meaning |")]
    assert sorted(written) == sorted(codes)
