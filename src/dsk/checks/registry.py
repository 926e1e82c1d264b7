"""Every check, and what each stands on. A new one is a file here and a line below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from dsk.checks import (
    clock,
    content,
    disk,
    driver,
    engine,
    gpuhealth,
    gpus,
    gpuuse,
    hub,
    inputs,
    login,
    memory,
    modes,
    ram,
    recipe,
    results,
    room,
    server,
    template,
    trials,
    worker,
    workergpus,
    workerport,
    workspace,
)
from dsk.checks.facts import Facts, Need
from dsk.checks.model import Finding
from dsk.checks.network import (
    bandwidth,
    between,
    infiniband,
    interface,
    judging,
    latency,
    mtu,
    port,
    reach,
)
from dsk.errors import UserError
from dsk.text import Text

NOTHING = Text("nothing was measured")
NO_RECIPE = Text("train.yaml does not resolve")

Judge = Callable[[Facts], Iterable[Finding]]


@dataclass(frozen=True)
class Check:
    """`judge` is asked only where there is something to judge: its findings' `check` is `name`.

    What stands first in `needs` is what there has to be a measurement of. `each`: so of every node,
    and a finding as well. `quick`: part of a launch. `named`: only where it is asked for by name.
    """

    name: str
    judge: Judge
    needs: tuple[Need, ...]
    each: bool = True
    quick: bool = False
    named: bool = False


CHECKS: Sequence[Check] = (
    Check("server", server.judge, ("server",)),
    Check("engine", engine.judge, ("server",), quick=True),
    Check("driver", driver.judge, ("server",), quick=True),
    Check("gpus", gpus.judge, ("server",)),
    Check("gpu-use", gpuuse.judge, ("server",)),
    Check("gpu-health", gpuhealth.judge, ("server",)),
    Check("disk", disk.judge, ("server",), quick=True),
    Check("ram", ram.judge, ("server",), quick=True),
    Check("clock", clock.judge, ("server",), quick=True),
    Check("worker", worker.judge, ("server", "worker"), quick=True),
    Check("worker-port", workerport.judge, ("server",), quick=True),
    Check("worker-gpus", workergpus.judge, ("worker",)),
    Check("image", content.judge, ("worker",)),
    Check("results", results.judge, ("worker",)),
    Check("workspace", workspace.judge, ("worker", "server")),
    Check("modes", modes.judge, ("server", "worker")),
    Check("login", login.judge, ("login",)),
    Check("interface", judging(interface.check), ("network",)),
    Check("reach", between(reach.NAME, reach.check), ("network",)),
    Check("mtu", between(mtu.NAME, mtu.check), ("network",)),
    Check("bandwidth", between(bandwidth.NAME, bandwidth.check), ("network",), each=False),
    Check("latency", between(latency.NAME, latency.check), ("network",), each=False),
    Check("port", port.judge, ("network",), each=False),
    Check("infiniband", judging(infiniband.check), ("network",), each=False),
    Check("recipe", recipe.judge, ("job",), each=False),
    Check("hub", hub.judge, ("job",), each=False),
    Check("inputs", inputs.judge, ("job",)),
    Check("template", template.judge, ("job",), each=False),
    Check("room", room.judge, ("worker", "job")),
    Check("gpu-memory", memory.judge, ("server", "job")),
    Check("collectives", trials.collectives, ("collectives",), each=False, named=True),
    Check("smoke", trials.smoke, ("smoke",), each=False, named=True),
)


def chosen(names: Sequence[str]) -> Sequence[Check]:
    """Those of --only, all where none is named. Raises UserError."""
    known = {check.name: check for check in CHECKS}
    if unknown := [name for name in names if name not in known]:
        raise UserError(
            Text("there is no check {unknown}").filled(unknown=", ".join(unknown)),
            fix=Text("the checks are: {known}").filled(known=", ".join(known)),
        )
    return [check for check in CHECKS if check.name in names or not (names or check.named)]


def judge_all(facts: Facts, checks: Iterable[Check]) -> list[Finding]:
    """In the checks' order; each names what it could not look at as skipped."""
    return [finding for check in checks for finding in _findings(facts, check)]


def _findings(facts: Facts, check: Check) -> Iterator[Finding]:
    missing = facts.missing.get(check.needs[0], {})
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
