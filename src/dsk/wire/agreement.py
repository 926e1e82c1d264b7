"""What keeps workers from training together, in words. For checks and the supervisor."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from dsk.text import Text, joined
from dsk.wire.checkpoints import Choice, Incomplete

SHORT = 19
NONE = "none"
PROTOCOL = Text("its image speaks dsk protocol {here}, this dsk {own}")
ACCELERATOR = Text("its worker uses {here}, dsk.yaml says {wanted}")
IMAGE = Text("its image differs from {others} ({difference})")
LAUNCH_AGAIN = Text("launch its train.yaml again")
UNWRITABLE = Text("{path} cannot be written: {why}")
FEWER_GPUS = Text("slots: {slots}, but the worker sees {seen} GPU(s){problem}")
HALF_SHARED = Text("the workspace is one disk for some nodes only: {groups}")
ALL_OR_NONE = Text("share it with all nodes or with none")
NOT_COMPLETE = Text("checkpoint-{step} in {folder} is not complete ({why})")
SKIPPED = Text("{problem}; the job resumes from checkpoint-{step}")
NONE_COMPLETE = Text("no checkpoint in {folder} is complete: {problems}")
_AT = Text("{node}: {why}")
FROM_THE_BEGINNING = Text(
    "overwrite_output_dir=true to start from the beginning, or another output_dir"
)
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


def skipped(choice: Choice, names: Mapping[int, str], folder: str) -> list[Text]:
    """One sentence for each newer checkpoint that is left alone; `names` of the nodes by index."""
    problems = [_incomplete(each, names, folder) for each in choice.skipped]
    if choice.step is None:
        return problems
    return [SKIPPED.filled(problem=each, step=choice.step) for each in problems]


def none_complete(
    choice: Choice, names: Mapping[int, str], folder: str
) -> tuple[Text, Text] | None:
    """If there are checkpoints and none of them is complete: that, and what to do."""
    if choice.step is not None or not choice.skipped:
        return None
    problems = joined([_incomplete(each, names, folder) for each in choice.skipped], "; ")
    return NONE_COMPLETE.filled(folder=folder, problems=problems), FROM_THE_BEGINNING


def _incomplete(found: Incomplete, names: Mapping[int, str], folder: str) -> Text:
    why = found.why
    if found.place is not None and len(names) > 1:
        why = _AT.filled(node=names[found.place], why=why)
    return NOT_COMPLETE.filled(step=found.step, folder=folder, why=why)


def readable(path: str, user: str) -> Text:
    """The command that lets the workers, which run as `user` ("": root), read `path` and what is
    below it."""
    chown = f"   # or: chown -R {user} {shlex.quote(path)}" if user else ""
    return READABLE.filled(command=f"chmod -R a+rX {shlex.quote(path)}{chown}")
