"""What became of the jobs whose folders lie in the master's workspace."""

from __future__ import annotations

import json
from collections.abc import Iterator

from dsk.errors import UserError
from dsk.jobs.follow import events
from dsk.jobs.place import Place
from dsk.jobs.states import LOST, JobState
from dsk.wire.events import FINAL_STATES, Event
from dsk.wire.status import JobStatus


def statuses(place: Place) -> list[JobStatus]:
    """Every job of this workspace, the oldest first, as its supervisor last wrote it."""
    text = place.output_of(["dsk-agent", "jobs", "--workspace", str(place.cluster.workspace)])
    return [JobStatus.from_json(json.dumps(raw)) for raw in json.loads(text)]


def states(place: Place) -> list[JobState]:
    """The same, told from what really runs."""
    alive = {supervisor.job for supervisor in place.running()}
    return [
        JobState(
            status,
            status.state if status.state in FINAL_STATES or status.job in alive else LOST,
        )
        for status in statuses(place)
    ]


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


def replay(place: Place, job: str, *, follow: bool) -> Iterator[Event]:
    """The events of one job from its folder; with `follow` on to its end."""
    words = ["dsk-agent", "logs", "--workspace", str(place.cluster.workspace), job]
    if follow:
        words.insert(2, "--follow")
    return events(place.stream(words))
