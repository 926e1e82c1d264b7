"""From train.yaml and the command line to a job's specification."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

from dsk.cluster.caches import job_env, modelscope_folder
from dsk.cluster.model import Cluster
from dsk.cluster.selection import select
from dsk.jobs.spec import job_id, job_spec
from dsk.jobs.stacks import stack_for
from dsk.recipe import KnownKeys, Recipe, Site, TrainFile, resolve
from dsk.wire.jobspec import JobSpec, LauncherName
from dsk.wire.notify import NOBODY, Notify


@dataclass(frozen=True)
class Request:
    """What the user asked for. `include` and `exclude` are in DeepSpeed's syntax, `limits` as in
    JobSpec."""

    cluster: Cluster
    train_file: TrainFile
    overrides: tuple[str, ...]
    include: str | None = None
    exclude: str | None = None
    launcher: LauncherName = "direct"
    limits: Mapping[str, float | None] = field(default_factory=dict)
    notify: Notify = NOBODY


@dataclass(frozen=True)
class Plan:
    """`recipe` is what can be shown: the one for a workspace whose kind is not known here."""

    spec: JobSpec
    recipe: Recipe


def plan(
    request: Request,
    known: KnownKeys,
    exists: Callable[[str], bool] | None = None,
    read: Callable[[str], str | None] | None = None,
) -> Plan:
    """Contacts nothing itself; `exists` looks up a path on the master, and `read` a file's text,
    where somebody can. Both are asked once about each path: an answer takes a tenth of a second.

    Raises UserError for a mistake in train.yaml, an override, or the nodes chosen.
    """
    cluster = request.cluster
    exists, read = exists and cache(exists), read and cache(read)
    nodes = select(cluster, request.include, request.exclude)

    def resolved(shared: bool | None) -> Recipe:
        site = Site(
            workspace=str(cluster.workspace),
            accelerator=cluster.accelerator,
            nodes=len(nodes),
            world_size=sum(len(node.slots) for node in nodes),
            shared_workspace=shared,
            exists=exists,
            read=read,
            modelscope=modelscope_folder(job_env(cluster)),
            save_auto=cluster.save == "auto",
        )
        refusals = stack_for(cluster.image)[0].refusals
        return resolve(request.train_file, request.overrides, site, known, refusals)

    now = time.time()
    spec = job_spec(
        cluster,
        nodes,
        resolved(True),
        resolved(False),
        job=job_id(now),
        now=now,
        launcher=request.launcher,
        limits=request.limits,
        notify=request.notify,
    )
    return Plan(spec, resolved(None))
