"""A job's specification from the cluster, the resolved recipe and the chosen nodes. Pure."""

from __future__ import annotations

import secrets
import time

from dsk import __version__
from dsk.cluster.model import Cluster
from dsk.recipe import Recipe, cache_env
from dsk.recipe.describe import change_line
from dsk.recipe.model import SHIPPED_DIR
from dsk.wire.jobspec import JobNode, JobSpec, Needed, RecipeText


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
        env=job_env(cluster),
        version=__version__,
    )


def job_env(cluster: Cluster) -> dict[str, str]:
    """What every rank gets: caches in the workspace, and dsk.yaml's `env`, which comes first."""
    return {**cache_env(str(cluster.workspace)), **cluster.env}


def _text(recipe: Recipe) -> RecipeText:
    return RecipeText(recipe.to_yaml(), tuple(map(change_line, recipe.changes)))


def _needed(recipe: Recipe) -> tuple[Needed, ...]:
    paths = tuple(Needed(path) for path in recipe.inputs)
    folder = str(recipe.values.get("dataset_dir", ""))
    # The shipped datasets are part of the image, and were looked up when the recipe was resolved.
    if not recipe.datasets or folder.startswith(SHIPPED_DIR):
        return paths
    return (*paths, Needed(folder, recipe.datasets))
