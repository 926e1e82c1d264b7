"""One point of `dsk tune` as a trial: a few steps of the user's training, on the job's nodes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from dsk.checks.facts import Trial
from dsk.cluster.model import Node
from dsk.cluster.selection import select
from dsk.errors import JobFailed
from dsk.jobs.planning import Request, plan
from dsk.jobs.runtime import Runtime
from dsk.jobs.spec import job_id
from dsk.recipe import KnownKeys
from dsk.trials.trial import ONE_STEP_KEYS, Trials, as_trial, once
from dsk.tune import overrides, reading
from dsk.tune.points import Result, Setting
from dsk.wire import paths, tuning
from dsk.wire.jobspec import JobSpec

TIMED_S = 6.0
"""For the timed steps of a point, unless fewer tell enough."""

KEYS = {
    **ONE_STEP_KEYS,
    "max_steps": str(tuning.STEPS),
    "disable_shuffling": "true",  # the samples come in the measurement's own order
    "auto_find_batch_size": "false",
    "plot_loss": "false",
    "push_to_hub": "false",  # its repository would be made before the first step
    "use_swanlab": "false",
}


class Points:
    """Measures settings one after the other, on the nodes of the request."""

    def __init__(self, runtime: Runtime, request: Request, known: KnownKeys, own: Setting) -> None:
        """See `open`."""
        self._runtime = runtime
        self._request = request
        self._known = known
        self._own = own
        self._setting = own
        nodes = select(request.cluster, request.include, request.exclude)
        self._nodes = [request.cluster.nodes[node.index] for node in nodes]
        self.world_size = sum(len(node.slots) for node in nodes)
        self._trials = Trials(runtime, self._spec)

    @classmethod
    @contextmanager
    def open(
        cls, runtime: Runtime, request: Request, known: KnownKeys, own: Setting
    ) -> Iterator[Points]:
        """`own` is the setting of the request itself. Leaving ends the point that runs. Raises
        trials.Busy."""
        points = cls(runtime, request, known, own)
        with points._trials.opened():
            yield points

    def measure(self, setting: Setting, limit_s: float) -> Result:
        """Within `limit_s` seconds; a point that takes longer is ended, and its outcome is `cut`.
        Raises JobFailed where a node or the job itself is at fault, UserError where the job's
        input is, Unreachable."""
        self._setting = setting
        begun = time.monotonic()
        with self._limited(limit_s) as cut:
            (trial,) = self._trials.run([self._nodes])
        seconds = time.monotonic() - begun
        if cut.is_set():
            return Result(setting, "cut", seconds=seconds)
        ran_out = trial.out_of_memory or any(each.ran_out for each in trial.tuned)
        if not trial.works and trial.rank is None and not ran_out:
            raise _not_the_training(trial)
        return reading.result(
            setting,
            self.world_size,
            trial.tuned,
            killed=trial.out_of_memory,
            cause=trial.cause.in_language("en"),
            seconds=seconds,
        )

    def _spec(self, _nodes: Sequence[Node]) -> JobSpec:
        """Of the setting that is being measured."""
        job = paths.TRIAL + job_id(time.time())
        folder = paths.job_folder(str(self._request.cluster.workspace), job)
        setting = self._setting
        # More micro-batches than two tell nothing new: what a step adds to them is known from two.
        measured = replace(setting, accumulation=min(2, setting.accumulation))
        changed = {**overrides.changes(measured, self._own), "output_dir": f"{folder}/output"}
        words = [*overrides.words(changed), *(f"{key}={value}" for key, value in KEYS.items())]
        asked = replace(
            self._request,
            launcher="direct",
            overrides=(
                *self._request.overrides,
                *(word for word in words if word.partition("=")[0] in self._known.keys),
            ),
        )
        spec = plan(once(asked), self._known, self._runtime.exists, self._runtime.read).spec
        return as_trial(spec, job, tuning.word(TIMED_S))

    @contextmanager
    def _limited(self, limit_s: float) -> Iterator[threading.Event]:
        """What is yielded is set once the limit has ended the point."""
        cut = threading.Event()

        def end() -> None:
            cut.set()
            self._trials.request_end()

        timer = threading.Timer(limit_s, end)
        timer.daemon = True
        timer.start()
        try:
            yield cut
        finally:
            timer.cancel()


def _not_the_training(trial: Trial) -> JobFailed:
    """Of a trial that failed, and not by a rank: a node or the job itself is at fault."""
    return JobFailed(trial.cause, fix=trial.fix)
