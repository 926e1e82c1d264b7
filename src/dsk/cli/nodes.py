"""`--node`: on which of the cluster's nodes a command works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


class _NodeOption(click.Option):
    """An option whose former spellings are accepted, and left out of the help."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        return record and (f"{self.opts[0]} {self.metavar}", record[1])


def node_option(help: str, *former: str, metavar: str = "NODE") -> Callable[[F], F]:  # noqa: A002
    """Pass every `--node NODE` to the command as the tuple `named`.

    `former`: the option's names in older versions of dsk, which scripts still use.
    """
    return click.option(
        "--node", *former, "named", cls=_NodeOption, multiple=True, metavar=metavar, help=help
    )
