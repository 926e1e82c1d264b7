"""One job as the operator's side hands it to the supervisor, once, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from dsk.text import Text
from dsk.wire import PROTOCOL
from dsk.wire.hub import HubNeeds
from dsk.wire.notify import NOBODY, Notify
from dsk.wire.reading import read

LauncherName = Literal["direct", "deepspeed"]
TRAINING = ("dsk.rank", "train")
ONE_STEP = "--one-step"
"""A word for dsk.rank: end where the training has, before the model is saved."""
LAUNCHERS: tuple[LauncherName, ...] = get_args(LauncherName)


class ProtocolMismatch(ValueError):
    """The other side speaks another protocol number."""

    exit_code = 64


@dataclass(frozen=True)
class JobNode:
    """A node that takes part. `slots` are the local accelerator numbers used, of `available`."""

    index: int
    host: str
    slots: tuple[int, ...]
    available: int


def of_this_protocol(text: str) -> dict[str, Any]:
    """A message that says its protocol, as a JSON object whose `nodes` are JobNodes. Raises
    ProtocolMismatch where it is of another protocol number."""
    raw: dict[str, Any] = json.loads(text)
    if raw.get("protocol") != PROTOCOL:
        raise ProtocolMismatch(f"protocol {raw.get('protocol')} here, {PROTOCOL} expected")
    nodes = tuple(JobNode(**{**n, "slots": tuple(n["slots"])}) for n in raw["nodes"])
    return {**raw, "nodes": nodes}


@dataclass(frozen=True)
class RecipeText:
    """A resolved recipe as YAML text, and what dsk changed in it, a line each, for the user."""

    yaml: str
    changes: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Needed:
    """Something that must be there on every node before the ranks start.

    With `names`, `path` is a folder whose dataset_info.json defines each of them, with its file;
    without, it is a file or folder that exists. `own`: its content differs from node to node, as
    that of a checkpoint does.
    """

    path: str
    names: tuple[str, ...] = ()
    own: bool = False


@dataclass(frozen=True)
class JobSpec:
    """Everything that the supervisor has to know.

    Two recipes, since only the workers can tell whether the workspace is one shared disk:
    `recipe_shared` is used where it is, `recipe_local` where each node has its own.
    `env` goes to every rank and may hold secrets. `limits`: seconds without progress by RankPhase
    (None: no limit), where the user has set one. `created` is in seconds since the epoch. `hub` is
    None where the recipe names no repository of a hub. `program` is the module that every rank
    runs, and its words; the recipe's path follows. `resumes`: ranks look for the newest checkpoint
    in their own node's `output_dir` and resume from it. `saves`: the training can save a checkpoint
    on request. `time_limit`: seconds after which the job is stopped, with a checkpoint where it can
    be saved (None: no limit). `notify` holds secrets: the URLs of services.
    """

    job: str
    cluster: str
    created: float
    nodes: tuple[JobNode, ...]
    worker_port: int
    workspace: str
    accelerator: str
    recipe_shared: RecipeText
    recipe_local: RecipeText
    output_dir: str
    needed: tuple[Needed, ...]
    env: Mapping[str, str]
    launcher: LauncherName = "direct"
    limits: Mapping[str, float | None] = field(default_factory=dict)
    hub: HubNeeds | None = None
    program: tuple[str, ...] = TRAINING
    resumes: bool = False
    notify: Notify = NOBODY
    saves: bool = False
    time_limit: float | None = None
    protocol: int = PROTOCOL

    @property
    def world_size(self) -> int:
        return sum(len(node.slots) for node in self.nodes)

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False, default=str)

    @classmethod
    def from_json(cls, text: str) -> JobSpec:
        """Raises ProtocolMismatch where the text is of another protocol number."""
        raw = of_this_protocol(text)
        hub = raw.pop("hub")
        needed = tuple(Needed(**{**n, "names": tuple(n["names"])}) for n in raw.pop("needed"))
        shared, local = (
            RecipeText(recipe["yaml"], tuple(map(Text.from_raw, recipe["changes"])))
            for recipe in (raw.pop("recipe_shared"), raw.pop("recipe_local"))
        )
        return cls(
            needed=needed,
            recipe_shared=shared,
            recipe_local=local,
            hub=hub and HubNeeds.from_raw(hub),
            program=tuple(raw.pop("program")),
            notify=read(Notify, raw.pop("notify")),
            **raw,
        )
