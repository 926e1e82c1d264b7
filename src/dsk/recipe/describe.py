"""A recipe as text for people: what the ranks get, what dsk changed, what nobody looked at."""

from __future__ import annotations

import json
from collections.abc import Iterable

from dsk.recipe.model import Change, Recipe
from dsk.recipe.render import to_yaml
from dsk.text import Text


def describe(recipe: Recipe) -> str:
    """Everything, for --dry-run. Secrets are `***`."""
    blocks = [
        _block("recipe", to_yaml(recipe.redacted()).splitlines()),
        describe_changes(recipe),
        describe_unchecked(recipe),
    ]
    return "\n\n".join(block for block in blocks if block)


def describe_changes(recipe: Recipe) -> str:
    """What a launch prints before it starts: batch, changes with their reasons, notices."""
    blocks = [
        summary(recipe).in_language("en"),
        _block("changed by dsk", map(_change, recipe.changes)),
        _block("notes", recipe.notices),
    ]
    return "\n\n".join(block for block in blocks if block)


def describe_unchecked(recipe: Recipe) -> str:
    return _block("not checked from here", recipe.unchecked)


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


def change_line(change: Change) -> str:
    return f"{_what(change)} ({change.redacted().reason})"


def _change(change: Change) -> str:
    return f"{_what(change)}\n    {change.redacted().reason}"


def _what(change: Change) -> str:
    shown = change.redacted()
    before = "not set" if shown.before is None else _value(shown.before)
    return f"{shown.key}: {before} -> {_value(shown.after)}"


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _block(title: str, lines: Iterable[str]) -> str:
    body = "\n".join(f"  {line}" for line in lines)
    return f"{title}:\n{body}" if body else ""
