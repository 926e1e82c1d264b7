"""The runtime where the servers are containers without an engine: supervisors are processes in the
first worker."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from signal import SIGKILL

from dsk.cluster.model import Cluster, Node
from dsk.connect import Server, open_server, processes
from dsk.connect.background import Background
from dsk.connect.local import LocalServer
from dsk.errors import JobFailed, Unreachable
from dsk.files import write_atomic
from dsk.jobs import history
from dsk.jobs.follow import events
from dsk.jobs.runtime import STOP_LIMIT_S, WARM, Runtime, Supervisor, warm_state
from dsk.jobs.states import RUNNING, UNREACHABLE, JobState, WorkerState
from dsk.servers import in_place, workerkeys
from dsk.text import Text
from dsk.wire import paths
from dsk.wire.events import Event
from dsk.wire.jobspec import JobSpec
from dsk.wire.signals import SAVE, STOP

LIMIT_S = 30.0
KILLED_WITHIN_S = 5.0
CHUNK = 65536


class SupervisorProcess(Supervisor):
    def __init__(self, process: Background) -> None:
        self.job = process.folder.name
        self._process = process

    def events(self) -> Iterator[Event]:
        return events(self._process.output())

    def exit_code(self) -> int:
        code = self._process.exit_code()
        return JobFailed.exit_code if code is None or code < 0 else code

    def request_stop(self) -> None:
        self._process.signal(STOP)

    def request_save(self) -> None:
        self._process.signal(SAVE)

    def stop(self) -> None:
        self.request_stop()
        if not self._process.wait(STOP_LIMIT_S):
            self._process.signal(SIGKILL)
            self._process.wait(KILLED_WITHIN_S)
            raise JobFailed(
                Text("the supervisor did not exit within {limit:.0f} s and was killed").filled(
                    limit=STOP_LIMIT_S
                ),
                fix=Text("the workers stop the remaining ranks by themselves; see dsk status"),
            )


class InPlaceRuntime(Runtime):
    def __init__(self, cluster: Cluster, server: Server) -> None:
        self.cluster = cluster
        self._server = server

    @classmethod
    @contextmanager
    def open(cls, cluster: Cluster) -> Iterator[InPlaceRuntime]:
        in_place.check_here(cluster)
        with LocalServer(str(cluster.master)) as server:
            yield cls(cluster, server)

    @classmethod
    def look(cls, cluster: Cluster, node: Node) -> tuple[WorkerState, Sequence[JobState]]:
        """A worker that one can log in to is running; no more is known of another container.

        Raises UserError where this container is not the master's.
        """
        jobs: Sequence[JobState] = ()
        if node == cluster.master:
            with cls.open(cluster) as runtime:
                jobs = history.states(runtime)
        try:
            with open_server(
                node.server, cluster.state_dir / "known_hosts", where=str(node)
            ) as server:
                said = server.run(WARM, timeout=LIMIT_S)
        except Unreachable as error:
            return WorkerState(node, UNREACHABLE, problem=error.told), jobs
        return WorkerState(node, RUNNING, warm=warm_state(said.returncode, said.stdout)), jobs

    def output_of(self, argv: Sequence[str]) -> str:
        done = self._server.run(argv, timeout=LIMIT_S)
        if done.returncode:
            raise JobFailed(
                Text("`{argv}` failed: {error}").filled(argv=" ".join(argv), error=done.error),
                where=self._server.where,
            )
        return done.stdout.decode(errors="replace")

    def stream(self, argv: Sequence[str]) -> Iterator[bytes]:
        process = self._server.popen(argv, stderr=processes.STDOUT)
        assert process.stdout  # noqa: S101 - popen's default
        try:
            while chunk := process.stdout.read1(CHUNK):  # type: ignore[attr-defined]
                yield chunk
        finally:
            processes.end(process)

    def exists(self, path: str) -> bool:
        return Path(path).exists()

    def start(self, spec: JobSpec) -> Supervisor:
        """Raises UserError where the key or a worker's host key is missing."""
        material = self._material(spec)
        _remove_ended()
        folder = Path(paths.SUPERVISORS) / spec.job
        keys = Path(paths.keys(str(folder)))
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        for made in (folder, keys):
            made.mkdir(mode=0o700)
        for name, data in material.items():
            write_atomic(keys / name, data, 0o600)
        # Its supervisor alone reads it, and deletes it then: the specification may hold secrets.
        write_atomic(Path(paths.spec(str(folder))), spec.to_json().encode(), 0o600)
        process = Background(folder)
        process.start([in_place.SUPERVISOR, str(folder)])
        return SupervisorProcess(process)

    def running(self) -> list[Supervisor]:
        alive = [process for process in _all() if process.alive()]
        return [SupervisorProcess(process) for process in reversed(alive)]

    def _material(self, spec: JobSpec) -> dict[str, bytes]:
        """paths.SSH_MATERIAL."""
        in_place.check_keys(self.cluster, [node.host for node in spec.nodes])
        known = workerkeys.known(self.cluster)
        lines = "".join(f"{known[node.host].line}\n" for node in spec.nodes)
        key, known_hosts = paths.SSH_MATERIAL
        return {key: self.cluster.key.read_bytes(), known_hosts: lines.encode()}


def _all() -> list[Background]:
    """Every supervisor's, the oldest first: a job's name sorts by its start."""
    folder = Path(paths.SUPERVISORS)
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    return [Background(entry) for entry in found]


def _remove_ended() -> None:
    for process in _all():
        if process.started and not process.alive():
            shutil.rmtree(process.folder, ignore_errors=True)
