"""Every check, found in the files of this room, and what it says. A new one is a file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence

from dsk import checks
from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding
from dsk.cluster.model import Cluster, Node
from dsk.errors import DskError, UserError
from dsk.survey.server import ServerFacts
from dsk.text import Text

NOTHING = Text("nothing was measured")
NO_RECIPE = Text("train.yaml does not resolve")
A_CONTAINER = Text("the server is itself a container")


def _declared() -> Iterator[Check]:
    for module in pkgutil.walk_packages(checks.__path__, f"{checks.__name__}."):
        if module.name != __name__:
            values = vars(importlib.import_module(module.name)).values()
            yield from (each for each in values if isinstance(each, Check))


def in_order(found: Sequence[Check], after: str = "") -> Iterator[Check]:
    """Each right behind the one that it follows; of several, those first that none follows."""
    followed = {check.after for check in found}
    behind = [check for check in found if check.after == after]
    for check in sorted(behind, key=lambda each: each.name in followed):
        yield check
        yield from in_order(found, check.name)


CHECKS: Sequence[Check] = tuple(in_order(tuple(_declared())))
INIT = tuple(check for check in CHECKS if "init" in check.asked_by)
LAUNCH = tuple(check for check in CHECKS if "launch" in check.asked_by)
UP = tuple(check for check in CHECKS if "up" in check.asked_by)


def chosen(names: Sequence[str]) -> Sequence[Check]:
    """Those of --only, all where none is named. Raises UserError."""
    known = {check.name: check for check in CHECKS}
    if unknown := [name for name in names if name not in known]:
        text = Text("there is no check {unknown}")
        fix = Text("the checks are: {known}")
        listed = ", ".join(known)
        raise UserError(text.filled(unknown=", ".join(unknown)), fix=fix.filled(known=listed))
    return [check for check in CHECKS if check.name in names or not (names or check.named)]


def facts_for(checks: Iterable[Check], *, more: bool = False) -> frozenset[str]:
    """The facts of servers that these checks judge; also those of which they only say `more`."""
    asked = (check.facts + (check.more if more else ()) for check in checks)
    return frozenset(name for names in asked for name in names)


def judge_all(facts: Facts, checks: Iterable[Check]) -> list[Finding]:
    """In the checks' order; each names what it could not look at as skipped."""
    return [finding for check in checks for finding in _findings(facts, check)]


def first_error(
    cluster: Cluster, node: Node, server: ServerFacts, checks: Iterable[Check]
) -> DskError | None:
    """The first thing that is wrong with this node's server; what comes after it often follows
    from it."""
    facts = Facts(cluster, servers={node.index: server})
    failed = (each for each in judge_all(facts, checks) if each.state == "failed")
    return next((each.error(each.text, where=str(node), fix=each.fix) for each in failed), None)


def _findings(facts: Facts, check: Check) -> Iterator[Finding]:
    if facts.cluster.in_place and not check.in_place:
        yield Finding(check.name, "skipped", A_CONTAINER)
        return
    missing: Mapping[int | None, Text] = facts.missing.get(check.needs[0], {})
    if None in missing:
        yield Finding(check.name, "skipped", missing[None])
        return
    found = list(check.judge(facts))
    told = {finding.node for finding in found}
    yield from found
    if check.each:
        for node, why in missing.items():
            if node not in told:
                yield Finding(check.name, "skipped", why, node)
    if not found and not (check.each and missing):
        yield Finding(check.name, "skipped", _why_nothing(facts, check))


def _why_nothing(facts: Facts, check: Check) -> Text:
    """A check that finds all well says so itself."""
    reasons = (facts.missing.get(need, {}).get(None) for need in check.needs)
    if why := next(filter(None, reasons), None):
        return why
    unresolved = "job" in check.needs and facts.job is not None and facts.job.problem
    return NO_RECIPE if unresolved else NOTHING
