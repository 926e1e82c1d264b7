"""How a cluster's supervisors run: on a Docker engine, or in place. All that differs
between the two is behind this interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from dsk.cluster.model import Cluster, Node
from dsk.errors import JobFailed, Unreachable, UserError
from dsk.jobs.states import JobState, WorkerState
from dsk.text import Text
from dsk.wire.events import Event
from dsk.wire.jobspec import JobSpec
from dsk.wire.warm import WarmState

STOP_LIMIT_S = 60.0
"""For the supervisor to end all ranks and itself; the agents need 10 s of them at most."""

WARM = ["dsk-agent", "warm"]
READ_BYTES = 1 << 20
"""More than any configuration has."""


def warm_state(code: int, output: bytes) -> WarmState | None:
    """What WARM in a worker says; None where that worker's image has no such command, or no warm
    process."""
    try:
        return None if code else WarmState.decode(output)
    except ValueError:
        return None


class Supervisor(ABC):
    """One that was started, by whatever dsk."""

    job: str

    @abstractmethod
    def events(self) -> Iterator[Event]:
        """From its start to its end. Raises Unreachable where they come no more and it lives."""

    @abstractmethod
    def exit_code(self) -> int:
        """The ended supervisor's own. Raises Unreachable where it cannot be asked for, or lives."""

    @abstractmethod
    def request_stop(self) -> None:
        """Asks it to end its job, and returns at once."""

    @abstractmethod
    def request_save(self) -> None:
        """Asks it to have all ranks save a checkpoint and end, and returns at once. Only one whose
        status says that it `saves` understands that."""

    @abstractmethod
    def stop(self) -> None:
        """Returns once the job has ended everywhere. Raises JobFailed where the supervisor had to
        be killed: the agents then end their ranks by themselves."""


class Runtime(ABC):
    """The machine of the master's worker. Everything raises DskError."""

    cluster: Cluster

    @classmethod
    @abstractmethod
    def open(cls, cluster: Cluster) -> AbstractContextManager[Runtime]: ...

    @classmethod
    @abstractmethod
    def look(cls, cluster: Cluster, node: Node) -> tuple[WorkerState, Sequence[JobState]]:
        """The node's worker; with the master's, every job of its workspace, the oldest first."""

    @abstractmethod
    def output_of(self, argv: Sequence[str]) -> str:
        """What a short program in the worker prints. Raises JobFailed where it fails."""

    @abstractmethod
    def stream(self, argv: Sequence[str]) -> Iterable[bytes]:
        """What a program in the worker prints, as it comes."""

    @abstractmethod
    def exists(self, path: str) -> bool:
        """Whether the worker has that file or folder."""

    def read(self, path: str) -> str | None:
        """The text of a file in the worker, of READ_BYTES at most; None where it cannot be read."""
        try:
            return self.output_of(["head", "-c", str(READ_BYTES), "--", path])
        except JobFailed:
            return None

    @abstractmethod
    def start(self, spec: JobSpec) -> Supervisor: ...

    @abstractmethod
    def running(self) -> list[Supervisor]:
        """The newest first."""


@contextmanager
def out_of_hearing(job: str) -> Iterator[None]:
    """For what is asked about a job that runs: Unreachable then says that it goes on."""
    try:
        yield
    except Unreachable as error:
        raise Unreachable(
            Text("{why}; job {job} does not depend on that and continues").filled(
                why=error.told, job=job
            ),
            where=error.where,
            fix=Text("once the server can be reached: dsk logs -f {job}").filled(job=job),
        ) from error


def find(runtime: Runtime, job: str | None) -> Supervisor:
    """The running job `job`, or the one that runs. Raises UserError."""
    running = runtime.running()
    if job:
        running = [supervisor for supervisor in running if supervisor.job == job]
    if not running:
        raise UserError(
            Text("job {job} is not running").filled(job=job) if job else Text("no job is running"),
            fix=Text("dsk status"),
        )
    if len(running) > 1:
        names = ", ".join(supervisor.job for supervisor in running)
        raise UserError(
            Text("several jobs are running: {names}").filled(names=names),
            fix=Text("name one of them"),
        )
    return running[0]
