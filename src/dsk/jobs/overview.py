"""Where a cluster stands: its workers on every node, and its jobs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from dsk.cluster.model import Cluster, Node
from dsk.connect import open_server, side_by_side
from dsk.jobs import history
from dsk.jobs.master import JOB, find_masters, worker_of
from dsk.wire.events import FINAL_STATES
from dsk.wire.status import JobStatus

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

MISSING, UNREACHABLE, LOST = "missing", "unreachable", "lost"


@dataclass(frozen=True)
class WorkerState:
    """`state` is the container's own ("running", "exited", …), "missing", or "unreachable" because
    of `problem`; `health` is Docker's word for a running one."""

    node: Node
    state: str
    health: str | None = None
    problem: str | None = None


@dataclass(frozen=True)
class JobState:
    """`state` is the status's own, or "lost" where the supervisor is gone without a last word."""

    status: JobStatus
    state: str


@dataclass(frozen=True)
class Overview:
    workers: tuple[WorkerState, ...]
    jobs: tuple[JobState, ...]

    @property
    def unreachable(self) -> bool:
        return any(worker.state == UNREACHABLE for worker in self.workers)

    def to_json(self) -> dict[str, Any]:
        return {
            "nodes": [
                {
                    "node": worker.node.index,
                    "host": worker.node.host,
                    "slots": worker.node.slots,
                    "worker": worker.state,
                    "health": worker.health,
                    "problem": worker.problem,
                }
                for worker in self.workers
            ],
            "jobs": [{**asdict(job.status), "state": job.state} for job in self.jobs],
        }


def overview(cluster: Cluster) -> Overview:
    """Raises nothing for a node that cannot be reached: that is what it reports. The jobs are those
    in the master's workspace, the oldest first; none while the master's worker is not running."""
    jobs: list[JobState] = []

    def look(node: Node) -> WorkerState:
        with open_server(node.server, cluster.state_dir / "known_hosts", where=str(node)) as server:
            engine = server.engine()
            worker = worker_of(engine, cluster, node)
            if worker is None:
                return WorkerState(node, MISSING)
            if node == cluster.master and worker.status == "running":
                jobs.extend(_jobs(engine, worker, cluster))
            health = worker.attrs["State"].get("Health", {}).get("Status")
            return WorkerState(node, worker.status, health if worker.status == "running" else None)

    workers = tuple(
        outcome.value or WorkerState(outcome.node, UNREACHABLE, problem=str(outcome.error))
        for outcome in side_by_side(cluster.nodes, look)
    )
    return Overview(workers, tuple(jobs))


def _jobs(engine: DockerClient, worker: Container, cluster: Cluster) -> list[JobState]:
    alive = {master.labels[JOB] for master in find_masters(engine, cluster, ended=False)}
    return [
        JobState(
            status,
            status.state if status.state in FINAL_STATES or status.job in alive else LOST,
        )
        for status in history.statuses(worker, cluster)
    ]
