"""What dsk knows of an image's stack without asking the image: what stacks/ says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from dsk import variables
from dsk.cluster.model import DEFAULT_IMAGE
from dsk.jobs.knownwrong import parse
from dsk.recipe import KnownKeys, KnownWrong
from dsk.text import Text

if TYPE_CHECKING:
    from importlib.abc import Traversable

    from dsk.recipe.refusals import Refusal

RECIPE_KEYS = "recipe-keys.json"
KNOWN_WRONG = "known-wrong.yaml"
REFUSALS = "refusals.yaml"
_STACKS = files("dsk.assets") / "stacks"
_OWN = re.compile(r"(?:.*/)?dsk:(?P<tag>[^@]+)(?:@.*)?")
"""`dsk:seed`; also as it is published, `registry.example/owner/dsk:seed-1.2.3`."""


@dataclass(frozen=True)
class Stack:
    """One folder of stacks/. `train_entry` is what DeepSpeed starts by hand, a recipe behind it;
    `refusals` what its LLaMA-Factory is known to refuse."""

    name: str
    keys: KnownKeys
    train_entry: tuple[str, ...]
    refusals: tuple[Refusal, ...] = ()


def stack_for(image: str) -> tuple[Stack, Text | None]:
    """The image's own stack. An image that is none of dsk's has the default one and a note that
    says so: only the image itself knows better."""
    own = _OWN.fullmatch(image)
    tag = f"{own['tag']}-" if own else ""
    names = [name for name in shipped_stacks() if tag.startswith(f"{name}-")]
    if names:
        return _read(max(names, key=len)), None
    default = replace(_read(DEFAULT_IMAGE.partition(":")[2]), refusals=())
    note = Text(
        "what {image} contains is not known here: keys and command are those of stack {stack}"
    )
    return default, note.filled(image=image, stack=default.name)


def shipped_stacks() -> list[str]:
    """Without one whose image was never built: its keys are taken from there."""
    folders = _STACKS.iterdir()
    return sorted(folder.name for folder in folders if (folder / RECIPE_KEYS).is_file())


def keys_of_image(text: str, image: str, *, where: str) -> KnownKeys:
    """What an image's own recipe-keys.json says, with what this dsk knows that it trains wrongly.

    `where` names the file if it is broken. An image that does not name its stack is an older one,
    of the stack that its reference names.
    """
    keys = KnownKeys.from_json(text, where=where)
    stack = keys.stack or stack_for(image)[0].name
    return replace(keys, wrong=known_wrong(stack, keys.revision))


def known_wrong(stack: str, revision: int) -> tuple[KnownWrong, ...]:
    """What images of this stack and revision train wrongly; nothing for a stack of someone else."""
    file = _STACKS / stack / KNOWN_WRONG
    if not stack or not file.is_file():
        return ()
    entries = parse(file.read_text(encoding="utf-8"), f"stacks/{stack}/{KNOWN_WRONG}")
    return tuple(entry for entry in entries if entry.holds_for(revision))


def outdated(stack: Mapping[str, Any]) -> tuple[Text, ...]:
    """What an image trains wrongly and a newer one of its stack does not, from its stack.json."""
    found = known_wrong(str(stack.get("name", "")), int(stack.get("revision", 1)))
    return tuple(entry.problem for entry in found if entry.before_revision is not None)


def _read(name: str) -> Stack:
    keys = _STACKS / name / RECIPE_KEYS
    settings = variables.parse((_STACKS / name / "stack.env").read_text(encoding="utf-8"))
    read = KnownKeys.from_json(keys.read_text(encoding="utf-8"), where=str(keys))
    return Stack(
        name,
        replace(read, wrong=known_wrong(name, read.revision)),
        tuple(settings["TRAIN_ENTRY"].split()),
        _refusals(_STACKS / name / REFUSALS),
    )


def _refusals(file: Traversable) -> tuple[Refusal, ...]:
    from dsk.recipe.refusals import read_refusals  # PyYAML is not needed for all that a stack says

    return read_refusals(file.read_text(encoding="utf-8")) if file.is_file() else ()
