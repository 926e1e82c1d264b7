"""The network between the nodes, judged from what the workers measured (wire.measure)."""

from __future__ import annotations

from collections.abc import Callable

from dsk.checks.facts import Facts
from dsk.checks.model import Finding
from dsk.checks.network.facts import Check, gather


def judging(check: Check) -> Callable[[Facts], list[Finding]]:
    """`check` as the registry asks it."""
    return lambda facts: check(facts.cluster, gather(facts.network))
