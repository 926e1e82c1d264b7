"""One job from its specification to its exit code."""

from __future__ import annotations

import os
import queue
import time
from contextlib import ExitStack
from pathlib import Path

from dsk.errors import DskError, JobFailed
from dsk.files import write_atomic
from dsk.plan import deepspeed
from dsk.supervisor import prepare
from dsk.supervisor.attempt import Attempt, Heard
from dsk.supervisor.launcher import Launcher
from dsk.supervisor.place import Place
from dsk.supervisor.record import Record
from dsk.supervisor.worker import Worker
from dsk.supervisor.workers import Workers
from dsk.wire import paths
from dsk.wire.events import Failure, Finished, Notice, Phase, State
from dsk.wire.jobspec import JobSpec
from dsk.wire.sshconfig import ssh_config

INTERRUPTED = 130


class StopRequested(BaseException):
    """Raised in the main thread by the signal that ends the job."""


class Job:
    def __init__(self, spec: JobSpec, record: Record, place: Place) -> None:
        self._spec = spec
        self._record = record
        self._place = place
        self._began = time.monotonic()
        self._heard: queue.Queue[Heard] = queue.Queue()

    def run(self) -> int:
        """Returns dsk's exit code; everything that the job started has then ended."""
        try:
            failure = self._run()
        except StopRequested:
            return self._finish("stopped", INTERRUPTED)
        except DskError as error:
            failure = Failure(time.time(), _text(error), fix=error.fix)
            self._record.tell(failure)
            return self._finish("failed", error.exit_code)
        if failure is None:
            return self._finish("succeeded", 0)
        self._record.tell(failure)
        return self._finish("failed", JobFailed.exit_code)

    def _run(self) -> Failure | None:
        spec = self._spec
        self._write_ssh_configs()
        with ExitStack() as stack:
            self._phase("starting", f"connecting to {_count(len(spec.nodes), 'worker')}")
            workers = self._connect(stack)
            prepare.check_workers(spec, workers, self._place.remedies)
            prepare.take_locks(workers)
            self._record.open(Path(paths.job_folder(spec.workspace, spec.job)))
            self._link_folder(stack)
            recipe = prepare.choose_recipe(spec, workers, self._record)
            prepare.check_needed(spec, workers)
            prepare.put_files(spec, recipe.yaml, workers)
            # The runner reads it here, also where this node has no part in the job; without one it
            # would go on alone.
            self._write_hostfile()
            first = next(iter(workers))
            port = first.ask("free_port", host=spec.nodes[0].host)
            return self._attempt(workers, port)

    def _connect(self, stack: ExitStack) -> Workers:
        agent = ["dsk-agent", "session", "--job", self._spec.job, "--workspace"]
        # sshd hands the words to a shell: the workspace is the one that may need quotes.
        agent.append("'" + self._spec.workspace.replace("'", "'\\''") + "'")
        workers = Workers(
            [Worker(node, self._place, agent, self._heard.put) for node in self._spec.nodes]
        )
        stack.callback(workers.close)
        return workers

    def _attempt(self, workers: Workers, port: int) -> Failure | None:
        spec, number = self._spec, 0
        workers.ask_all("watch", attempt=number)
        self._phase(
            "starting",
            f"starting {_count(spec.world_size, 'rank')}, rendezvous at "
            f"{spec.nodes[0].host}:{port}",
        )
        launcher = Launcher(
            deepspeed.command(spec, master_port=port, attempt=number),
            deepspeed.runner_env(
                spec.accelerator, os.environ["PATH"], ssh_config=self._place.rank_config
            ),
            self._heard.put,
        )
        attempt = Attempt(spec, self._record, self._heard)
        try:
            failure = attempt.watch()
        finally:
            # The ranks first: pdsh, and with it the runner, waits for every node for ever.
            self._phase("stopping", "ending what is left of the job on every node")
            for problem in workers.end_ranks():
                self._record.tell(Notice(time.time(), problem))
            launcher.end()
            attempt.drain()
            self._record.progress()
        return failure and attempt.complete(failure)

    def _write_ssh_configs(self) -> None:
        place, port = self._place, self._spec.worker_port
        env = deepspeed.rank_env(self._spec)
        for path, text in (
            (place.agent_config, ssh_config(str(place.keys), port)),
            (place.rank_config, ssh_config(str(place.keys), port, env=env)),
        ):
            write_atomic(path, text.encode(), 0o600)

    def _write_hostfile(self) -> None:
        path = Path(paths.job_link(self._spec.job)) / deepspeed.HOSTFILE
        write_atomic(path, deepspeed.hostfile(self._spec.nodes).encode())

    def _link_folder(self, stack: ExitStack) -> None:
        link = Path(paths.job_link(self._spec.job))
        link.parent.mkdir(parents=True, exist_ok=True)
        # Beside a worker that takes part, its agent has made the same one.
        link.unlink(missing_ok=True)
        link.symlink_to(paths.job_folder(self._spec.workspace, self._spec.job))
        stack.callback(link.unlink, missing_ok=True)

    def _phase(self, state: State, text: str) -> None:
        self._record.tell(Phase(time.time(), state, text))

    def _finish(self, state: State, exit_code: int) -> int:
        self._record.tell(
            Finished(
                time.time(),
                state,
                exit_code,
                seconds=round(time.monotonic() - self._began, 1),
                folder=str(paths.job_folder(self._spec.workspace, self._spec.job)),
                output_dir=self._spec.output_dir,
            )
        )
        return exit_code


def _text(error: DskError) -> str:
    return f"{error.where}: {error.message}" if error.where else error.message


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
