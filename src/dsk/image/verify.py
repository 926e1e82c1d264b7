"""`dsk image verify`: the image looked at from inside, on every server side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dsk.accelerators import Accelerator
from dsk.cluster.model import Cluster, Local, Node
from dsk.connect import Server, open_server
from dsk.errors import DskError
from dsk.image.compare import Finding, against_build, against_lock, against_node
from dsk.image.stacklock import known_stacks, locked
from dsk.servers.contact import open_fleet
from dsk.servers.survey import ask, with_engine
from dsk.text import Text
from dsk.wire.imagefacts import NO_STACK, ImageFacts

FACTS = ("engine", "image", "worker", "contents")
LIMIT_S = 900.0
DEEP_LIMIT_S = 3600.0
"""Every file is read: an image of 8 GB from a slow disk."""


@dataclass(frozen=True)
class Look:
    """`id` is the engine's own for the image, `running` that of the image that a worker runs."""

    id: str
    running: str
    facts: ImageFacts


@dataclass(frozen=True)
class Verdict:
    """One place's image: `facts` and `findings`, or the `error` that kept it from being seen.

    `node` is None for this machine's engine."""

    place: str | Text
    node: Node | None = None
    facts: ImageFacts | None = None
    findings: tuple[Finding, ...] = ()
    error: DskError | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        seen = self.facts
        return {
            "node": self.node.index if self.node else None,
            "host": self.node.host if self.node else None,
            "stack": seen and seen.stack,
            "dsk": seen and seen.dsk,
            "content_id": seen and seen.content_id,
            "packages": len(seen.python) if seen else None,
            "debian_packages": len(seen.debian) if seen else None,
            "proofs": dict(seen.proofs) if seen else None,
            "findings": [finding.to_json() for finding in self.findings],
            "problem": str(self.error) if self.error else None,
        }


def verify_nodes(cluster: Cluster, nodes: Sequence[Node], *, deep: bool) -> list[Verdict]:
    """The cluster's image on every node, each against the lock, its build and a good one."""
    with open_fleet(cluster, nodes) as fleet:
        looks = fleet.each(
            lambda node, server: look(
                server, cluster.image, cluster=cluster.name, host=node.host, deep=deep
            )
        )
        errors = {node.index: fleet.error(node) for node in nodes}
    alone = {index: judge(seen) for index, seen in looks.items()}
    # The others are held against the first that has no fault of its own.
    seen_nodes = [node for node in nodes if node.index in looks]
    model = min(seen_nodes, key=lambda node: bool(alone[node.index]), default=None)
    verdicts = []
    for node in nodes:
        if model is None or node not in seen_nodes:
            verdicts.append(Verdict(str(node), node, error=errors[node.index]))
            continue
        facts, findings = looks[node.index].facts, alone[node.index]
        if node != model:
            findings += _new(against_node(facts, looks[model.index].facts, model.name), findings)
        verdicts.append(Verdict(str(node), node, facts, tuple(findings)))
    return verdicts


def verify_here(reference: str, *, deep: bool) -> Verdict:
    """The image in this machine's engine."""
    with open_server(Local(), Path()) as server:
        try:
            seen = look(server, reference, deep=deep)
        except DskError as error:
            return Verdict(server.where, error=error)
        return Verdict(server.where, None, seen.facts, tuple(judge(seen)))


def look(server: Server, reference: str, *, cluster: str = "", host: str = "", deep: bool) -> Look:
    """`cluster` and `host` find the worker. Raises DskError: no engine, no
    such image, or one that is not dsk's."""
    variables = {"image": reference, "cluster": cluster, "host": host}
    variables["deep"] = "--deep" if deep else ""
    limit_s = DEEP_LIMIT_S if deep else LIMIT_S
    asked = ask(server, FACTS, variables, Accelerator(""), limit_s)
    found = with_engine(asked, server.where)
    if found.image is None:
        raise DskError(
            Text("the image {reference} is missing there").filled(reference=reference),
            where=server.where,
            fix=Text(
                "dsk up sends it to the nodes; make image builds it, dsk image load loads it "
                "from a file"
            ),
        )
    if found.contents is None:
        raise DskError(
            Text("the image {reference} cannot be inspected: {why}").filled(
                reference=reference, why=found.problems.get("contents", "")
            ),
            where=server.where,
            fix=Text(
                "it is not an image of dsk, or another version of dsk built it: build it again, "
                "or: dsk up"
            ),
        )
    return Look(found.image.id, found.worker.image, found.contents)


def judge(seen: Look) -> list[Finding]:
    """What is wrong with one image by itself. Pure but for dsk's own lock files."""
    facts = seen.facts
    found = []
    if facts.stack != NO_STACK:
        lock = locked(facts.stack)
        if lock:
            found += against_lock(facts, lock)
        else:
            known = " or ".join(known_stacks())
            found.append(Finding("stack", "name", facts.stack, known, Text("known to this dsk")))
    found += against_build(facts)
    if seen.running and seen.running != seen.id:
        by = Text("under the image's name (dsk up)")
        found.append(Finding("worker", "image", seen.running, seen.id, by))
    return found


def _new(found: Sequence[Finding], told: Sequence[Finding]) -> list[Finding]:
    """What is not told already of the same subject."""
    known = {(finding.kind, finding.subject) for finding in told}
    return [finding for finding in found if (finding.kind, finding.subject) not in known]
