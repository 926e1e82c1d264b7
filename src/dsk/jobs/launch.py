"""Starts a job: what the workers know is looked up, then the master container is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsk.jobs import master
from dsk.jobs.planning import Plan, Request, plan
from dsk.recipe import KnownKeys

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

RECIPE_KEYS = "/etc/dsk/recipe-keys.json"


def image_keys(worker: Container) -> KnownKeys:
    """The keys of the LLaMA-Factory that will really run."""
    text = master.output_of(worker, ["cat", RECIPE_KEYS])
    return KnownKeys.from_json(text, where=f"{worker.name}:{RECIPE_KEYS}")


def start(engine: DockerClient, request: Request) -> tuple[Plan, Container]:
    """Returns what was planned and the running master container. Raises DskError."""
    worker = master.find_worker(engine, request.cluster)

    def exists(path: str) -> bool:
        return bool(worker.exec_run(["test", "-e", path]).exit_code == 0)

    planned = plan(request, image_keys(worker), exists)
    return planned, master.start(engine, request.cluster, planned.spec)
