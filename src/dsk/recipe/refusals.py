"""What a stack's LLaMA-Factory is known to refuse after its start (stacks/NAME/refusals.yaml)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from dsk.recipe.draft import Draft
from dsk.text import Text

_SITE = ("ranks", "accelerator", "zero3", "deepspeed")
"""What an entry may ask for that is not the value of one key."""

_ABSENT = Text("this needs the package {package}, which the image does not have")
_WITHOUT = Text(
    "do without it, or use an image with {package} (docs/stacks.md says how to make one)"
)


@dataclass(frozen=True)
class Refusal:
    """`when` holds the values that a recipe must have for it, all of them."""

    when: Mapping[str, object]
    says: Text
    fix: Text

    @property
    def key(self) -> str:
        """The key to blame."""
        return next(key for key in self.when if key not in _SITE)


def read_refusals(text: str) -> tuple[Refusal, ...]:
    """Of a refusals.yaml. Raises KeyError, TypeError or yaml.YAMLError where it is broken."""
    return tuple(_refusal(entry) for entry in yaml.safe_load(text) or ())


def _refusal(entry: Mapping[str, Any]) -> Refusal:
    if package := entry.get("package"):
        return Refusal(
            entry["when"], _ABSENT.filled(package=package), _WITHOUT.filled(package=package)
        )
    return Refusal(entry["when"], Text(entry["says"]), Text(entry["fix"]))


def refuse(draft: Draft, refusals: Sequence[Refusal]) -> None:
    """Raises UserError for the first that applies."""
    for refusal in refusals:
        if all(_holds(draft, key, wanted) for key, wanted in refusal.when.items()):
            raise draft.error(refusal.key, refusal.says, fix=refusal.fix)


def _holds(draft: Draft, key: str, wanted: object) -> bool:
    if key == "ranks":
        return draft.site.world_size > 1
    if key == "accelerator":
        return draft.site.accelerator == wanted
    value = draft.get(key) if key != "zero3" else draft.get("deepspeed")
    if key == "deepspeed":
        return bool(value) is (wanted == "any")
    if key == "zero3":
        return _is_zero3(value) is wanted
    values = wanted if isinstance(wanted, list) else [wanted]
    if isinstance(value, list):
        return any(item in values for item in value)
    return value in values


def _is_zero3(deepspeed: object) -> bool | None:
    """None where it is a file that nobody has read."""
    if isinstance(deepspeed, Mapping):
        zero = deepspeed.get("zero_optimization")
        return isinstance(zero, Mapping) and zero.get("stage") == 3
    if not deepspeed:
        return False
    shipped = re.match(r"ds_z(\d)_", posixpath.basename(str(deepspeed)))
    return shipped[1] == "3" if shipped else None
