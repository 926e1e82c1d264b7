"""What `dsk launch --dry-run` shows: everything that the launch would do, secrets aside."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dsk.cli.overview import duration
from dsk.cluster import secretnames
from dsk.jobs.planning import Plan
from dsk.plan import deepspeed, direct
from dsk.recipe.describe import block, describe
from dsk.text import Text, joined, verbatim

if TYPE_CHECKING:
    from dsk.recipe import Change

NOT_CHECKED = (
    Text("nothing was contacted: whether the workers are up and alike, their GPUs, free ports,"),
    Text("whether the model and the data are there on every node"),
)

CHOSEN_ON_THE_NODE = {
    "OMP_NUM_THREADS": Text(
        "<cores of the worker / ranks of the node, so that ranks do not compete>"
    )
}
"""Unless the user sets them (agent.threads)."""


def as_text(plan: Plan) -> Text:
    hosts = deepspeed.hostfile(plan.spec.nodes).splitlines()
    env = (joined([verbatim(name), value], "=") for name, value in _env(plan).items())
    return joined(
        [
            describe(plan.recipe),
            block(Text("hostfile"), map(verbatim, hosts)),
            block(Text("environment of every rank"), env),
            _started(plan),
            *_notified(plan),
            *_time_limit(plan),
            block(Text("not checked"), NOT_CHECKED),
        ],
        "\n\n",
    )


def as_json(plan: Plan, note: Text | None) -> dict[str, Any]:
    """In English, whatever the user's language is."""
    recipe = plan.recipe
    unchecked = [*recipe.unchecked, joined(NOT_CHECKED, " "), *([note] if note else [])]
    return {
        "recipe": recipe.redacted(),
        "changes": [_change(change.redacted()) for change in recipe.changes],
        "notices": _english(recipe.notices),
        "unchecked": _english(unchecked),
        "hostfile": deepspeed.hostfile(plan.spec.nodes),
        "env": dict(zip(_env(plan), _english(_env(plan).values()), strict=True)),
        "launcher": plan.spec.launcher,
        "time_limit": plan.spec.time_limit,
        "command": _command(plan),
        "notify": [
            {"name": target.name, "kind": target.kind, "events": list(target.events)}
            for target in plan.spec.notify.targets
        ],
    }


def _notified(plan: Plan) -> Iterator[Text]:
    """Without URLs and commands: those are, or may contain, secrets."""
    if targets := plan.spec.notify.targets:
        lines = [
            verbatim(f"{target.name} ({target.kind}): {', '.join(target.events)}")
            for target in targets
        ]
        yield block(Text("messages about the job"), lines)


def _change(change: Change) -> dict[str, Any]:
    return {**vars(change), "reason": change.reason.in_language("en")}


def _english(texts: Iterable[Text]) -> list[str]:
    return [text.in_language("en") for text in texts]


def _started(plan: Plan) -> Text:
    command = [verbatim(shlex.join(_command(plan)))]
    if plan.spec.launcher == "deepspeed":
        return block(Text("command in the master's container"), command)
    title = Text("every rank is started on its node, with its own values of {names}, by")
    return block(title.filled(names=_contract(plan)), command)


def _time_limit(plan: Plan) -> list[Text]:
    limit = plan.spec.time_limit
    if limit is None:
        return []
    saves = Text("the job is stopped after {limit}, and saves a checkpoint shortly before")
    cannot = Text("the job is stopped after {limit}; it cannot save a checkpoint before")
    text = saves if plan.spec.saves else cannot
    return [block(Text("time limit"), [text.filled(limit=duration(limit))])]


def _contract(plan: Plan) -> str:
    """The names alone: the values differ from rank to rank."""
    first = plan.spec.nodes[0]
    return ", ".join(direct.contract(plan.spec, first, 0, 0, 0))


def _command(plan: Plan) -> list[str]:
    if plan.spec.launcher == "direct":
        return direct.argv(plan.spec, "<local rank>")
    return deepspeed.command(plan.spec, master_port="<free port>", attempt=0)


def _env(plan: Plan) -> Mapping[str, Text]:
    env = deepspeed.rank_env(plan.spec)
    shown = {name: verbatim(secretnames.shown(name, value)) for name, value in env.items()}
    return dict(sorted({**CHOSEN_ON_THE_NODE, **shown}.items()))
