"""What keeps workers from training together, in words. For checks and the supervisor."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from dsk.text import Text
from dsk.wire import checkpoints
from dsk.wire.checkpoints import Saved

SHORT = 19
NONE = "none"
PROTOCOL = Text("its image speaks dsk protocol {here}, this dsk {own}")
ACCELERATOR = Text("its worker uses {here}, dsk.yaml says {wanted}")
IMAGE = Text("its image differs from {others} ({difference})")
UNWRITABLE = Text("{path} cannot be written: {why}")
FEWER_GPUS = Text("slots: {slots}, but the worker sees {seen} GPU(s){problem}")
HALF_SHARED = Text("the workspace is one disk for some nodes only: {groups}")
ALL_OR_NONE = Text("share it with all nodes or with none")
RESUME = Text("the nodes would resume from different checkpoints in {folder} ({listed})")
_FROM_THE_BEGINNING = Text(
    "overwrite_output_dir=true to start from the beginning, or another output_dir"
)
_FROM_A_STEP = Text("resume_from_checkpoint={folder}/checkpoint-{step}, or {other}")
READABLE = Text("on that server, as root: {command}")


def differences(here: Mapping[str, str], usual: Mapping[str, object]) -> list[Text]:
    """Package by package; `none` where it is not there."""
    return [
        Text("{name} {here} instead of {usual}").filled(
            name=name, here=here.get(name, NONE), usual=str(usual.get(name, NONE))
        )
        for name in sorted({*here, *usual})
        if here.get(name) != usual.get(name)
    ]


def instead_of(here: str, usual: str) -> Text:
    """Content ids, as long as a person compares them."""
    return Text("{here} instead of {usual}").filled(here=here[:SHORT], usual=usual[:SHORT])


def because(problem: Text | None) -> Text:
    """A reason in brackets, where there is one."""
    return Text(" ({problem})").filled(problem=problem) if problem else Text("")


def resume(nodes: Mapping[str, Saved], folder: str) -> tuple[Text, Text] | None:
    """Where nodes (by name) would resume from different checkpoints: that, and what to do."""
    if not checkpoints.differ(nodes):
        return None
    listed = "; ".join(f"{name}: {checkpoints.newest(saved)}" for name, saved in nodes.items())
    fix, step = _FROM_THE_BEGINNING, checkpoints.newest_of_all(nodes)
    if step is not None:
        fix = _FROM_A_STEP.filled(folder=folder, step=step, other=fix)
    return RESUME.filled(folder=folder, listed=listed), fix


def readable(path: str, user: str) -> Text:
    """The command that lets the workers, which run as `user` ("": root), read `path` and what is
    below it."""
    chown = f"   # or: chown -R {user} {shlex.quote(path)}" if user else ""
    return READABLE.filled(command=f"chmod -R a+rX {shlex.quote(path)}{chown}")
