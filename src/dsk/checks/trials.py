"""What short jobs on some of the nodes tell: all of them, each alone, and those of a bisection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dsk.checks.facts import Facts, Trial
from dsk.checks.model import Check, Finding
from dsk.errors import DskError
from dsk.text import Text

GIGABYTE = 1e9
NETWORK_FIX = Text("dsk check --only interface --only reach --only mtu --only bandwidth")


@dataclass(frozen=True)
class Faults:
    """As jobs.bisect finds them: nodes that fail alone, with any other, in pairs, in a crowd."""

    alone: tuple[int, ...]
    with_any: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]
    crowd: tuple[int, ...]


def collectives(facts: Facts) -> Iterator[Finding]:
    """The probe over all ranks: `dsk check --only collectives`."""
    yield from _untried("collectives", facts.untried.get("collectives"))
    for trial in facts.collectives:
        if not trial.works:
            text = Text("collectives over all ranks fail: {cause}").filled(cause=trial.cause)
            fix = trial.fix or Text("which node or pair it is: dsk diagnose --bisect")
            yield Finding("collectives", "failed", text, fix=fix)
        for each in trial.measured:
            text = Text(
                "{name} over {ranks} rank(s), {backend}: right, bus bandwidth {speed:.2f} GB/s"
            ).filled(
                name=each.collective,
                ranks=each.ranks,
                backend=each.backend,
                speed=each.bus / GIGABYTE,
            )
            node = None if each.node is None else trial.nodes[each.node]
            yield Finding("collectives", "ok", text, node)


def smoke(facts: Facts) -> Iterator[Finding]:
    """One step of the training on every node alone."""
    yield from _untried("smoke", facts.untried.get("smoke"))
    for trial in facts.smoke:
        node = trial.nodes[0]
        if trial.works:
            text = Text("it does a step on its own ({seconds:.0f} s)")
            yield Finding("smoke", "ok", text.filled(seconds=trial.seconds), node)
        else:
            yield _alone("smoke", node, trial)


def faults(found: Faults, trials: Sequence[Trial]) -> list[Finding]:
    """What a bisection has found, node by node; one finding that all is well where it is."""
    by_group = {frozenset(trial.nodes): trial for trial in trials}
    findings = [_alone("bisect", node, by_group[frozenset({node})]) for node in found.alone]
    for node in found.with_any:
        text = Text(
            "alone it works, with any other node it fails: its network (interface, port, firewall,"
            " MTU)"
        )
        findings.append(
            Finding("bisect", "failed", text, node, seen=_seen(node, trials), fix=NETWORK_FIX)
        )
    for one, other in found.pairs:
        text = Text(
            "these two fail only together: the network between them (interface, port, firewall,"
            " MTU)"
        )
        trial = by_group.get(frozenset({one, other}))
        seen = trial.cause.in_language("en") if trial else ""
        findings.append(Finding("bisect", "failed", text, one, other, seen=seen, fix=NETWORK_FIX))
    if found.crowd:
        text = Text("any two of the {count} nodes work, all together fail: {cause}")
        cause = by_group[frozenset(found.crowd)].cause
        findings.append(
            Finding("bisect", "failed", text.filled(count=len(found.crowd), cause=cause))
        )
    if not findings:
        text = Text("each node works alone, and all work together")
        findings.append(Finding("bisect", "ok", text))
    return findings


def _untried(check: str, error: DskError | None) -> Iterator[Finding]:
    if error:
        where = f"{error.where}: " if error.where else ""
        text = Text("it could not be tried to the end: {where}{problem}").filled(
            where=where, problem=error.told
        )
        yield Finding(check, "failed", text, fix=error.remedy)


def _alone(check: str, node: int, trial: Trial) -> Finding:
    text = Text("fails alone: {cause}").filled(cause=trial.cause)
    seen = "\n".join(trial.lines[-3:])
    return Finding(check, "failed", text, node, seen=seen, fix=trial.fix)


def _seen(node: int, trials: Sequence[Trial]) -> str:
    """What the smallest group said that failed with the node."""
    failed = [trial for trial in trials if node in trial.nodes and not trial.works]
    smallest = min(failed, key=lambda trial: len(trial.nodes), default=None)
    return smallest.cause.in_language("en") if smallest else ""


COLLECTIVES = Check(
    "collectives", collectives, ("collectives",), "gpu-memory", each=False, named=True
)
SMOKE = Check("smoke", smoke, ("smoke",), "collectives", each=False, named=True)
