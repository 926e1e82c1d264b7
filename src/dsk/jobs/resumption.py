"""`dsk launch --resume JOB`: the training of an earlier job, continued by a new one."""

from __future__ import annotations

import time
from dataclasses import replace

from dsk.cluster import document
from dsk.cluster.caches import job_env
from dsk.cluster.model import Cluster
from dsk.errors import UserError
from dsk.jobs import history
from dsk.jobs.runtime import Runtime
from dsk.jobs.spec import job_id, secrets_in
from dsk.text import Text
from dsk.wire import paths
from dsk.wire.agreement import LAUNCH_AGAIN
from dsk.wire.jobspec import JobNode, JobSpec, ProtocolMismatch
from dsk.wire.notify import NOBODY, Notify

_SAME_NODES = Text("a job goes on with the nodes that it had: {nodes}")


def resumption(runtime: Runtime, cluster: Cluster, job: str, notify: Notify = NOBODY) -> JobSpec:
    """The specification of a job that continues `job`, with its recipe and nodes. Raises UserError
    where there is no such job, it still runs, or something of it is missing."""
    history.find(history.statuses(runtime), job)
    if job in {supervisor.job for supervisor in runtime.running()}:
        raise UserError(
            Text("job {job} is still running").filled(job=job),
            fix=Text("follow it with dsk logs -f {job}, or end it with dsk stop {job}").filled(
                job=job
            ),
        )
    path = str(paths.job_folder(str(cluster.workspace), job) / paths.RESUMPTION)
    text = runtime.read(path)
    if text is None:
        raise UserError(
            Text("job {job} cannot be continued: {path} is missing").filled(job=job, path=path),
            where=str(cluster.master),
            fix=LAUNCH_AGAIN,
        )
    return continued(_read(text, path), cluster, notify, now=time.time())


def _read(text: str, path: str) -> JobSpec:
    try:
        return JobSpec.from_json(text)
    except (ProtocolMismatch, ValueError, KeyError, TypeError):
        raise UserError(
            Text("{path} was written by another version of dsk, or is damaged").filled(path=path),
            fix=LAUNCH_AGAIN,
        ) from None


def continued(
    recorded: JobSpec, cluster: Cluster, notify: Notify = NOBODY, *, now: float
) -> JobSpec:
    """Pure but for the new job's name. Raises UserError where the cluster is not the same."""
    for key, before, here in (
        ("workspace", recorded.workspace, str(cluster.workspace)),
        ("accelerator", recorded.accelerator, cluster.accelerator),
    ):
        if before != here:
            text = Text("job {job} had {key} {before}, dsk.yaml says {here}")
            values = {"job": recorded.job, "key": key, "before": before, "here": here}
            raise UserError(text.filled(**values), fix=LAUNCH_AGAIN)
    # A checkpoint that the recipe named is part of what is continued.
    needed = tuple(need for need in recorded.needed if not need.own)
    recipe = document.read(recorded.recipe_local.yaml, recorded.job).values
    return replace(
        recorded,
        job=job_id(now),
        cluster=cluster.name,
        created=now,
        nodes=tuple(_node(each, recorded, cluster) for each in recorded.nodes),
        worker_port=cluster.worker_port,
        env=job_env(cluster),
        needed=needed,
        notify=replace(notify, hidden=secrets_in(cluster, recipe)),
    )


def _node(before: JobNode, recorded: JobSpec, cluster: Cluster) -> JobNode:
    here = next((node for node in cluster.nodes if node.host == before.host), None)
    if here and here.slots > max(before.slots):
        return replace(before, index=here.index, available=here.slots)
    nodes = ", ".join(f"{each.host}:{len(each.slots)}" for each in recorded.nodes)
    fix = _SAME_NODES.filled(nodes=nodes)
    if here is None:
        text = Text("{host} took part in job {job} and is not in dsk.yaml")
        raise UserError(text.filled(host=before.host, job=recorded.job), fix=fix)
    text = Text("{node} has fewer slots in dsk.yaml than job {job} used")
    raise UserError(text.filled(node=here, job=recorded.job), fix=fix)
