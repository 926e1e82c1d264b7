"""Asks a server for facts."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

from dsk.accelerators import Accelerator
from dsk.bundle import Bundle
from dsk.cluster.model import Cluster, Node
from dsk.connect import Server
from dsk.errors import Unreachable
from dsk.survey.fact import MARK
from dsk.survey.server import ServerFacts, asking, read
from dsk.survey.values import RUNNING, Clock, Engine, Worker
from dsk.text import Text

LIMIT_S = 60.0
CLOCK_LIMIT_S = 10.0
UNANSWERED = Text("the login's shell did not answer dsk's questions: {said}")
# Of `date`: below what the login's shell may have printed.
_SECONDS = re.compile(r"^\d+\.\d+\Z", re.MULTILINE)


def survey(
    server: Server, cluster: Cluster, node: Node, names: Iterable[str], bundle: Bundle | None = None
) -> ServerFacts:
    """The facts of a node's server, in one round trip. `bundle` None: its files are not compared.

    Raises Unreachable.
    """
    variables = {
        "image": cluster.image,
        "cluster": cluster.name,
        "node": node.name,
        "host": node.host,
        "workspace": str(cluster.workspace_source(node)),
        "inside": str(cluster.workspace),
        "user": str(cluster.user or ""),
        "sums": checksums(bundle or {}),
    }
    found = ask(server, names, variables, cluster.devices)
    if not cluster.in_place:
        return found
    # No engine can be asked there, and the worker is where these answers come from.
    return replace(found, engine=Engine(), worker=Worker(RUNNING), health=None)


def ask(
    server: Server,
    names: Iterable[str],
    variables: Mapping[str, str],
    accelerator: Accelerator,
    limit_s: float = LIMIT_S,
) -> ServerFacts:
    """As `survey`, with the variables that the facts' commands need. Raises Unreachable."""
    tools = {
        "devices": accelerator.server_devices,
        "driver": accelerator.server_driver,
        "look": accelerator.server_look,
    }
    asked = frozenset(names)
    script = asking(asked, {**variables, **tools})
    done = server.run(["sh", "-c", script], timeout=limit_s)
    output = done.stdout.decode(errors="replace")
    if output.count(f"\n{MARK}") < len(asked):
        said = (done.error.splitlines() or [f"exit code {done.returncode}"])[-1]
        raise Unreachable(UNANSWERED.filled(said=said), where=server.where)
    return read(output, accelerator)


def with_engine(found: ServerFacts, where: str | Text) -> ServerFacts:
    """The same facts. Raises Unreachable where the engine does not answer."""
    if problem := found.engine.problem:
        raise type(problem)(problem.told, where=where, fix=problem.remedy)
    return found


def checksums(bundle: Bundle) -> str:
    """What `sha256sum --check` reads in the bundle's folder."""
    digests = ((hashlib.sha256(file.text.encode()), path) for path, file in bundle.items())
    return "\n".join(f"{digest.hexdigest()}  ./{path}" for digest, path in digests)


def ask_clock(server: Server) -> Clock:
    """In a round trip of its own, which is short. Raises Unreachable."""
    before = time.time()
    done = server.run(["date", "+%n%s.%N"], timeout=CLOCK_LIMIT_S)
    after = time.time()
    told = _SECONDS.search(done.text)
    return Clock(float(told[0] if told else after) - (before + after) / 2, (after - before) / 2)
