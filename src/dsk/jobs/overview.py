"""Where a cluster stands: its workers on every node, and its jobs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dsk.cluster.model import Cluster
from dsk.connect import side_by_side
from dsk.errors import DskError, UserError
from dsk.jobs.runtimes import runtime_kind
from dsk.jobs.states import UNREACHABLE, JobState, WorkerState
from dsk.text import Text, verbatim
from dsk.wire import templates
from dsk.wire.warm import WarmState

OFF = "off"


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
                    "problem": worker.problem and worker.problem.in_language("en"),
                    "warm": worker.warm and templates.flat(worker.warm, templates=False),
                }
                for worker in self.workers
            ],
            "jobs": [
                {**job.status.for_programs(), "state": job.state, "age": job.age}
                for job in self.jobs
            ],
        }


def overview(cluster: Cluster) -> Overview:
    """Raises nothing for a node that cannot be reached: that is what it reports. The jobs are those
    in the master's workspace, the oldest first. Raises UserError where nothing can be looked at."""
    look = runtime_kind(cluster).look
    outcomes = side_by_side(cluster.nodes, lambda node: look(cluster, node))
    for outcome in outcomes:
        if isinstance(outcome.error, UserError):
            raise outcome.error
    seen = [
        outcome.value
        or (WorkerState(outcome.node, UNREACHABLE, problem=_problem(outcome.error)), ())
        for outcome in outcomes
    ]
    return Overview(
        tuple(replace(worker, warm=_next(cluster, worker.warm)) for worker, _ in seen),
        tuple(job for _, jobs in seen for job in jobs),
    )


def _next(cluster: Cluster, warm: WarmState | None) -> WarmState | None:
    """How the ranks of the next job start: dsk.yaml may say something else than what the worker was
    started with, and counts (dsk.jobs.spec)."""
    if warm and cluster.warm == "false" and warm.state != OFF:
        return replace(warm, state=OFF, reason=Text("warm is false in dsk.yaml"))
    if warm and cluster.warm == "true" and warm.state == OFF and warm.asked != "true":
        text = Text("{why}; dsk.yaml has warm: true, so one is started after the next job")
        return replace(warm, reason=text.filled(why=warm.reason))
    return warm


def _problem(error: Exception | None) -> Text:
    return error.complete if isinstance(error, DskError) else verbatim(str(error))
