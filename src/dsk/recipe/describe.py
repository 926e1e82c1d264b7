"""A recipe as text for people: what the ranks get, what dsk changed, what nobody looked at."""

from __future__ import annotations

import json
from collections.abc import Iterable

from dsk.recipe.model import Change, Recipe
from dsk.recipe.render import to_yaml
from dsk.text import Text, joined, verbatim

_NOT_SET = Text("not set")
_INDENTED = Text("  {line}")


def describe(recipe: Recipe) -> Text:
    """Everything, for --dry-run. Secrets are `***`."""
    values = map(verbatim, to_yaml(recipe.redacted()).splitlines())
    blocks = [block(Text("recipe"), values), describe_changes(recipe)]
    if recipe.unchecked:
        blocks.append(describe_unchecked(recipe))
    return joined(blocks, "\n\n")


def describe_changes(recipe: Recipe) -> Text:
    """What a launch prints before it starts: batch, changes with their reasons, notices."""
    blocks = [summary(recipe)]
    if recipe.changes:
        blocks.append(block(Text("changed by dsk"), map(_change, recipe.changes)))
    if recipe.notices:
        blocks.append(block(Text("notes"), recipe.notices))
    return joined(blocks, "\n\n")


def describe_unchecked(recipe: Recipe) -> Text:
    return block(Text("not checked from here"), recipe.unchecked)


def block(title: Text, lines: Iterable[Text]) -> Text:
    """Return the title and, indented below it, the lines."""
    body = joined([_INDENTED.filled(line=line) for line in lines], "\n")
    return Text("{title}:\n{body}").filled(title=title, body=body)


def summary(recipe: Recipe) -> Text:
    """One line: how large a step is, and where the result will lie."""
    batch = recipe.batch
    size = (
        Text(
            "batch size {effective} per step ({micro} per rank x {accumulation} accumulation x "
            "{ranks} ranks)"
        ).filled(
            effective=batch.effective,
            micro=batch.micro,
            accumulation=batch.accumulation,
            ranks=batch.world_size,
        )
        if batch
        else Text("{ranks} ranks").filled(ranks=recipe.world_size)
    )
    return Text("{size}; output in {folder}").filled(size=size, folder=recipe.output_dir)


def change_line(change: Change) -> Text:
    """Return the change in one line, as a job's specification has it."""
    return joined([_what(change), Text(" ({reason})").filled(reason=change.reason)], "")


def _change(change: Change) -> Text:
    return joined([_what(change), change.reason], "\n    ")


def _what(change: Change) -> Text:
    shown = change.redacted()
    return Text("{key}: {before} -> {after}").filled(
        key=shown.key,
        before=_NOT_SET if shown.before is None else _value(shown.before),
        after=_value(shown.after),
    )


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
