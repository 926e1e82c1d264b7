"""`--lang`: in which language findings and diagnoses are told."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from dsk.text import Language, language_of

Command = TypeVar("Command", bound=Callable[..., Any])


def preferred() -> Language:
    """As locale(7) ranks the variables."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    return language_of(next((os.environ[name] for name in names if os.environ.get(name)), ""))


def language_option(command: Command) -> Command:
    """Gives the command `language`."""
    option = click.option(
        "--lang",
        "language",
        type=click.Choice(("en", "zh")),
        default=preferred,
        help="The language of the texts; by default that of LANG.",
    )
    return option(command)
