"""Supervisors in master containers, on the engine of the master's server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, cast

from dsk.cluster.model import Cluster, Node
from dsk.connect import open_server
from dsk.errors import JobFailed
from dsk.jobs import history, master
from dsk.jobs.follow import events
from dsk.jobs.place import STOP_LIMIT_S, Place, Supervisor
from dsk.jobs.states import MISSING, RUNNING, JobState, WorkerState
from dsk.wire.events import Event
from dsk.wire.jobspec import JobSpec
from dsk.wire.signals import STOP

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

ENGINE_KNOWS_WITHIN_S = 30
CONFLICT = 409


class MasterContainer(Supervisor):
    def __init__(self, container: Container) -> None:
        self.job = str(container.labels[master.JOB])
        self._container = container

    def events(self) -> Iterator[Event]:
        return events(self._container.logs(stream=True, follow=True))

    def exit_code(self) -> int:
        return int(self._container.wait(timeout=ENGINE_KNOWS_WITHIN_S)["StatusCode"])

    def request_stop(self) -> None:
        from docker.errors import APIError

        try:
            self._container.kill(signal=STOP.name)
        except APIError as error:
            if error.status_code != CONFLICT:  # it has just ended by itself
                raise

    def stop(self) -> None:
        from docker.errors import APIError
        from requests.exceptions import ConnectionError, ReadTimeout  # noqa: A004

        self.request_stop()
        try:
            self._container.wait(timeout=STOP_LIMIT_S)
        except (ConnectionError, ReadTimeout) as error:
            try:
                self._container.kill(signal="SIGKILL")
            except APIError:
                return
            raise JobFailed(
                f"the supervisor did not end within {STOP_LIMIT_S:.0f} s and was killed",
                fix="the workers end what is left by themselves; look with dsk status",
            ) from error


class EnginePlace(Place):
    def __init__(self, engine: DockerClient, cluster: Cluster) -> None:
        self.cluster = cluster
        self._engine = engine

    @classmethod
    @contextmanager
    def open(cls, cluster: Cluster) -> Iterator[EnginePlace]:
        with open_server(cluster.master.server, cluster.state_dir / "known_hosts") as server:
            yield cls(server.engine(), cluster)

    @classmethod
    def look(cls, cluster: Cluster, node: Node) -> tuple[WorkerState, Sequence[JobState]]:
        """No jobs while the master's worker is not running."""
        with open_server(node.server, cluster.state_dir / "known_hosts", where=str(node)) as server:
            engine = server.engine()
            worker = master.worker_of(engine, cluster, node)
            if worker is None:
                return WorkerState(node, MISSING), ()
            if worker.status != RUNNING:
                return WorkerState(node, worker.status), ()
            health = worker.attrs["State"].get("Health", {}).get("Status")
            jobs = history.states(cls(engine, cluster)) if node == cluster.master else ()
            return WorkerState(node, RUNNING, health), jobs

    @cached_property
    def _worker(self) -> Container:
        return master.find_worker(self._engine, self.cluster)

    def output_of(self, argv: Sequence[str]) -> str:
        return master.output_of(self._worker, list(argv))

    def stream(self, argv: Sequence[str]) -> Iterable[bytes]:
        chunks = self._worker.exec_run(list(argv), stream=True, stderr=False).output
        return cast("Iterator[bytes]", chunks)

    def exists(self, path: str) -> bool:
        return bool(self._worker.exec_run(["test", "-e", path]).exit_code == 0)

    def start(self, spec: JobSpec) -> Supervisor:
        return MasterContainer(master.start(self._engine, self.cluster, spec))

    def running(self) -> list[Supervisor]:
        found = master.find_masters(self._engine, self.cluster, ended=False)
        return [MasterContainer(container) for container in found]
