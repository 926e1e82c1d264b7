"""Servers never seen before: who says that their host keys are the right ones."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from dsk.cli.printing import confirm, echo
from dsk.text import Text

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
    text = Text("{node}: new host key {key}, accepted")
    echo(text.filled(node=node, key=key.fingerprint))
    return True


def _ask(node: Node, key: HostKey) -> bool:
    if not sys.stdin.isatty():
        return False
    text = Text("{node}: the host key of {server} is {key}")
    echo(text.filled(node=node, server=node.server, key=key.fingerprint))
    return confirm(Text("is that the server's own?"))
