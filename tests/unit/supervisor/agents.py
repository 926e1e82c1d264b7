"""Workers whose agents' own code runs in this process."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from dsk.agent.node import Node
from dsk.supervisor.worker import Worker
from dsk.supervisor.workers import Workers
from dsk.wire.jobspec import JobNode
from dsk.wire.request import Request, plain, read_request


class Agent:
    """Its requests and answers go through JSON. Where they name `seen`, a path as the job knows it,
    the agent finds `disk`: a disk of the node's own."""

    def __init__(self, index: int, disk: Path, seen: str = "/w/out") -> None:
        self.node = JobNode(index, f"10.0.0.1{index}", (0,), 1)
        self.name = f"node{index}"
        self.asked: list[Request[Any]] = []
        self._disk, self._seen = disk, seen
        self._node = Node(str(disk), "j")

    def ask(self, request: Request[Any], **_: Any) -> Any:
        self.asked.append(request)
        for field in ("folder", "path"):
            if path := getattr(request, field, ""):
                here = path.replace(self._seen, str(self._disk))
                request = replace(request, **{field: here})  # type: ignore[type-var]
        raw = json.loads(json.dumps(request.to_raw()))
        answer = self._node.handlers[type(request)](read_request(type(request), raw))
        return request.read_answer(json.loads(json.dumps(plain(answer))))


def workers(*agents: Agent) -> Workers:
    return Workers(cast("list[Worker]", agents))
