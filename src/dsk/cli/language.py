"""The language of everything that this process prints for people: LANG's, or that of `--lang`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from dsk.text import Language, language_of

Command = TypeVar("Command", bound=Callable[..., Any])
_CHOSEN: list[Language] = []
"""What --lang says, also for errors, which are shown after the command's context is gone."""


def preferred() -> Language:
    """As locale(7) ranks the variables, unless --lang was given."""
    if _CHOSEN:
        return _CHOSEN[0]
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    return language_of(next((os.environ[name] for name in names if os.environ.get(name)), ""))


def _choose(_ctx: click.Context, _option: click.Parameter, language: Language) -> Language:
    _CHOSEN[:] = [language]
    return language


def language_option(command: Command) -> Command:
    """Gives the command `language`."""
    option = click.option(
        "--lang",
        "language",
        type=click.Choice(("en", "zh")),
        default=preferred,
        callback=_choose,
        help="The language of the texts; by default that of LANG.",
    )
    return option(command)
