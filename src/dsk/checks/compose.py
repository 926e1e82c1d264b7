"""Docker Compose v2, with which `dsk up` starts the workers."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding, each_server
from dsk.cluster.model import Node
from dsk.survey.server import ServerFacts
from dsk.text import Text


def _judge(_: Facts, node: Node, server: ServerFacts) -> Iterator[Finding]:
    here = server.compose or ""
    if not here or here.lstrip("v").startswith("1."):
        text = Text("Docker Compose v2 is missing")
        yield Finding("compose", "failed", text, node.index, seen=here, expected="2", fix=_FIX)
    else:
        text = Text("Docker Compose {here} is installed")
        yield Finding("compose", "ok", text.filled(here=here), node.index, seen=here)


_FIX = Text(
    "there: sudo apt-get install docker-compose-plugin (Docker's own packages) or "
    "docker-compose-v2 (Ubuntu's); otherwise install Docker Engine with Compose v2: "
    "https://docs.docker.com/engine/install/"
)

judge = each_server("compose", _judge, engine=True)
CHECK = Check(
    "compose", judge, ("server",), "engine",
    facts=("engine", "compose"), asked_by=("init", "up"), in_place=False,
)  # fmt: skip
