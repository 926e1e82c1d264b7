"""Starts a job: what the workers know is looked up, then its supervisor is started."""

from __future__ import annotations

from dsk.jobs.planning import Plan, Request, plan
from dsk.jobs.runtime import Runtime, Supervisor
from dsk.jobs.stacks import keys_of_image
from dsk.recipe import KnownKeys

RECIPE_KEYS = "/etc/dsk/recipe-keys.json"


def image_keys(runtime: Runtime) -> KnownKeys:
    """The keys of the LLaMA-Factory that will really run."""
    text = runtime.output_of(["cat", RECIPE_KEYS])
    where = f"{runtime.cluster.master}:{RECIPE_KEYS}"
    return keys_of_image(text, runtime.cluster.image, where=where)


def prepare(runtime: Runtime, request: Request) -> Plan:
    """By what is really there. Raises DskError."""
    return plan(request, image_keys(runtime), runtime.exists, runtime.read)


def start(runtime: Runtime, request: Request) -> tuple[Plan, Supervisor]:
    """Returns what was planned and the running supervisor. Raises DskError."""
    planned = prepare(runtime, request)
    return planned, runtime.start(planned.spec)
