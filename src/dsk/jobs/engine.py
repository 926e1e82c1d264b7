"""Supervisors in master containers, on the engine of the master's server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from dsk.cluster.model import Cluster, Node
from dsk.connect import Server, execution, open_server
from dsk.errors import DskError, JobFailed, Unreachable
from dsk.jobs import history, master
from dsk.jobs.follow import events
from dsk.jobs.runtime import STOP_LIMIT_S, WARM, Runtime, Supervisor, out_of_hearing, warm_state
from dsk.jobs.states import MISSING, RUNNING, JobState, WorkerState
from dsk.text import Text, joined
from dsk.wire.events import Event, Finished
from dsk.wire.jobspec import JobSpec
from dsk.wire.signals import SAVE, STOP
from dsk.wire.warm import WarmState

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

ENGINE_KNOWS_WITHIN_S = 30
NOT_FOUND = 404


@contextmanager
def asking(where: str) -> Iterator[None]:
    """What the engine is asked. Raises Unreachable where the way to it is lost, JobFailed where it
    refuses."""
    from http.client import HTTPException

    from docker.errors import APIError, DockerException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (OSError, DockerException, HTTPError, HTTPException) as error:  # requests' are OSErrors
        if isinstance(error, APIError) and error.is_client_error():
            raise JobFailed(
                Text("the Docker engine refuses the request: {explanation}").filled(
                    explanation=error.explanation
                ),
                where=where,
                fix=Text("dsk status"),
            ) from error
        raise Unreachable(
            Text("the connection to the Docker engine is lost: {error}").filled(error=error),
            where=where,
            fix=Text("are the server and its engine running? see dsk status"),
        ) from error


class MasterContainer(Supervisor):
    def __init__(self, container: Container, where: str) -> None:
        self.job = str(container.labels[master.JOB])
        self._container = container
        self._where = where

    @contextmanager
    def _asking(self) -> Iterator[None]:
        with out_of_hearing(self.job), asking(self._where):
            yield

    def events(self) -> Iterator[Event]:
        last: Event | None = None
        with self._asking():
            for last in events(self._container.logs(stream=True, follow=True)):
                yield last
        if not isinstance(last, Finished):
            # docker-py ends the stream without a word where the connection is lost.
            self.exit_code()

    def exit_code(self) -> int:
        from docker.errors import NotFound

        with self._asking():
            try:
                return int(self._container.wait(timeout=ENGINE_KNOWS_WITHIN_S)["StatusCode"])
            except NotFound:
                # The next launch removes the containers of jobs that have ended.
                raise JobFailed(
                    Text("the master container of job {job} was removed").filled(job=self.job),
                    where=self._where,
                    fix=Text("the job's result: dsk status   its output: dsk logs {job}").filled(
                        job=self.job
                    ),
                ) from None

    def request_stop(self) -> None:
        self._kill(STOP.name)

    def request_save(self) -> None:
        self._kill(SAVE.name)

    def stop(self) -> None:
        self.request_stop()
        if self._ends_within(STOP_LIMIT_S):
            return
        if self._kill("SIGKILL"):
            raise JobFailed(
                Text("the supervisor did not exit within {limit:.0f} s and was killed").filled(
                    limit=STOP_LIMIT_S
                ),
                fix=Text("the workers stop the remaining ranks by themselves; see dsk status"),
            )

    def _kill(self, signal: str) -> bool:
        """Whether there was something to signal: not where it has just ended by itself."""
        from docker.errors import APIError

        with self._asking():
            try:
                self._container.kill(signal=signal)
            except APIError as error:
                if error.status_code not in (master.CONFLICT, NOT_FOUND):
                    raise
                return False
        return True

    def _ends_within(self, limit: float) -> bool:
        from docker.errors import NotFound
        from requests.exceptions import RequestException

        with self._asking():
            try:
                self._container.wait(timeout=limit)
            except NotFound:
                return True
            except RequestException as error:
                if not _is_timeout(error):
                    raise
                return False
        return True


def _is_timeout(error: Exception) -> bool:
    """Whether the engine did not answer in time, which requests tells in two ways, and not that the
    connection to it is lost."""
    from requests.exceptions import ReadTimeout
    from urllib3.exceptions import ReadTimeoutError

    cause = error.args[0] if error.args else None
    return isinstance(error, ReadTimeout) or isinstance(cause, ReadTimeoutError)


def _warm(worker: Container, node: Node) -> WarmState | None:
    """None where it cannot be asked: nothing else that is known of the worker depends on it."""
    try:
        with asking(str(node)):
            said = execution.execute(worker, WARM)
    except DskError:
        return None
    return warm_state(said.code, said.stdout)


def _with_jobs_on_disk(
    state: WorkerState, runtime: EngineRuntime, server: Server
) -> tuple[WorkerState, Sequence[JobState]]:
    """What the jobs wrote, read by the master's `server`; if it cannot be read, the reason becomes
    the worker's problem. Raises Unreachable."""
    try:
        return state, history.states_on_disk(runtime, server)
    except Unreachable:
        raise
    except DskError as error:
        told = joined(filter(None, (error.told, error.remedy)), "; ")
        return replace(state, problem=told), ()


class EngineRuntime(Runtime):
    def __init__(self, engine: DockerClient, cluster: Cluster) -> None:
        self.cluster = cluster
        self._engine = engine

    @classmethod
    @contextmanager
    def open(cls, cluster: Cluster) -> Iterator[EngineRuntime]:
        with open_server(cluster.master.server, cluster.state_dir / "known_hosts") as server:
            yield cls(server.engine(), cluster)

    @classmethod
    def look(cls, cluster: Cluster, node: Node) -> tuple[WorkerState, Sequence[JobState]]:
        """Where the master's worker does not run, its server reads what the jobs wrote."""
        with open_server(node.server, cluster.state_dir / "known_hosts", where=str(node)) as server:
            engine = server.engine()
            with asking(str(node)):
                worker = master.worker_of(engine, cluster, node)
            if worker is None or worker.status != RUNNING:
                state = WorkerState(node, MISSING if worker is None else worker.status)
                if node != cluster.master:
                    return state, ()
                return _with_jobs_on_disk(state, cls(engine, cluster), server)
            health = worker.attrs["State"].get("Health", {}).get("Status")
            jobs = history.states(cls(engine, cluster)) if node == cluster.master else ()
            return WorkerState(node, RUNNING, health, warm=_warm(worker, node)), jobs

    def _asking(self) -> AbstractContextManager[None]:
        return asking(str(self.cluster.master))

    @cached_property
    def _worker(self) -> Container:
        return master.find_worker(self._engine, self.cluster)

    def output_of(self, argv: Sequence[str]) -> str:
        with self._asking():
            return master.output_of(self._worker, list(argv))

    def stream(self, argv: Sequence[str]) -> Iterator[bytes]:
        with self._asking():
            yield from execution.follow(self._worker, argv)

    def exists(self, path: str) -> bool:
        with self._asking():
            return execution.execute(self._worker, ["test", "-e", path]).code == 0

    def start(self, spec: JobSpec) -> Supervisor:
        with self._asking():
            return self._supervisor(master.start(self._engine, self.cluster, spec))

    def running(self) -> list[Supervisor]:
        with self._asking():
            found = master.find_masters(self._engine, self.cluster, ended=False)
        return [self._supervisor(container) for container in found]

    def _supervisor(self, container: Container) -> Supervisor:
        return MasterContainer(container, str(self.cluster.master))
