"""How errors look, and the exit code of several."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import takewhile

import click

from dsk.cli.language import preferred
from dsk.cli.printing import echo, echo_json
from dsk.errors import DskError, Unreachable
from dsk.text import Text

ERROR = Text("error:")


def show(error: DskError) -> None:
    language = preferred()
    label = click.style(ERROR.in_language(language), fg="red")
    echo(f"{label} {error.in_language(language)}", err=True)


def show_as_json(message: str, exit_code: int, where: str | None, fix: str | None) -> None:
    """For `--json` (docs/events.md): one line on standard output."""
    error = {"event": "error", "message": message, "where": where, "fix": fix}
    echo_json({**error, "exit_code": exit_code}, indent=None)


def asked_for_json(group: click.Group, arguments: Sequence[str]) -> bool:
    """Whether the command that these arguments name has --json and they hold it. For errors, also
    those in the arguments themselves, which leave no parsed command behind."""
    words = list(takewhile(lambda word: word != "--", arguments))
    if "--json" not in words:
        return False
    found: click.Command = group
    context = click.Context(group)
    for word in words:
        if not isinstance(found, click.Group):
            break
        found = found.get_command(context, word) or found
    return any("--json" in each.opts for each in found.params)


def finish(errors: Sequence[DskError]) -> None:
    """Shows every node's error and exits; returns where there is none."""
    for error in errors:
        show(error)
    if errors:
        sys.exit(exit_code(errors))


def exit_code(errors: Sequence[DskError]) -> int:
    """3 if a node could not be reached, 2 if only the user's input is wrong, else 1."""
    codes = {error.exit_code for error in errors}
    if Unreachable.exit_code in codes:
        return Unreachable.exit_code
    return codes.pop() if len(codes) == 1 else DskError.exit_code
