"""Every node's server opened side by side, and the first contact with those not known yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TypeVar

from dsk.cluster.model import Cluster, Node, SshTarget
from dsk.connect import CONNECT_S, Server, UnknownHostKey, hostkeys, open_server, side_by_side
from dsk.connect.ssherrors import ChangedHostKey
from dsk.errors import DskError, Unreachable
from dsk.servers.state import ensure_state_dir
from dsk.text import Text
from dsk.wire.remedies import CONNECTION, HOST_KEY, LOGIN, Remedy

T = TypeVar("T")
UNKNOWN = Text("the host key of {server} is not known: {fingerprint}")
COMPARE = Remedy(
    engine=Text(
        "compare it on the server (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then: dsk up "
        "--accept-new-host-keys (dsk down takes this option too)"
    ),
    in_place=Text(
        "take the key from that container (there: dsk-agent host-key), then: dsk keys --add FILE"
    ),
)
Trust = Callable[[Node, hostkeys.HostKey], bool]
"""Asks whether a server's host key is the right one."""


def trust_nobody(_node: Node, _key: hostkeys.HostKey) -> bool:
    return False


class Fleet:
    """The servers of a cluster's nodes, and what went wrong with some of them so far."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = tuple(nodes)
        self.servers: dict[int, Server] = {}
        self._errors: dict[int, DskError] = {}

    def fail(self, node: Node, error: DskError) -> None:
        self._errors[node.index] = error

    def forgive(self, node: Node) -> None:
        self._errors.pop(node.index, None)

    def error(self, node: Node) -> DskError | None:
        return self._errors.get(node.index)

    @property
    def errors(self) -> list[DskError]:
        """In the nodes' order; an error that several nodes share stands once."""
        return list(dict.fromkeys(self._errors[index] for index in sorted(self._errors)))

    @property
    def good(self) -> tuple[Node, ...]:
        """The nodes that were reached and have not failed since."""
        return tuple(
            node
            for node in self.nodes
            if node.index in self.servers and node.index not in self._errors
        )

    def each(
        self, fn: Callable[[Node, Server], T], nodes: Sequence[Node] | None = None
    ) -> dict[int, T]:
        """`fn` on every good node, or on these, side by side: the results by node index.

        The errors are kept here.
        """
        results = {}
        chosen = self.good if nodes is None else nodes
        for outcome in side_by_side(chosen, lambda node: fn(node, self.servers[node.index])):
            if outcome.error:
                self.fail(outcome.node, outcome.error)
            else:
                results[outcome.node.index] = outcome.get()
        return results

    def __enter__(self) -> Fleet:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for server in self.servers.values():
            server.close()


def open_fleet(
    cluster: Cluster,
    nodes: Sequence[Node],
    trust: Trust = trust_nobody,
    *,
    connect_s: int = CONNECT_S,
) -> Fleet:
    """Connects to every node's server; use it in a `with`."""
    known_hosts = cluster.state_dir / "known_hosts"

    def connect(node: Node) -> Server:
        try:
            return open_server(node.server, known_hosts, where=str(node), connect_s=connect_s)
        except Unreachable as error:
            raise (_in_place(error) if cluster.in_place else error) from None

    fleet = Fleet(nodes)
    try:
        _gather(fleet, nodes, connect)
        new = [node for node in nodes if isinstance(fleet.error(node), UnknownHostKey)]
        if new:
            _gather(fleet, _first_contact(cluster, new, fleet, trust), connect)
    except BaseException:
        fleet.__exit__(None, None, None)
        raise
    return fleet


def _in_place(error: Unreachable) -> Unreachable:
    """The same error, with the remedy for a container that a platform started."""
    remedy = LOGIN if "refuses the login" in error.message else CONNECTION
    if isinstance(error, ChangedHostKey):
        remedy = HOST_KEY
    return type(error)(error.told, where=error.where, fix=remedy.in_place)


def _gather(fleet: Fleet, nodes: Sequence[Node], connect: Callable[[Node], Server]) -> None:
    for outcome in side_by_side(nodes, connect):
        if outcome.error:
            fleet.fail(outcome.node, outcome.error)
        else:
            fleet.servers[outcome.node.index] = outcome.get()


def _first_contact(
    cluster: Cluster, nodes: Sequence[Node], fleet: Fleet, trust: Trust
) -> list[Node]:
    """Shows the keys one after the other, since there is one person to ask."""
    trusted = []
    for outcome in side_by_side(nodes, _offered):
        node = outcome.node
        if outcome.error:
            fleet.fail(node, outcome.error)
            continue
        key = outcome.get()
        if trust(node, key):
            ensure_state_dir(cluster)
            hostkeys.remember(cluster.state_dir / "known_hosts", key)
            fleet.forgive(node)
            trusted.append(node)
        else:
            text = UNKNOWN.filled(server=str(node.server), fingerprint=key.fingerprint)
            fix = COMPARE.of(in_place=cluster.in_place)
            fleet.fail(node, UnknownHostKey(text, where=str(node), fix=fix))
    return trusted


def _offered(node: Node) -> hostkeys.HostKey:
    assert isinstance(node.server, SshTarget)  # noqa: S101 - nobody else raises UnknownHostKey
    return hostkeys.offered(node.server, str(node))
