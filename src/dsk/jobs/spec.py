"""A job's specification from the cluster, the resolved recipe and the chosen nodes. Pure."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import replace

from dsk.cluster.caches import job_env, modelscope_folder
from dsk.cluster.model import Cluster
from dsk.cluster.secretnames import is_secret
from dsk.recipe import Recipe
from dsk.recipe.describe import change_line
from dsk.recipe.model import SHIPPED_DIR
from dsk.text import Text
from dsk.wire.hub import HubNeeds
from dsk.wire.jobspec import TRAINING, JobNode, JobSpec, LauncherName, Needed, RecipeText
from dsk.wire.notify import Notify
from dsk.wire.saving import SAVE_AUTO
from dsk.wire.warm import VARIABLE

PUSHES = Text("push_to_hub is set")


def job_id(now: float) -> str:
    """Sorts by time; two launches within one second differ by the last part."""
    return time.strftime("%Y%m%d-%H%M%S-", time.localtime(now)) + secrets.token_hex(2)


def job_spec(
    cluster: Cluster,
    nodes: tuple[JobNode, ...],
    shared: Recipe,
    local: Recipe,
    *,
    job: str,
    now: float,
    launcher: LauncherName,
    limits: Mapping[str, float | None],
    notify: Notify,
) -> JobSpec:
    """`shared` and `local`: the same train.yaml resolved for both kinds of workspace."""
    return JobSpec(
        job=job,
        cluster=cluster.name,
        created=now,
        nodes=nodes,
        worker_port=cluster.worker_port,
        workspace=str(cluster.workspace),
        accelerator=cluster.accelerator,
        recipe_shared=_text(shared),
        recipe_local=_text(local),
        output_dir=shared.output_dir,
        needed=_needed(shared),
        env={**job_env(cluster), **_warm(cluster)},
        launcher=launcher,
        limits=limits,
        hub=_hub(cluster, shared),
        program=(*TRAINING, SAVE_AUTO) if cluster.save == "auto" else TRAINING,
        resumes=shared.resumes,
        saves=shared.saves,
        time_limit=cluster.time_limit,
        notify=replace(notify, hidden=_secrets(cluster, shared)),
    )


def _warm(cluster: Cluster) -> dict[str, str]:
    """What dsk.yaml says counts in each of the job's ranks, also where a worker was started with
    another setting. `auto` leaves it to the worker."""
    return {} if cluster.warm == "auto" else {VARIABLE: cluster.warm}


def _hub(cluster: Cluster, recipe: Recipe) -> HubNeeds | None:
    if not recipe.repos:
        return None
    values = recipe.values
    modelscope = modelscope_folder(job_env(cluster)) is not None
    token = values.get("ms_hub_token" if modelscope else "hf_hub_token")
    cache_dir = values.get("cache_dir")
    return HubNeeds(
        master=cluster.master.host,
        hub="modelscope" if modelscope else "huggingface",
        repos=recipe.repos,
        revision=str(values.get("model_revision") or "main"),
        cache_dir=str(cache_dir) if cache_dir else None,
        token=token if isinstance(token, str) and token else None,
        dataset_dir=recipe.data_folder,
        datasets=recipe.datasets if recipe.data_folder else (),
        online=(*((PUSHES,) if values.get("push_to_hub") else ()), *recipe.online),
        remote_code=bool(values.get("trust_remote_code")),
        looked=recipe.looked,
    )


def _secrets(cluster: Cluster, recipe: Recipe) -> tuple[str, ...]:
    """Credentials that a rank may print, and no message may contain."""
    found = {**recipe.values, **job_env(cluster)}
    return tuple(
        value for name, value in found.items() if isinstance(value, str) and is_secret(name)
    )


def _text(recipe: Recipe) -> RecipeText:
    return RecipeText(recipe.to_yaml(), tuple(map(change_line, recipe.changes)))


def _needed(recipe: Recipe) -> tuple[Needed, ...]:
    checkpoint = recipe.values.get("resume_from_checkpoint")
    paths = tuple(Needed(path, own=path == checkpoint) for path in recipe.inputs)
    folder = recipe.data_folder
    # The shipped data sets are part of the image, and were looked up when the recipe was resolved.
    if not recipe.datasets or not folder or folder.startswith(SHIPPED_DIR):
        return paths
    return (*paths, Needed(folder, recipe.datasets))
