"""Does every node get through to every other one, both ways, on the ports that NCCL takes?"""

from __future__ import annotations

from dsk.checks.model import Check, Finding
from dsk.checks.network.facts import Network, Pair, between
from dsk.checks.network.groups import group
from dsk.cluster.model import Cluster
from dsk.text import Text
from dsk.wire.measure import Knock, Silent

NAME = "reach"
HOW = {
    "timeout": Text("no answer: packets are dropped"),
    "refused": Text("refused"),
    "no route": Text("no route, or the other end is down"),
    "error": Text("{problem}"),
}
OK = Text("connects to {count} others")
SILENT = Text("not measured: {problem}")
KNOCK = Text("the master cannot connect to its worker's port {port} ({how})")
FIX_KNOCK = Text(
    "dsk status (is its worker up?); if it is, let {master} through to TCP port {port} of {host}"
)
PAIR = Text("cannot connect to {peer} on a free port ({how}){other}")
ONE_WAY = Text("; the other direction works")
OUT = Text("cannot connect to any other node on a free port ({how})")
IN = Text("no other node can connect to a free port here ({how})")
FIX = Text(
    "NCCL and Gloo listen on free ports (32768-60999): let the nodes through to each other. On "
    "{host}, as root: iptables -I INPUT -s {source} -p tcp -j ACCEPT. Also look at security groups"
)


def check(cluster: Cluster, network: Network) -> list[Finding]:
    bad = [pair for pair in network.reaches if not network.gets_through(pair)]
    groups = group(bad, network.reaches)
    found = []
    for node in groups.senders:
        pair = next(pair for pair in bad if pair[0] == node)
        found.append(_finding(cluster, network, OUT, pair, node=node))
    for node in groups.receivers:
        pair = next(pair for pair in bad if pair[1] == node)
        found.append(_finding(cluster, network, IN, pair, node=node))
    for pair in sorted(bad) if groups.everywhere else groups.pairs:
        found.append(_finding(cluster, network, PAIR, pair, node=pair[0], peer=pair[1]))
    troubled = {node for pair in bad for node in pair}
    for index in range(len(cluster.nodes)):
        peers = [pair for pair in network.reaches if pair[0] == index]
        if index not in troubled and peers:
            found.append(Finding(NAME, "ok", OK.filled(count=len(peers)), node=index))
        found += _not_measured(cluster, network, index)
    return found


def _not_measured(cluster: Cluster, network: Network, node: int) -> list[Finding]:
    knock, silent = network.by_node(Knock).get(node), network.by_node(Silent).get(node)
    if knock is None or knock.outcome == "ok":
        text = SILENT.filled(problem=silent.problem) if silent else None
        return [Finding(NAME, "skipped", text, node=node)] if text else []
    finding = Finding(NAME, "failed", KNOCK, node, None, knock.outcome, "ok", FIX_KNOCK)
    filled = finding.filled(
        port=cluster.worker_port,
        host=cluster.nodes[node].host,
        master=cluster.master.host,
        how=HOW[knock.outcome].filled(problem=knock.problem),
    )
    return [filled]


def _finding(
    cluster: Cluster,
    network: Network,
    text: Text,
    pair: Pair,
    *,
    node: int,
    peer: int | None = None,
) -> Finding:
    reach = network.reaches[pair]
    from_, to = cluster.nodes[pair[0]], cluster.nodes[pair[1]]
    one_way = network.gets_through((pair[1], pair[0]))
    return Finding(NAME, "failed", text, node, peer, reach.outcome, "ok", FIX).filled(
        peer=str(to),
        how=HOW[reach.outcome].filled(problem=reach.problem),
        other=ONE_WAY if one_way else "",
        host=to.host,
        source=from_.host,
    )


CHECK = Check(NAME, between(NAME, check), ("network",), "interface")
