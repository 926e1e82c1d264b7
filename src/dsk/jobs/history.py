"""What became of the jobs whose folders lie in the master's workspace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from dsk.cluster.model import Cluster
from dsk.errors import UserError
from dsk.jobs.follow import events
from dsk.jobs.master import output_of
from dsk.wire.events import Event
from dsk.wire.status import JobStatus

if TYPE_CHECKING:
    from docker.models.containers import Container


def statuses(worker: Container, cluster: Cluster) -> list[JobStatus]:
    """Every job of this workspace, the oldest first, as its supervisor last wrote it."""
    text = output_of(worker, ["dsk-agent", "jobs", "--workspace", str(cluster.workspace)])
    return [JobStatus.from_json(json.dumps(raw)) for raw in json.loads(text)]


def find(statuses: list[JobStatus], job: str | None) -> JobStatus:
    """The job named, or the newest. Raises UserError."""
    if not statuses:
        raise UserError("no job has run on this cluster yet", fix="dsk launch train.yaml")
    if job is None:
        return statuses[-1]
    found = [status for status in statuses if status.job == job]
    if not found:
        known = ", ".join(status.job for status in statuses[-5:])
        raise UserError(f"there is no job {job}", fix=f"use one of the last: {known}")
    return found[0]


def replay(worker: Container, cluster: Cluster, job: str, *, follow: bool) -> Iterator[Event]:
    """The events of one job from its folder; with `follow` on to its end."""
    words = ["dsk-agent", "logs", "--workspace", str(cluster.workspace), job]
    if follow:
        words.insert(2, "--follow")
    chunks = worker.exec_run(words, stream=True, stderr=False).output
    return events(cast("Iterator[bytes]", chunks))
