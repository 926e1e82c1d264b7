"""What a check is, and what it has found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from dsk.checks.facts import Facts, Need
from dsk.cluster.model import Node
from dsk.errors import DskError
from dsk.survey.server import ServerFacts
from dsk.text import Text

State = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    `check` is the name that --only takes; `node` the index in dsk.yaml, None where it concerns all;
    `peer` the other node where it concerns a pair. `text` says what was found, of a skipped check
    why. `fix` is a command where there is one, else a sentence. `error` is what a command raises
    that cannot go on where this failed.
    """

    check: str
    state: State
    text: Text
    node: int | None = None
    peer: int | None = None
    seen: str = ""
    expected: str = ""
    fix: Text | None = None
    error: type[DskError] = DskError

    def filled(self, **values: Any) -> Finding:
        """Both `text` and `fix` may have these fields."""
        fix = self.fix and self.fix.filled(**values)
        return replace(self, text=self.text.filled(**values), fix=fix)


Judge = Callable[[Facts], Iterable[Finding]]
JudgeServer = Callable[[Facts, Node, ServerFacts], Iterable[Finding]]
NO_GPUS_WANTED = Text("accelerator: cpu in dsk.yaml")
NO_ENGINE = Text("the engine does not answer")


def each_server(
    name: str, judge: JudgeServer, *, engine: bool = False, gpus: bool = False
) -> Judge:
    """`judge` of every server that answered. It needs an `engine` that answers, or `gpus` that the
    cluster uses: without them the check is skipped."""

    def judge_all(facts: Facts) -> Iterator[Finding]:
        no_gpus = gpus and not facts.cluster.devices.server_devices
        for index, server in facts.servers.items():
            if no_gpus:
                yield Finding(name, "skipped", NO_GPUS_WANTED, index)
            elif engine and server.engine.problem:
                yield Finding(name, "skipped", NO_ENGINE, index)
            else:
                yield from judge(facts, facts.cluster.nodes[index], server)

    return judge_all


@dataclass(frozen=True)
class Check:
    """`judge` is asked only where there is something to judge: its findings' `check` is `name`.

    Without a measurement of the first of `needs` the check is skipped. `each`: that measurement and
    a finding are expected of every node. `named`: the check runs only where it is asked for by
    name. `after` is the check that this one follows.

    `facts` of servers are what it judges; of `more` it says more where `dsk check` asks for them.
    `asked_by`: the other commands that ask it. `in_place` False: it has nothing to say of servers
    that are containers.
    """

    name: str
    judge: Judge
    needs: tuple[Need, ...]
    after: str
    each: bool = True
    named: bool = False
    facts: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    asked_by: tuple[Literal["init", "launch", "up"], ...] = ()
    in_place: bool = True
