"""What `dsk launch --dry-run` shows: everything that the launch would do, secrets aside."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from dsk.cluster import secretnames
from dsk.jobs.planning import Plan
from dsk.plan import deepspeed, direct
from dsk.recipe.describe import describe

NOT_CHECKED = (
    "nothing was contacted: whether the workers are up and alike, their GPUs, free ports,",
    "whether the model and the data are there on every node",
)

CHOSEN_ON_THE_NODE = {
    "OMP_NUM_THREADS": "<cores of the worker / ranks of the node, so that ranks do not compete>"
}
"""Unless the user sets them (agent.threads)."""


def as_text(plan: Plan) -> str:
    return "\n\n".join(
        [
            describe(plan.recipe),
            "hostfile:\n" + _indented(deepspeed.hostfile(plan.spec.nodes)),
            "environment of every rank:\n"
            + _indented("\n".join(f"{name}={value}" for name, value in _env(plan).items())),
            _started(plan),
            "\n  ".join(["not checked:", *NOT_CHECKED]),
        ]
    )


def as_json(plan: Plan, note: str | None) -> dict[str, Any]:
    recipe = plan.recipe
    return {
        "recipe": recipe.redacted(),
        "changes": [vars(change.redacted()) for change in recipe.changes],
        "notices": recipe.notices,
        "unchecked": [*recipe.unchecked, " ".join(NOT_CHECKED), *([note] if note else [])],
        "hostfile": deepspeed.hostfile(plan.spec.nodes),
        "env": _env(plan),
        "launcher": plan.spec.launcher,
        "command": _command(plan),
    }


def _started(plan: Plan) -> str:
    command = shlex.join(_command(plan))
    if plan.spec.launcher == "deepspeed":
        return f"command in the master container:\n  {command}"
    lines = [f"every rank is started on its node, under {_contract(plan)}, as", command]
    return "\n  ".join(lines)


def _contract(plan: Plan) -> str:
    """The names alone: the values differ from rank to rank."""
    first = plan.spec.nodes[0]
    return ", ".join(direct.contract(plan.spec, first, 0, 0, 0))


def _command(plan: Plan) -> list[str]:
    if plan.spec.launcher == "direct":
        return direct.argv(plan.spec, "<local rank>")
    return deepspeed.command(plan.spec, master_port="<free port>", attempt=0)


def _env(plan: Plan) -> Mapping[str, str]:
    env = {**CHOSEN_ON_THE_NODE, **deepspeed.rank_env(plan.spec)}
    return {name: secretnames.shown(name, env[name]) for name in sorted(env)}


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
