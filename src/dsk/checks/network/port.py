"""Is a port free on the master for the ranks' rendezvous, and who holds what is taken?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding
from dsk.checks.network.facts import Network
from dsk.checks.workerport import ANY, holder
from dsk.cluster.model import Cluster
from dsk.survey.server import ServerFacts
from dsk.text import Text
from dsk.wire.measure import Port, Ports

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


@dataclass(frozen=True)
class Holder:
    """A program outside the workers that listens on a port of the master's server."""

    pid: int
    name: str


def judge(facts: Facts) -> list[Finding]:
    server, host = facts.servers.get(MASTER, ServerFacts()), facts.cluster.master.host
    listeners = [each for each in server.listeners if each.address in (host, *ANY)]
    holders = {each.port: Holder(each.pid, holder(each, server)) for each in listeners if each.pid}
    return check(facts.cluster, Network(facts.network), holders)


def check(
    cluster: Cluster, network: Network, on_server: Mapping[int, Holder] = MappingProxyType({})
) -> list[Finding]:
    if not (found := network.of(Ports)):
        return []
    ports = found[-1]
    host = cluster.master.host
    if ports.free is None:
        text = NONE.filled(first=ports.first, last=ports.last)
        return [Finding(NAME, "failed", text, node=MASTER, fix=FIX_NONE.filled(host=host))]
    held = [_held(each, ports.free, host, on_server.get(each.port)) for each in network.of(Port)]
    return [*held, Finding(NAME, "ok", OK.filled(free=ports.free), node=MASTER)]


def _held(port: Port, free: int, host: str, outside: Holder | None) -> Finding:
    name, pid = port.holder, port.pid
    if port.job:
        text, fix = JOB, FIX_JOB
    elif port.holder:
        text, fix = PROCESS, FIX_PROCESS
    elif outside:
        text, fix = ON_SERVER, FIX_ON_SERVER
        name, pid = outside.name, outside.pid
    else:
        text, fix = OUTSIDE, FIX_OUTSIDE
    seen = name or "outside the worker"
    finding = Finding(NAME, "warning", text, MASTER, seen=seen, fix=fix)
    return finding.filled(port=port.port, job=port.job, holder=name, pid=pid, free=free, host=host)


CHECK = Check(NAME, judge, ("network",), "latency", each=False, facts=("listeners", "owners"))
