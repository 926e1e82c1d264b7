"""The network between the nodes, judged from what the workers measured (wire.measure)."""

from __future__ import annotations

from collections.abc import Callable

from dsk.checks.facts import Facts
from dsk.checks.model import Finding
from dsk.checks.network.facts import Check, gather
from dsk.text import Text

ALONE = Text("there is one node: it needs no network")


def judging(check: Check) -> Callable[[Facts], list[Finding]]:
    """`check` as the registry asks it."""
    return lambda facts: check(facts.cluster, gather(facts.network))


def between(name: str, check: Check) -> Callable[[Facts], list[Finding]]:
    """As `judging`, of what takes two nodes."""

    def judge(facts: Facts) -> list[Finding]:
        found = check(facts.cluster, gather(facts.network))
        alone = len(facts.cluster.nodes) == 1
        return [Finding(name, "ok", ALONE)] if alone and not found else found

    return judge
