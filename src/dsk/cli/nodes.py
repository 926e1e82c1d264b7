"""`--node`: on which of the cluster's nodes a command works."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from dsk.errors import DskError

F = TypeVar("F", bound=Callable[..., Any])


class _NodeOption(click.Option):
    """An option whose former spellings are accepted, and left out of the help."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        return record and (f"{self.opts[0]} {self.metavar}", record[1])


def _complete(
    ctx: click.Context,
    param: click.Parameter,  # noqa: ARG001
    incomplete: str,
) -> list[CompletionItem]:
    """The names of the nodes in the cluster file, for a shell; none where it cannot be read."""
    from dsk.cluster import load

    # No command is called then, so that the group has not made a dsk.cli.context.Context.
    file = ctx.find_root().params.get("file") or os.environ.get("DSK_FILE") or "dsk.yaml"
    try:
        nodes = load(Path(file)).nodes
    except (DskError, OSError):
        return []
    return [
        CompletionItem(node.name, help=node.host)
        for node in nodes
        if node.name.startswith(incomplete)
    ]


def node_option(help: str, *former: str, metavar: str = "NODE") -> Callable[[F], F]:  # noqa: A002
    """Pass every `--node NODE` to the command as the tuple `named`.

    `former`: the option's names in older versions of dsk, which scripts still use.
    """
    return click.option(
        "--node",
        *former,
        "named",
        cls=_NodeOption,
        multiple=True,
        metavar=metavar,
        help=help,
        shell_complete=_complete,
    )


def job_nodes_options(command: F) -> F:
    """Pass the nodes and slots of a job as `named`, as in `node_option`, and `exclude`."""
    exclude = click.option(
        "--exclude", metavar="NODES", help="All nodes but these, in DeepSpeed's syntax."
    )
    node = node_option(
        "Only this node, or these slots of it: node1, 10.0.0.12:0,2; repeatable, or in DeepSpeed's "
        "syntax: node1@node2:0,2.",
        "--include",
        metavar="NODE[:SLOTS]",
    )
    return node(exclude(command))
