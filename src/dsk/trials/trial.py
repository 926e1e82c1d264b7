"""Nodes tried with a short job: a collectives probe, or one step of the user's training."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace

from dsk.checks.facts import Trial
from dsk.cluster.caches import job_env
from dsk.cluster.model import Cluster, Node
from dsk.errors import DskError, JobFailed, UserError
from dsk.jobs.launch import image_keys
from dsk.jobs.planning import Request, plan
from dsk.jobs.runtime import Runtime, Supervisor
from dsk.jobs.spec import job_id
from dsk.text import NOTHING, Text
from dsk.wire import paths
from dsk.wire.collectives import PROGRAM, Measured, Probe
from dsk.wire.events import Failure, Finished, Output
from dsk.wire.jobspec import ONE_STEP, JobNode, JobSpec, RecipeText
from dsk.wire.notify import NOBODY
from dsk.wire.tuning import Tuned

CPU_PROBE = Probe(megabytes=4, seconds=0.5)
GPU_PROBE = Probe(megabytes=64, seconds=1.0)
SAMPLES = 256
"""Enough for a step on one node of any batch that is used; tokenizing all data can take an hour."""

# As on the command line: in YAML a bare no is false.
ONE_STEP_KEYS = {
    "max_steps": "1",
    "save_strategy": "'no'",
    "eval_strategy": "'no'",
    "do_eval": "false",
    "val_size": "0",
    "eval_dataset": "null",
    "load_best_model_at_end": "false",
    "tokenized_path": "null",
    "resume_from_checkpoint": "null",
    "report_to": "none",
    "overwrite_output_dir": "true",
}


class Busy(UserError):
    """A job has the nodes."""


Make = Callable[[Sequence[Node]], JobSpec]
"""The job that tries these nodes. Raises DskError."""


def collectives(cluster: Cluster) -> Make:
    probe = GPU_PROBE if cluster.devices.worker_devices else CPU_PROBE

    def make(nodes: Sequence[Node]) -> JobSpec:
        now = time.time()
        job = paths.TRIAL + job_id(now)
        recipe = RecipeText(probe.to_json())
        return JobSpec(
            job=job,
            cluster=cluster.name,
            created=now,
            nodes=tuple(_job_node(node) for node in nodes),
            worker_port=cluster.worker_port,
            workspace=str(cluster.workspace),
            accelerator=cluster.accelerator,
            recipe_shared=recipe,
            recipe_local=recipe,
            output_dir=str(paths.job_folder(str(cluster.workspace), job)),
            needed=(),
            env=job_env(cluster),
            program=PROGRAM,
        )

    return make


def one_step(request: Request, runtime: Runtime) -> Make:
    """One step of the training, nothing saved but into the trial's own folder. Raises UserError."""
    known = image_keys(runtime)

    def make(nodes: Sequence[Node]) -> JobSpec:
        job = paths.TRIAL + job_id(time.time())
        folder = paths.job_folder(str(request.cluster.workspace), job)
        keys = {**ONE_STEP_KEYS, "max_samples": str(SAMPLES), "output_dir": f"{folder}/output"}
        overrides = tuple(f"{key}={value}" for key, value in keys.items() if key in known.keys)
        include = "@".join(node.host for node in nodes)
        asked = replace(
            request, overrides=(*request.overrides, *overrides), include=include, exclude=None
        )
        spec = plan(once(asked), known, runtime.exists).spec
        return as_trial(spec, job, ONE_STEP)

    return make


def once(request: Request) -> Request:
    """Without what only the user's own job does: it neither ends by a limit, saves nor restarts."""
    cluster = replace(request.cluster, save="recipe", time_limit=None)
    return replace(request, cluster=cluster, max_restarts=0)


def as_trial(spec: JobSpec, job: str, word: str) -> JobSpec:
    """The job under a trial's name, about which nobody is told. `word` says to the rank's program
    what kind of trial it is."""
    module, *words = spec.program
    return replace(spec, job=job, program=(module, word, *words), saves=False, notify=NOBODY)


def _indices(nodes: Sequence[Node]) -> tuple[int, ...]:
    return tuple(node.index for node in nodes)


def _job_node(node: Node) -> JobNode:
    return JobNode(node.index, node.host, tuple(range(node.slots)), node.slots)


class Trials:
    """Starts trials on the cluster; those of one call are of disjoint nodes and run side by side.
    Leaving the context, by whatever way, ends those that run."""

    def __init__(self, runtime: Runtime, make: Make) -> None:
        self._runtime = runtime
        self._make = make
        self._guard = threading.Lock()
        self._running: set[Supervisor] = set()
        self._stopped = False

    @classmethod
    @contextmanager
    def open(cls, runtime: Runtime, make: Make) -> Iterator[Trials]:
        """Raises Busy."""
        trials = cls(runtime, make)
        with trials.opened():
            yield trials

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Raises Busy. Leaving ends the trials that run."""
        if running := self._runtime.running():
            job = running[0].job
            raise Busy(
                Text("job {job} is running, and trials need its nodes").filled(job=job),
                fix=Text("wait for it (dsk logs -f {job}) or end it (dsk stop {job})").filled(
                    job=job
                ),
            )
        try:
            yield
        finally:
            self.end()

    def run(self, groups: Sequence[Sequence[Node]]) -> list[Trial]:
        """Raises UserError where the job itself is wrong, whatever the nodes."""
        pool = ThreadPoolExecutor(len(groups))
        try:
            return list(pool.map(self._try, groups))
        finally:
            # An interrupt must not wait for the trials: they are ended next.
            pool.shutdown(wait=False, cancel_futures=True)

    def _try(self, nodes: Sequence[Node]) -> Trial:
        spec = self._make(nodes)
        try:
            # One at a time: a start looks at what others have left.
            with self._guard:
                if self._stopped:
                    return Trial(_indices(nodes), works=False, cause=Text("interrupted"))
                supervisor = self._runtime.start(spec)
                self._running.add(supervisor)
        except UserError:
            raise
        except DskError as error:
            return Trial(_indices(nodes), works=False, cause=error.told, fix=error.remedy)
        try:
            return _follow(supervisor, nodes)
        finally:
            with self._guard:
                self._running.discard(supervisor)

    def request_end(self) -> None:
        """Ask those that run to end, and return at once; whoever follows them sees it. No further
        one starts."""
        with self._guard:
            self._stopped = True
            running = list(self._running)
        for supervisor in running:
            with suppress(DskError):  # which whoever follows it finds too
                supervisor.request_stop()

    def end(self) -> None:
        """End those that run; no further one starts."""
        with self._guard:
            self._stopped = True
            running = list(self._running)
        if running:
            with ThreadPoolExecutor(len(running)) as pool:
                list(pool.map(lambda supervisor: supervisor.stop(), running))


def _follow(supervisor: Supervisor, nodes: Sequence[Node]) -> Trial:
    found: list[Measured] = []
    tuned: list[Tuned] = []
    failure: Failure | None = None
    for event in supervisor.events():
        if isinstance(event, Output) and (measured := Measured.from_line(event.line)):
            found.append(measured)
        elif isinstance(event, Output) and (result := Tuned.from_line(event.line)):
            tuned.append(result)
        elif isinstance(event, Failure):
            failure = event
        elif isinstance(event, Finished):
            cause = failure.cause if failure else NOTHING
            if event.exit_code == UserError.exit_code:
                raise UserError(cause, fix=failure.fix if failure else None)
            return Trial(
                _indices(nodes),
                works=event.exit_code == 0,
                seconds=event.seconds,
                cause=cause,
                fix=failure.fix if failure else None,
                lines=failure.lines if failure else (),
                measured=tuple(found),
                folder=event.folder,
                rank=failure.rank if failure else None,
                out_of_memory=bool(failure and failure.out_of_memory),
                tuned=tuple(tuned),
            )
    raise JobFailed(
        Text("the supervisor of trial {job} exited without reporting a result").filled(
            job=supervisor.job
        ),
        fix=Text("dsk status"),
    )
