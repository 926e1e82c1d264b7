"""Can the master log in to every worker, itself included?"""

from __future__ import annotations

from dsk.checks.model import Finding
from dsk.checks.network.facts import Network
from dsk.checks.network.reach import HOW
from dsk.cluster.model import Cluster
from dsk.text import Text

NAME = "sessions"
OK = Text("the master logs in", "主节点可以登录")
NO_PORT = Text(
    "the master does not get through to the worker's port {port}: {how}",
    "主节点连不上 worker 的端口 {port}：{how}",
)
NO_LOGIN = Text(
    "the master cannot work with this worker: {problem}", "主节点无法使用该 worker：{problem}"
)
NOT_TRIED = Text(
    "not tried: the master's own worker does not answer", "未检查：主节点自己的 worker 没有应答"
)
FIX_PORT = Text(
    "dsk status (is the worker up?); if it is, open TCP port {port} on {host} for {master}",
    "dsk status（worker 是否在运行？）；若在运行，请在 {host} 上对 {master} 开放 TCP 端口 {port}",
)


def check(cluster: Cluster, network: Network) -> list[Finding]:
    return [_of(cluster, network, node.index) for node in cluster.nodes]


def _of(cluster: Cluster, network: Network, node: int) -> Finding:
    knock, silent = network.knocks.get(node), network.silent.get(node)
    port = cluster.worker_port
    if knock and knock.outcome != "ok":
        how = HOW[knock.outcome].filled(problem=knock.problem)
        return Finding(
            NAME,
            "failed",
            Text(
                NO_PORT.en.format(port=port, how=how.in_language("en")),
                NO_PORT.zh.format(port=port, how=how.in_language("zh")),
            ),
            node=node,
            seen=knock.outcome,
            expected="ok",
            fix=FIX_PORT.filled(
                port=port, host=cluster.nodes[node].host, master=cluster.master.host
            ),
        )
    if silent:
        fix = Text("{fix}", "{fix}").filled(fix=silent.fix) if silent.fix else None
        text = NO_LOGIN.filled(problem=silent.problem)
        return Finding(NAME, "failed", text, node=node, seen=silent.problem, fix=fix)
    if node in network.choices:
        return Finding(NAME, "ok", OK, node=node)
    return Finding(NAME, "skipped", NOT_TRIED, node=node)
