"""Everything that checks stand on, measured on all nodes side by side."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from dsk.bundle import Bundle, render
from dsk.checks.facts import Facts, JobFacts, Login, Need, Trial, WorkerFacts
from dsk.checks.model import Finding
from dsk.checks.registry import CHECKS, LAUNCH, facts_for, judge_all
from dsk.cluster.model import Cluster, Node
from dsk.connect import CONNECT_S, Server
from dsk.errors import DskError, Unreachable
from dsk.jobs.planning import Request
from dsk.jobs.runtimes import runtime_kind
from dsk.jobs.stacks import outdated
from dsk.preflight import mesh
from dsk.preflight.job import job_facts
from dsk.preflight.worker import Inside
from dsk.servers.contact import Fleet, open_fleet
from dsk.servers.keys import existing_keys
from dsk.servers.survey import ask_clock, survey
from dsk.survey.server import ServerFacts
from dsk.survey.values import RUNNING
from dsk.text import Text
from dsk.trials.trial import Busy, Trials, collectives, one_step

NO_TRAIN_FILE = Text("no train.yaml was named")
NO_SERVER = Text("the server cannot be reached")
NO_WORKER = Text("its worker is not running")
NO_MASTER = Text("the master: {why}")
SILENT = Text("its worker does not answer: {problem}")

TRIALS: frozenset[Need] = frozenset({"collectives", "smoke"})

LAUNCH_CONNECT_S = 3
"""A server that is not there may delay a launch by no more: the job may do without, as it reaches
the workers alone."""


class Measuring:
    """One round of measurements. `request` is the job that train.yaml asks for; `thorough` also
    what takes seconds; `deep` reads every byte of the job's inputs."""

    def __init__(
        self,
        cluster: Cluster,
        request: Request | None = None,
        *,
        nodes: Sequence[Node] | None = None,
        thorough: bool = True,
        deep: bool = False,
    ) -> None:
        self._cluster = cluster
        self._request = request
        self._nodes = cluster.nodes if nodes is None else nodes
        self._thorough = thorough
        self._deep = deep
        self._missing: defaultdict[Need, dict[int | None, Text]] = defaultdict(dict)
        self._silent: dict[int, DskError] = {}
        self._untried: dict[Need, DskError] = {}

    def run(self, needs: Iterable[Need]) -> Facts:
        """A node that cannot be reached is in the facts, as all else that is missing.

        Raises UserError for keys that are none.
        """
        wanted = frozenset(needs)
        if self._request is None:
            self._missing["job"][None] = NO_TRAIN_FILE
            self._missing["smoke"][None] = NO_TRAIN_FILE
        with ExitStack() as stack:
            connect_s = CONNECT_S if self._thorough else LAUNCH_CONNECT_S
            opened = open_fleet(self._cluster, self._nodes, connect_s=connect_s)
            fleet = stack.enter_context(opened)
            facts = Facts(self._cluster, servers=self._servers(fleet))
            facts = replace(facts, unreachable=self._unreachable(fleet))
            if wanted - {"server", *TRIALS}:
                inside = self._enter(fleet, facts.servers, stack)
                facts = replace(facts, workers=self._workers(fleet, inside))
                facts = replace(facts, logins=self._logins(inside, wanted))
                if "network" in wanted:
                    facts = replace(facts, network=self._network(fleet, inside))
                if "job" in wanted and self._request:
                    facts = replace(facts, job=self._job(self._request, fleet, inside))
        # They need the nodes' locks, and the connections are no longer needed.
        if "collectives" in wanted:
            facts = replace(facts, collectives=self._try("collectives", [self._nodes], None))
        if "smoke" in wanted and self._request:
            each = [[node] for node in self._nodes]
            facts = replace(facts, smoke=self._try("smoke", each, self._request))
        return replace(facts, missing=self._missing, silent=self._silent, untried=self._untried)

    def _try(
        self, need: Need, groups: Sequence[Sequence[Node]], request: Request | None
    ) -> tuple[Trial, ...]:
        """One step of `request` on each of the groups; without it, a collectives probe. What keeps
        them from being tried takes nothing from all else that was measured."""
        try:
            with runtime_kind(self._cluster).open(self._cluster) as runtime:
                make = one_step(request, runtime) if request else collectives(self._cluster)
                with Trials.open(runtime, make) as trials:
                    return tuple(trials.run(groups))
        except Busy as error:
            self._missing[need][None] = error.told
        except DskError as error:
            self._untried[need] = error
        return ()

    def _servers(self, fleet: Fleet) -> dict[int, ServerFacts]:
        bundles = _bundles(self._cluster)
        names = facts_for(CHECKS, more=True) if self._thorough else facts_for(LAUNCH)

        def look(node: Node, server: Server) -> ServerFacts:
            clock, bundle = ask_clock(server), bundles.get(node.index)
            return replace(survey(server, self._cluster, node, names, bundle), clock=clock)

        return fleet.each(look)

    def _unreachable(self, fleet: Fleet) -> dict[int, DskError]:
        found = {}
        for node in fleet.nodes:
            if error := fleet.error(node):
                found[node.index] = error
                self._lacks(node, NO_SERVER, "server", "worker", "login", "job")
        return found

    def _enter(
        self, fleet: Fleet, servers: Mapping[int, ServerFacts], stack: ExitStack
    ) -> dict[int, Inside]:
        """The workers that run."""
        for node in fleet.good:
            if servers[node.index].worker.state != RUNNING:
                self._lacks(node, NO_WORKER, "worker", "login", "job")
        running = [node for node in fleet.good if servers[node.index].worker.state == RUNNING]
        return {
            node.index: stack.enter_context(Inside(fleet.servers[node.index], self._cluster, node))
            for node in running
        }

    def _workers(self, fleet: Fleet, inside: dict[int, Inside]) -> dict[int, WorkerFacts]:
        found = {
            index: replace(worker, wrong=outdated(worker.stack))
            for index, worker in self._each(fleet, inside, Inside.facts).items()
        }
        if not self._thorough or len(found) < 2:
            return found
        token = secrets.token_hex(4)
        marks = {index: f"{token}-{index}" for index in found}
        made = self._each(fleet, inside, lambda each: each.ask("mark", name=marks[each.node]))
        names = [marks[index] for index in made if made[index]]
        seen = self._each(fleet, inside, lambda each: each.ask("marks", names=names))
        order = [index for index in made if made[index]]
        for index, here in seen.items():
            shared = frozenset(other for other, sees in zip(order, here, strict=True) if sees)
            room = replace(found[index].workspace, shared_with=shared)
            found[index] = replace(found[index], workspace=room)
        return found

    def _logins(self, inside: Mapping[int, Inside], wanted: frozenset[Need]) -> dict[int, Login]:
        master = inside.get(self._cluster.master.index)
        if "login" not in wanted:
            return {}
        if self._cluster.in_place:
            # dsk runs in the master's container and came in as a job does.
            return {index: Login(0) for index in inside}
        if master is None:
            self._missing["login"][None] = self._no_master()
            return {}
        try:
            return master.logins([self._cluster.nodes[index] for index in inside])
        except DskError as error:
            self._missing["login"][None] = self._silent_master(error)
            return {}

    def _network(self, fleet: Fleet, inside: Mapping[int, Inside]) -> tuple[Any, ...]:
        master = self._cluster.master
        if master.index not in inside:
            self._missing["network"][None] = self._no_master()
            return ()
        for node in self._nodes:
            if node.index not in inside:
                self._lacks(node, self._missing["worker"][node.index], "network")
        nodes = [self._cluster.nodes[index] for index in inside]
        try:
            return mesh.measure(
                fleet.servers[master.index], self._cluster, nodes, speed=self._thorough
            )
        except DskError as error:
            self._missing["network"][None] = self._silent_master(error)
            return ()

    def _job(self, request: Request, fleet: Fleet, inside: dict[int, Inside]) -> JobFacts | None:
        master = inside.get(self._cluster.master.index)
        if master is None:
            self._missing["job"][None] = self._no_master()
            return None

        def each(ask: Callable[[Inside], Any]) -> dict[int, Any]:
            return self._each(fleet, inside, ask)

        try:
            return job_facts(request, master, each, deep=self._deep)
        except DskError as error:
            self._missing["job"][None] = self._silent_master(error)
            return None

    def _each(
        self, fleet: Fleet, inside: dict[int, Inside], ask: Callable[[Inside], Any]
    ) -> dict[int, Any]:
        """`ask` of these workers side by side. One that does not answer, as it runs and should,
        takes no further part."""
        nodes = [self._cluster.nodes[index] for index in inside]
        results = fleet.each(lambda node, _: ask(inside[node.index]), nodes)
        for node in nodes:
            if (error := fleet.error(node)) and node.index not in results:
                self._silent[node.index] = error
                self._lacks(node, SILENT.filled(problem=error.told), "worker", "login", "job")
                del inside[node.index]
        return results

    def _no_master(self) -> Text:
        return NO_MASTER.filled(why=self._missing["worker"][self._cluster.master.index])

    def _silent_master(self, error: DskError) -> Text:
        """The same for everything that the master is to tell of others."""
        self._silent.setdefault(self._cluster.master.index, error)
        return NO_MASTER.filled(why=SILENT.filled(problem=error.told))

    def _lacks(self, node: Node, why: Text, *needs: Need) -> None:
        for need in needs:
            self._missing[need].setdefault(node.index, why)


def _bundles(cluster: Cluster) -> Mapping[int, Bundle]:
    """What dsk would put on the servers; empty where it has made no keys yet."""
    keys = None if cluster.in_place else existing_keys(cluster)
    return render(cluster, keys) if keys else {}


def before_launch(cluster: Cluster, nodes: Sequence[Node]) -> list[Finding]:
    """The quick checks of these nodes, without what a job's supervisor looks at itself."""
    facts = Measuring(cluster, nodes=nodes, thorough=False).run({"server"})
    return judge_all(facts, LAUNCH)


def unreachable(facts: Facts) -> Sequence[DskError]:
    """Those whose exit code is 3."""
    failed = [*facts.unreachable.values(), *facts.silent.values(), *facts.untried.values()]
    return [error for error in failed if isinstance(error, Unreachable)]
