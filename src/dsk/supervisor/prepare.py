"""Everything between connecting to the workers and starting their ranks: all or nothing."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping

from dsk.errors import DskError, JobFailed, UserError, at
from dsk.plan import deepspeed
from dsk.supervisor.agree import disagreements
from dsk.supervisor.record import Record
from dsk.supervisor.runtime import Remedies
from dsk.supervisor.worker import Worker
from dsk.supervisor.workers import Workers
from dsk.text import Text, joined
from dsk.wire import agreement
from dsk.wire.events import Notice
from dsk.wire.jobspec import JobSpec, RecipeText
from dsk.wire.operations import (
    AskIdentity,
    CountDevices,
    FindChanged,
    FindMissing,
    ListCheckpoints,
    Marker,
    PutFile,
    TakeLock,
)


def check_workers(spec: JobSpec, workers: Workers, remedies: Remedies) -> None:
    """Raises JobFailed unless they are the same and have what the ranks use."""
    identities = workers.ask_all(AskIdentity())
    named = {worker.name: identity for worker, identity in identities}
    if problems := disagreements(named, spec):
        raise JobFailed(joined(problems, "\n"), fix=remedies.difference)

    def check_slots(worker: Worker) -> None:
        found = worker.ask(CountDevices(spec.accelerator))
        wanted = max(worker.node.slots) + 1
        if found.count is not None and found.count < wanted:
            problem = agreement.because(found.problem)
            text = agreement.FEWER_GPUS.filled(slots=wanted, seen=found.count, problem=problem)
            raise JobFailed(text, where=worker.name, fix=remedies.gpus)

    workers.each(check_slots)


def take_locks(workers: Workers) -> None:
    """One after another in the order of dsk.yaml: of two launches that begin together, one takes
    the first lock and the other takes none. Raises JobFailed that names the job in the way."""
    for worker in workers:
        worker.ask(TakeLock())


def is_shared(workers: Workers) -> bool:
    """Whether all nodes see one disk at the workspace: a file made on the first is there on all."""
    first, *others = workers
    if not others:
        return True
    name = secrets.token_hex(8)
    first.ask(Marker(name, "make"))
    try:
        seen = [worker.ask(Marker(name, "look")) for worker in others]
    finally:
        first.ask(Marker(name, "remove"))
    if any(seen) and not all(seen):
        alone = [worker.name for worker, sees in zip(others, seen, strict=True) if not sees]
        groups = Text("not for {nodes}").filled(nodes=", ".join(alone))
        text = agreement.HALF_SHARED.filled(groups=groups)
        raise JobFailed(text, fix=agreement.ALL_OR_NONE)
    return all(seen)


def choose_recipe(spec: JobSpec, record: Record, *, shared: bool) -> RecipeText:
    """The recipe for the kind of workspace that the workers really have, its changes told."""
    recipe = spec.recipe_shared if shared else spec.recipe_local
    if len(spec.nodes) > 1:
        text = Text("the workspace {folder} is a disk of each node's own")
        if shared:
            text = Text("the workspace {folder} is one disk that all nodes share")
        record.tell(Notice(time.time(), "workspace", text.filled(folder=spec.workspace)))
    for change in recipe.changes:
        record.tell(Notice(time.time(), "change", change))
    return recipe


def check_needed(spec: JobSpec, workers: Workers) -> None:
    """Raises UserError that lists, node by node, what the recipe names and is not there."""
    found = [
        (worker, problem)
        for worker, problems in workers.ask_all(FindMissing(spec.needed))
        for problem in problems
    ]
    problems = joined([at(worker.name, problem) for worker, problem in found], "\n")
    if closed := [problem.values["top"] for _, problem in found if "top" in problem.values]:
        fix = agreement.readable(closed[0], "UID:GID")
        raise UserError(problems, fix=fix)
    if found:
        own = [need.path for need in spec.needed if need.own]
        fix = Text("put it there on every node, or correct it in train.yaml")
        if own:
            fix = Text(
                "put it there on every node, or correct it in train.yaml (of {path} each node has "
                "its own files: name one that all have)"
            ).filled(path=own[0])
        raise UserError(problems, fix=fix)


def checkpoint(spec: JobSpec, workers: Workers, *, shared: bool) -> str | None:
    """The folder that the ranks resume from, None where they start from the beginning. Raises
    UserError where nodes with disks of their own would resume from different steps."""
    if not spec.resumes:
        return next((need.path for need in spec.needed if need.own), None)
    first = next(iter(workers))
    asked = Workers([first]) if shared else workers
    saved = {
        worker.name: found for worker, found in asked.ask_all(ListCheckpoints(spec.output_dir))
    }
    if different := agreement.resume(saved, spec.output_dir):
        text, fix = different
        raise UserError(text, fix=fix)
    newest = max(saved[first.name], default=None)
    return None if newest is None else f"{spec.output_dir}/checkpoint-{newest[0]}"


def put_files(spec: JobSpec, recipe: str, workers: Workers) -> dict[str, str]:
    """Writes the job's files on every node; their SHA-256 by name. Raises JobFailed where what then
    stands differs."""
    digests: dict[str, str] = {}
    for name, text in deepspeed.job_folder_files(spec, recipe).items():
        digests[name] = wanted = hashlib.sha256(text.encode()).hexdigest()
        errors: list[DskError] = [
            JobFailed(
                Text("{file} reads back differently from what was written").filled(file=name),
                where=worker.name,
            )
            for worker, digest in workers.ask_all(PutFile(name, text))
            if digest != wanted
        ]
        if errors:
            raise errors[0]
    return digests


def check_files(files: Mapping[str, str], workers: Workers) -> None:
    """Right before the ranks start: raises JobFailed where one of the job's files is no longer what
    was put there (SHA-256 by name)."""
    text = Text("{file} is not what was put there: somebody has changed it since")
    problems = [
        at(worker.name, text.filled(file=path))
        for worker, changed in workers.ask_all(FindChanged(files))
        for path in changed
    ]
    if problems:
        raise JobFailed(
            joined(problems, "\n"),
            fix=Text("launch again; change train.yaml, not the job's own"),
        )
