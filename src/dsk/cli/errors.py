"""How errors look, and the exit code of several."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from dsk.cli.printing import echo
from dsk.errors import DskError, Unreachable


def show(error: DskError) -> None:
    echo(f"{click.style('error:', fg='red')} {error}", err=True)


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
