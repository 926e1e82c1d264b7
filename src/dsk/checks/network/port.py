"""Is a port free on the master for the ranks' rendezvous, and who holds what is taken?"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dsk.checks.facts import Facts, Listener
from dsk.checks.model import Finding
from dsk.checks.network.facts import Network, gather
from dsk.checks.workerport import ANY, holder
from dsk.cluster.model import Cluster
from dsk.text import Text
from dsk.wire.measure import Port

NAME = "port"
MASTER = 0
OK = Text("port {free} is free for the rendezvous")
JOB = Text("port {port} is held by job {job} ({holder}): only one job at a time runs in a worker")
PROCESS = Text(
    "port {port} is held by {holder} (process {pid}) in the worker; dsk takes {free} instead"
)
OUTSIDE = Text("port {port} is held by something outside the worker; dsk takes {free} instead")
ON_SERVER = Text("port {port} is held by {holder} outside the worker; dsk takes {free} instead")
NONE = Text("ports {first} to {last} are all taken: no job can start")
FIX_JOB = Text("wait for it (dsk logs -f {job}) or end it (dsk stop {job})")
FIX_PROCESS = Text("if it is not meant to run: dsk exec --node {host} -- kill {pid}")
FIX_OUTSIDE = Text("to see which program it is, on {host} as root: ss -ltnp 'sport = :{port}'")
FIX_ON_SERVER = Text("if it is not meant to run, on {host} as root: kill {pid}")
FIX_NONE = Text("stop what listens there, on {host}: ss -ltnp")


def judge(facts: Facts) -> list[Finding]:
    return check(facts.cluster, gather(facts.network), _on_server(facts))


def _on_server(facts: Facts) -> Mapping[int, Listener]:
    """What listens on the master's server, where that told which program it is."""
    server, host = facts.servers.get(MASTER), facts.cluster.master.host
    return {
        each.port: each
        for each in (server.listeners if server else ())
        if each.pid and each.address in (host, *ANY)
    }


def check(
    cluster: Cluster, network: Network, on_server: Mapping[int, Listener] = MappingProxyType({})
) -> list[Finding]:
    ports = network.ports
    if ports is None:
        return []
    host = cluster.master.host
    if ports.free is None:
        text = NONE.filled(first=ports.first, last=ports.last)
        return [Finding(NAME, "failed", text, node=MASTER, fix=FIX_NONE.filled(host=host))]
    held = [_held(each, ports.free, host, on_server.get(each.port)) for each in network.held]
    return [*held, Finding(NAME, "ok", OK.filled(free=ports.free), node=MASTER)]


def _held(port: Port, free: int, host: str, listener: Listener | None) -> Finding:
    values: dict[str, object] = {
        "port": port.port,
        "job": port.job,
        "holder": port.holder,
        "pid": port.pid,
        "free": free,
        "host": host,
    }
    if port.job:
        text, fix = JOB, FIX_JOB
    elif port.holder:
        text, fix = PROCESS, FIX_PROCESS
    elif listener:
        text, fix = ON_SERVER, FIX_ON_SERVER
        values |= {"holder": holder(listener), "pid": listener.pid}
    else:
        text, fix = OUTSIDE, FIX_OUTSIDE
    return Finding(
        NAME,
        "warning",
        text.filled(**values),
        node=MASTER,
        seen=str(values["holder"]) or "outside the worker",
        fix=fix.filled(**values),
    )
