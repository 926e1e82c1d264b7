"""Starts a job: what the workers know is looked up, then its supervisor is started."""

from __future__ import annotations

from dsk.jobs.place import Place, Supervisor
from dsk.jobs.planning import Plan, Request, plan
from dsk.jobs.stacks import keys_of_image
from dsk.recipe import KnownKeys

RECIPE_KEYS = "/etc/dsk/recipe-keys.json"


def image_keys(place: Place) -> KnownKeys:
    """The keys of the LLaMA-Factory that will really run."""
    text = place.output_of(["cat", RECIPE_KEYS])
    where = f"{place.cluster.master}:{RECIPE_KEYS}"
    return keys_of_image(text, place.cluster.image, where=where)


def prepare(place: Place, request: Request) -> Plan:
    """By what is really there. Raises DskError."""
    return plan(request, image_keys(place), place.exists, place.read)


def start(place: Place, request: Request) -> tuple[Plan, Supervisor]:
    """Returns what was planned and the running supervisor. Raises DskError."""
    planned = prepare(place, request)
    return planned, place.start(planned.spec)
