"""The measurements of one run, by node and by pair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from dsk.checks.facts import Facts
from dsk.checks.model import Finding
from dsk.cluster.model import Cluster
from dsk.text import Text
from dsk.wire.measure import Choice, Interface, Measured, Reach, Speed

Pair = tuple[int, int]
"""From a node to its peer."""
M = TypeVar("M", bound=Measured)
ALONE = Text("there is one node: it needs no network")


@dataclass(frozen=True)
class Network:
    """All that was measured, by what it is of."""

    measured: tuple[Measured, ...] = ()

    def of(self, kind: type[M]) -> list[M]:
        return [each for each in self.measured if isinstance(each, kind)]

    def by_node(self, kind: type[M]) -> dict[int, M]:
        return {each.node: each for each in self.of(kind)}  # type: ignore[attr-defined]

    def by_pair(self, kind: type[M]) -> dict[Pair, M]:
        return {(each.node, each.peer): each for each in self.of(kind)}  # type: ignore[attr-defined]

    @cached_property
    def choices(self) -> Mapping[int, Choice]:
        return self.by_node(Choice)

    @cached_property
    def interfaces(self) -> Mapping[int, Mapping[str, Interface]]:
        found: dict[int, dict[str, Interface]] = {}
        for each in self.of(Interface):
            found.setdefault(each.node, {})[each.name] = each
        return found

    @cached_property
    def reaches(self) -> Mapping[Pair, Reach]:
        return self.by_pair(Reach)

    @cached_property
    def speeds(self) -> Mapping[Pair, Speed]:
        return self.by_pair(Speed)

    def chosen(self, node: int) -> Interface | None:
        """The interface that NCCL and Gloo use there."""
        choice = self.choices.get(node)
        return self.interfaces.get(node, {}).get(choice.interface) if choice else None

    def gets_through(self, pair: Pair) -> bool:
        reach = self.reaches.get(pair)
        return reach is not None and reach.outcome == "ok"


Check = Callable[[Cluster, Network], list[Finding]]


def judging(check: Check) -> Callable[[Facts], list[Finding]]:
    """`check` as it is asked with all others."""
    return lambda facts: check(facts.cluster, Network(facts.network))


def between(name: str, check: Check) -> Callable[[Facts], list[Finding]]:
    """As `judging`, of what takes two nodes."""

    def judge(facts: Facts) -> list[Finding]:
        found = check(facts.cluster, Network(facts.network))
        alone = len(facts.cluster.nodes) == 1
        return [Finding(name, "ok", ALONE)] if alone and not found else found

    return judge
