"""Servers never seen before: who says that their host keys are the right ones."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from dsk.cli.printing import echo

if TYPE_CHECKING:
    from dsk.cluster.model import Node
    from dsk.connect.hostkeys import HostKey
    from dsk.servers.contact import Trust

trust_option = click.option(
    "--accept-new-host-keys",
    is_flag=True,
    help="Trust servers never seen before without asking; a changed key is still refused.",
)


def trust(*, accept_new_host_keys: bool) -> Trust:
    """Return who decides: the option, or the user at a terminal."""
    return _accept if accept_new_host_keys else _ask


def _accept(node: Node, key: HostKey) -> bool:
    echo(f"{node}: new host key {key.fingerprint}, accepted")
    return True


def _ask(node: Node, key: HostKey) -> bool:
    if not sys.stdin.isatty():
        return False
    echo(f"{node}: the host key of {node.server} is {key.fingerprint}")
    return click.confirm("is that the server's own?", default=False)
