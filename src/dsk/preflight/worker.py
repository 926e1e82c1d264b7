"""A conversation with dsk.agent.examine in a node's worker."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any

from dsk.checks.facts import InputFile, Login, NodeInputs, WorkerFacts, Workspace
from dsk.cluster.model import Cluster, Node
from dsk.connect import Server
from dsk.connect.dialogue import Dialogue
from dsk.errors import DskError
from dsk.fleet.execute import in_worker
from dsk.survey.values import Disk
from dsk.text import Text, verbatim
from dsk.wire import paths, session
from dsk.wire.remedies import OTHER_VERSION
from dsk.wire.templates import read_text

LIMIT_S = 45.0
"""A driver that hangs is waited for by the agent itself, for 30 s."""
READ_LIMIT_S = 3600.0
"""Every byte of a model is read, from a slow disk."""


class Inside(AbstractContextManager["Inside"]):
    def __init__(self, server: Server, cluster: Cluster, node: Node) -> None:
        self._cluster = cluster
        self._node = node
        self.node = node.index
        program = [str(paths.PYTHON), "-I", "-m", "dsk.agent.examine", str(cluster.workspace)]
        argv = in_worker(cluster, node, program, "--interactive")
        self._dialogue = Dialogue(server, argv, str(node))
        self._numbers = itertools.count()

    def ask(self, op: str, *, limit_s: float = LIMIT_S, **arguments: Any) -> Any:
        """Raises DskError."""
        request = session.encode({"id": next(self._numbers), "op": op, **arguments})
        line = self._dialogue.ask(request, limit_s)
        try:
            answer = session.decode(line)
        except ValueError:
            words = line.decode(errors="replace")[:200]
            raise DskError(
                Text("no answer to {op}: {words}").filled(op=op, words=words), where=str(self._node)
            ) from None
        if "error" in answer:
            fix = OTHER_VERSION.of(in_place=self._cluster.in_place)
            raise DskError(verbatim(str(answer["error"])), where=str(self._node), fix=fix)
        return answer["result"]

    def facts(self) -> WorkerFacts:
        """Raises DskError."""
        raw = self.ask("look")
        room = raw.pop("workspace")
        disk = Disk(str(self._cluster.workspace), room["total"], room["free"])
        # An older image's agent tells no place, and a problem as a sentence, "" for none.
        workspace = Workspace(
            room["problem"],
            disk if room["total"] else None,
            room["kind"],
            place=room.get("place", ""),
        )
        problem = raw.pop("gpu_problem") or None
        problem = problem and read_text(problem, "gpu_problem")
        return WorkerFacts(**raw, workspace=workspace, gpu_problem=problem)

    def logins(self, nodes: Sequence[Node]) -> dict[int, Login]:
        """The master's to these nodes. Raises DskError."""
        found = self.ask("logins", hosts=[node.host for node in nodes])
        return {node.index: Login(*found[node.host]) for node in nodes}

    def inputs(self, needed: Sequence[Mapping[str, Any]], *, deep: bool) -> NodeInputs:
        """Raises DskError."""
        raw = self.ask("inputs", needed=needed, deep=deep, limit_s=READ_LIMIT_S)
        files = {path: InputFile(*file) for path, file in raw["files"].items()}
        return NodeInputs(tuple(map(Text.from_raw, raw["missing"])), files)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._dialogue.close()
