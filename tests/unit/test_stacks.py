"""Every folder of stacks/ is complete, and its files agree with each other (docs/stacks.md)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dsk import variables
from dsk.jobs.knownwrong import parse
from dsk.recipe import KnownKeys
from dsk.recipe.presets import short_names

ROOT = Path(__file__).parents[2]
STACKS = sorted((ROOT / "stacks").iterdir())
LOCKS = ("accelerator", "torch", "requirements", "build")
FILES = {
    *(f"{lock}.{kind}" for lock in LOCKS for kind in ("in", "txt")),
    *("sources.txt", "data-sources.txt", "overrides.txt"),
    *("stack.env", "trim.txt", "recipe-keys.json", "known-wrong.yaml"),
}
OPTIONAL = {"refusals.yaml", "warm-modules.txt", "warm-variables.txt"}
SETTINGS = {
    *("ACCELERATOR", "REVISION", "INSTALLED_PATCHES"),
    *("LLAMAFACTORY_VERSION", "LLAMAFACTORY_PATCH", "LLAMAFACTORY_DATA_VERSION"),
    *("DEEPSPEED_VERSION", "DEEPSPEED_PATCH", "TRAIN_ENTRY"),
}
# A stack for an accelerator without such a driver has none of these.
DRIVER = {"CUDA_VERSION", "MIN_DRIVER_VERSION"}
TRIM = re.compile(r"(accelerator|torch|requirements) (remove|strip) (?!/|.*\.\.)\S+")

every_stack = pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)


def lines(file: Path) -> list[str]:
    """Without comments, blank lines and line continuations."""
    joined = file.read_text().replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def pins(file: Path) -> dict[str, str]:
    """The versions of a lock by package; each line must have a hash."""
    found = {}
    for line in lines(file):
        match = re.match(r"([\w.-]+)==(\S+)( ; [^-]*)?( +--hash=sha256:[0-9a-f]{64})+ *$", line)
        assert match, f"{file.parent.name}/{file.name}: {line[:80]}"
        found[match[1]] = match[2]
    return found


def settings(stack: Path) -> dict[str, str]:
    return variables.parse((stack / "stack.env").read_text())


@every_stack
def test_a_stack_has_every_file_and_no_other(stack: Path) -> None:
    assert {file.name for file in stack.iterdir()} - OPTIONAL == FILES


@every_stack
def test_the_layers_have_the_versions_of_the_lock(stack: Path) -> None:
    locked = pins(stack / "requirements.txt")
    for layer in ("accelerator", "torch"):
        assert pins(stack / f"{layer}.txt").items() <= locked.items(), layer
    assert pins(stack / "torch.txt").keys() >= {"torch"}
    assert pins(stack / "build.txt")


@every_stack
def test_the_settings_name_what_is_there(stack: Path) -> None:
    named = settings(stack)
    assert named.keys() - DRIVER == SETTINGS
    assert named.keys() & DRIVER in (DRIVER, set())
    assert pins(stack / "sources.txt") == {
        "deepspeed": named["DEEPSPEED_VERSION"],
        "llamafactory": named["LLAMAFACTORY_VERSION"],
    }
    assert pins(stack / "data-sources.txt") == {"llamafactory": named["LLAMAFACTORY_DATA_VERSION"]}
    asked = lines(stack / "requirements.in")
    assert f"deepspeed=={named['DEEPSPEED_VERSION']}" in asked
    assert f"llamafactory=={named['LLAMAFACTORY_VERSION']}" in asked
    assert named["TRAIN_ENTRY"].split()[-1] == "train"


def test_every_patch_belongs_to_a_stack() -> None:
    named = [settings(stack) for stack in STACKS]
    used = {one[key] for one in named for key in ("LLAMAFACTORY_PATCH", "DEEPSPEED_PATCH")}
    used |= {patch for one in named for patch in one["INSTALLED_PATCHES"].split()}
    assert {patch.name for patch in (ROOT / "patches").iterdir()} == used


@every_stack
def test_the_trim_list_is_one(stack: Path) -> None:
    for line in lines(stack / "trim.txt"):
        assert TRIM.fullmatch(line), line


@every_stack
def test_the_recipe_keys_are_read(stack: Path) -> None:
    file = stack / "recipe-keys.json"
    keys = KnownKeys.from_json(file.read_text(), where=str(file))
    assert keys.presets
    assert (keys.stack, keys.revision) == (stack.name, int(settings(stack)["REVISION"]))


@every_stack
def test_what_it_trains_wrongly_is_said_of_presets_that_it_has(stack: Path) -> None:
    file = stack / "known-wrong.yaml"
    presets = short_names(KnownKeys.from_json((stack / "recipe-keys.json").read_text(), where=""))
    entries = parse(file.read_text(), file.name)
    assert entries
    for entry in entries:
        assert presets.keys() >= set(entry.presets)
        if entry.before_revision is not None:
            assert entry.before_revision <= int(settings(stack)["REVISION"])
