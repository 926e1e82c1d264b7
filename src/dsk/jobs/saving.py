"""A job that is asked to save a checkpoint and to end: whether it can, and what becomes of it."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable

from dsk.connect.listening import listen
from dsk.errors import JobFailed, UserError
from dsk.jobs import history
from dsk.jobs.runtime import Runtime, Supervisor
from dsk.jobs.wanted import Since
from dsk.text import Text
from dsk.wire.events import Finished, Notice
from dsk.wire.status import UnreadableStatus

SAVE_SLOW_S = 600.0
LOOK_BACK_S = 2.0
"""Events that are as old may belong to the request: it is sent after this clock was read."""
WITHOUT = Text("dsk stop {job} ends it without a checkpoint")


def check_can_save(runtime: Runtime, job: str) -> bool:
    """False where the job has no folder yet, and so nothing to save. Raises UserError where it
    cannot be asked."""
    status = next((each for each in history.statuses(runtime) if each.job == job), None)
    if status is None:
        return False
    if isinstance(status, UnreadableStatus) or status.saves is None:
        raise UserError(
            Text("job {job} runs with a version of dsk that cannot save on request").filled(
                job=job
            ),
            fix=WITHOUT.filled(job=job),
        )
    if not status.saves:
        raise UserError(
            Text(
                "job {job} cannot save on request: it does not train, or trains with PPO, whose "
                "own loop saves only every save_steps steps"
            ).filled(job=job),
            fix=WITHOUT.filled(job=job),
        )
    return True


def save_and_end(
    runtime: Runtime, supervisor: Supervisor, within: float | None, tell: Callable[[Text], object]
) -> Finished | None:
    """Returns once the job has ended; None where it has not `within` so many seconds (None: no
    limit). `tell` gets what happens meanwhile. Raises JobFailed where nothing is saved and the job
    continues."""
    job, asked = supervisor.job, time.monotonic()
    events = history.replay(runtime, job, follow=True, since=Since(ago=LOOK_BACK_S))
    supervisor.request_save()
    heard = listen(events)
    slow: float | None = SAVE_SLOW_S
    while True:
        ran = time.monotonic() - asked
        if within is not None and ran >= within:
            return None
        if slow is not None and ran >= slow:
            slow = None
            tell(
                Text(
                    "no checkpoint is complete after {minutes:.0f} min; still waiting (Ctrl-C, or "
                    "dsk stop {job}, ends the job without it)"
                ).filled(minutes=ran / 60, job=job)
            )
        wakes = [limit - ran for limit in (within, slow) if limit is not None]
        try:
            event = heard.get(timeout=min(wakes, default=None))
        except queue.Empty:
            continue
        if isinstance(event, Exception):
            raise event
        if event is None:
            raise history.gone(job)
        if isinstance(event, Finished):
            return event
        if isinstance(event, Notice) and event.kind == "save":
            tell(event.text)
        elif isinstance(event, Notice) and event.kind == "save_refused":
            raise JobFailed(
                event.text,
                where=f"job {job}",
                fix=Text(
                    "free space and try again; dsk stop {job} ends it without a checkpoint"
                ).filled(job=job),
            )
