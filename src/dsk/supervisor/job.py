"""One job from its specification to its exit code."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from dsk import __version__
from dsk.errors import INTERRUPTED, DskError, JobFailed
from dsk.files import write_atomic
from dsk.plan import deepspeed
from dsk.supervisor import prepare
from dsk.supervisor.attempt import Attempt
from dsk.supervisor.attempts import Attempts
from dsk.supervisor.heard import Heard
from dsk.supervisor.interrupts import Interrupted, Interrupts, StopRequested, Terminated
from dsk.supervisor.launcher import Direct, Launcher
from dsk.supervisor.listener import KEPT_LINES
from dsk.supervisor.members import Members
from dsk.supervisor.notify.notifier import Notifier
from dsk.supervisor.record import Record
from dsk.supervisor.resume import Checkpoints, recipe_for, step_of
from dsk.supervisor.runner import Runner
from dsk.supervisor.runtime import Runtime
from dsk.supervisor.saving import Saving
from dsk.supervisor.watch import Watch
from dsk.supervisor.worker import Worker, agent_command
from dsk.supervisor.workers import Workers
from dsk.text import Text
from dsk.wire import agreement, paths, samples
from dsk.wire.events import Accepted, Failure, Finished, Notice, Phase, State
from dsk.wire.hub import HubNeeds
from dsk.wire.jobspec import JobNode, JobSpec, RecipeText
from dsk.wire.operations import Identity
from dsk.wire.signals import STOP
from dsk.wire.sshconfig import ssh_config

MASTER_INDEX = 0
TERMINATED = Text(
    "the supervisor was ended by SIGTERM, as when the master's engine, server or container is shut"
    " down"
)
AFTER_TERMINATED = Text("is the master back? look with dsk status, then launch again")


@dataclass(frozen=True)
class _End:
    state: State
    exit_code: int


class Job:
    """Owns what all attempts share: connections, locks, the job's folder and files, signals."""

    def __init__(self, spec: JobSpec, record: Record, runtime: Runtime) -> None:
        self._spec = spec
        self._record = record
        self._runtime = runtime
        self._began = time.monotonic()
        self._interrupts = Interrupts()
        self._watches: list[Watch] = []
        self._notifier = Notifier(spec, record.tell)
        record.observe(self._notifier.hear)
        self._saving = Saving(spec, record, _stop_this_process, began=self._began)

    def run(self) -> int:
        """Returns dsk's exit code; everything that the job started has then ended. Why it failed is
        told before that: to end what is left can take a while."""
        started = ExitStack()
        try:
            end = self._outcome(started)
        finally:
            self._end(started)
        return self._finish(end)

    def interrupt(self, why: Interrupted) -> None:
        """For a signal's handler, in the main thread: ends the job, unless it is being ended."""
        self._interrupts.interrupt(why)

    def save_and_stop(self) -> None:
        """For a signal's handler: all ranks save a checkpoint at one step, and the job ends."""
        self._saving.want()

    def _outcome(self, started: ExitStack) -> _End:
        exit_code = JobFailed.exit_code
        try:
            failure = self._run(started)
        except StopRequested:
            return _End("stopped", INTERRUPTED)
        except Terminated:
            failure = Failure(time.time(), TERMINATED, fix=AFTER_TERMINATED)
        except DskError as error:
            self._interrupts.settle()
            failure, exit_code = (
                Failure(time.time(), error.located, fix=error.remedy),
                error.exit_code,
            )
        except Exception as error:
            # A disk, or a defect of dsk: whoever waits for the job is told in any case.
            self._interrupts.settle()
            failure = _unexpected(error)
        if failure is None:
            return _End("succeeded", 0)
        self._record.tell(failure)
        return _End("failed", exit_code)

    def _end(self, started: ExitStack) -> None:
        try:
            started.close()
        except Exception as error:
            # How the job ended is known: this does not change it.
            text = Text("cleanup failed: {error}").filled(error=f"{type(error).__name__}: {error}")
            self._record.tell(Notice(time.time(), "cleanup", text))

    def _run(self, started: ExitStack) -> Failure | None:
        """`started` ends what was started, the last first."""
        spec = self._spec
        self._saving.begin()
        started.callback(self._saving.end)
        self._write_ssh_configs()
        self._phase("starting", _connecting(len(spec.nodes)))
        workers = self._connect(started)
        self._saving.connected(workers)
        image = prepare.check_workers(spec, workers, self._runtime.remedies)
        prepare.take_locks(workers)
        self._record.open(Path(paths.job_folder(spec.workspace, spec.job)))
        self._link_folder(started)
        shared = prepare.is_shared(workers)
        recipe = prepare.choose_recipe(spec, self._record, shared=shared)
        prepare.check_needed(spec, workers)
        checkpoints = Checkpoints(spec, workers, self._record, shared=shared)
        resume_from = checkpoints.first()
        self._record.tell(Accepted(time.time()))
        if spec.hub:
            self._provide_models(spec.hub, workers, shared=shared)
        # The runner reads it here, also where this node has no part in the job; without one it
        # would go on alone.
        self._write_hostfile()
        self._write_versions(image)
        self._write_resumption(checkpoints)
        return self._attempts(started, workers, recipe, checkpoints, resume_from)

    def _connect(self, stack: ExitStack) -> Workers:
        runtime = self._runtime
        workers = Workers(
            [
                Worker(
                    node,
                    runtime.agent_config,
                    self._agent("job", "--start"),
                    again=self._agent("job"),
                    remedies=runtime.remedies,
                )
                for node in self._spec.nodes
            ]
        )
        stack.callback(workers.close)
        # From now on: an agent that is not asked anything takes its supervisor for dead.
        self._watches = [Watch(worker) for worker in workers]
        for watch in self._watches:
            stack.callback(watch.stop)
        return workers

    def _agent(self, *words: str) -> list[str]:
        return agent_command(*words, job=self._spec.job, workspace=self._spec.workspace)

    def _provide_models(self, needs: HubNeeds, workers: Workers, *, shared: bool) -> None:
        from dsk.supervisor import hub  # which takes longer to import than most jobs need

        text = Text("models from the hub: {repos}").filled(repos=", ".join(needs.repos))
        self._phase("starting", text)
        with ExitStack() as stack:
            master = next((each for each in workers if each.node.host == needs.master), None)
            if master is None:  # it has no part in the job
                node = JobNode(MASTER_INDEX, needs.master, (), 0)
                runtime = self._runtime
                master = Worker(
                    node, runtime.agent_config, self._agent("session"), remedies=runtime.remedies
                )
                stack.callback(master.close)
            others = [each for each in workers if each is not master]
            self._spec = hub.provide(
                self._spec,
                needs,
                master,
                [] if shared and master in workers else others,
                self._record,
                rank_config=self._runtime.rank_config,
                agent_config=self._runtime.agent_config,
            )
        self._write_rank_config()

    def _attempts(
        self,
        started: ExitStack,
        workers: Workers,
        recipe: RecipeText,
        checkpoints: Checkpoints,
        first: str | None,
    ) -> Failure | None:
        spec = self._spec
        members = Members(
            spec,
            workers,
            self._watches,
            self._record,
            self._runtime.remedies,
            on_start=lambda watch: started.callback(watch.stop),
        )

        def launcher(port: int, tell: Callable[[Heard], None]) -> Launcher:
            return self._launcher(workers, port, tell)

        def make(number: int) -> Attempt:
            resume_from = first
            if number:
                members.restore(ended=number - 1)
                resume_from = checkpoints.again()
                self._write_resumption(checkpoints)
            as_written = number == 0 and not (spec.resumes and first) and not spec.continues
            text = recipe_for(recipe, resume_from, as_written=as_written)
            return Attempt(
                number,
                self._spec,
                workers,
                self._watches,
                self._record,
                files=prepare.put_files(self._spec, text, workers),
                resume_from=resume_from,
                launcher=launcher,
            )

        attempts = Attempts(
            make,
            self._interrupts,
            self._record,
            most=spec.max_restarts,
            began_at=step_of(first),
        )
        started.callback(attempts.end)
        return attempts.run()

    def _launcher(self, workers: Workers, port: int, tell: Callable[[Heard], None]) -> Launcher:
        if self._spec.launcher == "direct":
            return Direct(self._spec, workers, master_port=port)
        return Runner(
            self._spec, workers, tell, master_port=port, ssh_config=self._runtime.rank_config
        )

    def _write_ssh_configs(self) -> None:
        runtime, port = self._runtime, self._spec.worker_port
        text = ssh_config(str(runtime.keys), port, runtime.login, source=runtime.address)
        write_atomic(runtime.agent_config, text.encode(), 0o600)
        self._write_rank_config()

    def _write_rank_config(self) -> None:
        runtime, env = self._runtime, deepspeed.rank_env(self._spec)
        text = ssh_config(
            str(runtime.keys),
            self._spec.worker_port,
            runtime.login,
            env=env,
            source=runtime.address,
        )
        write_atomic(runtime.rank_config, text.encode(), 0o600)

    def _write_hostfile(self) -> None:
        path = Path(paths.job_link(self._spec.job)) / deepspeed.HOSTFILE
        write_atomic(path, deepspeed.hostfile(self._spec.nodes).encode())

    def _write_versions(self, image: Identity) -> None:
        path = Path(paths.job_link(self._spec.job)) / samples.VERSIONS
        versions = samples.Versions(__version__, image.content_id, image.stack or {})
        write_atomic(path, samples.encode(versions).encode())

    def _write_resumption(self, checkpoints: Checkpoints) -> None:
        """For `dsk launch --resume`. Its recipes may hold tokens."""
        if self._spec.recipe_local.bare is None:
            return
        path = Path(paths.job_folder(self._spec.workspace, self._spec.job)) / paths.RESUMPTION
        text = checkpoints.resumption().to_json()
        try:
            write_atomic(path, text.encode(), 0o600)
        except OSError as error:
            problem = agreement.UNWRITABLE.filled(path=path, why=error.strerror)
            self._record.tell(Notice(time.time(), "not_written", problem))

    def _link_folder(self, stack: ExitStack) -> None:
        link = Path(paths.job_link(self._spec.job))
        link.parent.mkdir(parents=True, exist_ok=True)
        # Beside a worker that takes part, its agent has made the same one.
        link.unlink(missing_ok=True)
        link.symlink_to(paths.job_folder(self._spec.workspace, self._spec.job))
        stack.callback(link.unlink, missing_ok=True)

    def _phase(self, state: State, text: Text) -> None:
        self._record.tell(Phase(time.time(), state, text))

    def _finish(self, end: _End) -> int:
        # Also of a job that was refused before it had a folder. Without one its output has it all.
        with suppress(JobFailed, OSError):
            self._record.open(Path(paths.job_folder(self._spec.workspace, self._spec.job)))
        self._saving.conclude()
        saved = self._saved_step()
        if saved is not None and end.state == "succeeded":
            # The ranks ended in good order, before the training was done.
            end = _End("stopped", INTERRUPTED)
        finished = Finished(
            time.time(),
            end.state,
            end.exit_code,
            seconds=round(time.monotonic() - self._began, 1),
            folder=str(paths.job_folder(self._spec.workspace, self._spec.job)),
            output_dir=self._spec.output_dir,
            saved_step=saved,
        )
        # Before the last event, after which nothing can be reported: not even a lost message.
        self._notifier.finish(finished)
        self._record.tell(finished)
        return end.exit_code

    def _saved_step(self) -> int | None:
        """Of the checkpoint that all ranks have saved on request before they ended."""
        answer = self._record.answer
        return answer.step if answer and answer.state == "saved" else None


def _stop_this_process() -> None:
    """As `dsk stop` does: the main thread, which handles signals, ends the job."""
    os.kill(os.getpid(), STOP)


def _unexpected(error: Exception) -> Failure:
    """With the end of its traceback, by which it can be found."""
    lines = "".join(traceback.format_exception(error)).splitlines()
    return Failure(
        time.time(),
        Text("the supervisor itself failed: {error}").filled(
            error=f"{type(error).__name__}: {error}"
        ),
        fix=Text("has the master's disk room, and can it be written? if so, report these lines"),
        lines=tuple(lines[-KEPT_LINES:]),
    )


def _connecting(workers: int) -> Text:
    if workers == 1:
        return Text("connecting to 1 worker")
    return Text("connecting to {workers} workers").filled(workers=workers)
