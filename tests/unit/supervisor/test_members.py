"""Between two attempts: nodes that come back, or do not, and what ranks have not given up yet."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from dsk.errors import JobFailed, Unreachable
from dsk.supervisor import members
from dsk.supervisor.interrupts import StopRequested
from dsk.supervisor.members import Members
from dsk.supervisor.runtime import MADE_BY_UP
from dsk.supervisor.watch import Watch
from dsk.supervisor.worker import AgentGone, AgentHangs, Worker
from dsk.supervisor.workers import Workers
from dsk.text import Text
from dsk.wire import PROTOCOL
from dsk.wire.events import Notice, Phase
from dsk.wire.jobspec import JobNode
from dsk.wire.news import News
from dsk.wire.operations import (
    AskIdentity,
    AskNews,
    CountDevices,
    Devices,
    EndRanks,
    FindHeld,
    Identity,
    TakeLock,
)
from dsk.wire.request import Request
from tests.texts import en
from tests.unit.supervisor.test_job import Told
from tests.unit.wire.test_messages import SPEC

SPEC_ = replace(SPEC, nodes=tuple(JobNode(n, f"10.0.0.1{n}", (0,), 1) for n in (0, 1)))


class Node:
    """A worker. `tries` fail before it comes back; `held` are its answers to FindHeld."""

    def __init__(self, index: int, *, tries: int = 0, new: bool = True, held: int = 0) -> None:
        self.node = SPEC_.nodes[index]
        self.name = f"node{index}"
        self.lost = False
        self.tries, self.new, self.held = tries, new, held
        self.asked: list[type[Request[Any]]] = []
        self.content = "sha256:a"

    def ask(self, request: Request[Any], **_: Any) -> Any:
        if isinstance(request, AskNews):
            return News()
        self.asked.append(type(request))
        if isinstance(request, FindHeld):
            self.held -= 1
            return (Text("GPU 0 has 9.0 GB in use"),) if self.held >= 0 else ()
        identity = Identity(PROTOCOL, self.content, {}, "cpu", workspace=True)
        answers = {AskIdentity: identity, CountDevices: Devices(1), EndRanks: 0, TakeLock: None}
        return answers[type(request)]

    ask_again = ask

    def rejoin(self, job: str, **_: Any) -> bool:
        self.tries -= 1
        if self.tries >= 0:
            raise Unreachable("no route to host", where=self.name)
        self.lost = False
        return self.new


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told()
    yield made
    made.close()


class Site:
    def __init__(self, told: Told, *nodes: Node) -> None:
        self.told = told
        self.nodes = nodes
        self.started: list[Watch] = []
        self.watches = [cast("Watch", type("Old", (), {"worker": node})) for node in nodes]
        self.members = Members(
            SPEC_,
            Workers(cast("list[Worker]", nodes)),
            self.watches,
            told.record,
            MADE_BY_UP,
            on_start=self.started.append,
        )

    def restore(self) -> None:
        try:
            self.members.restore(ended=0)
        finally:
            for watch in self.started:
                watch.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "PAUSE_S", 0.01)


def test_nothing_is_waited_for_where_no_node_was_lost(told: Told) -> None:
    site = Site(told, Node(0), Node(1))
    before = list(site.watches)
    site.restore()
    assert site.watches == before and site.started == []
    assert [type(event) for event in told.events] == []


@pytest.mark.parametrize("new", [True, False])
def test_a_node_that_comes_back(told: Told, new: bool) -> None:
    lost = Node(1, tries=3, new=new)
    lost.lost = True
    site = Site(told, Node(0), lost)
    site.restore()
    assert (TakeLock in lost.asked) is new, "an agent that lived has the lock"
    assert EndRanks in lost.asked, "ranks of before may live there"
    assert site.watches[1] is site.started[0]
    phase, notice = told.events
    assert isinstance(phase, Phase) and en(phase.text).startswith("waiting for node1 to come back")
    assert isinstance(notice, Notice) and (notice.kind, notice.node) == ("node_back", 1)


def test_a_node_that_does_not_come_back(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "BACK_LIMIT_S", 0.1)
    lost = Node(1, tries=10_000)
    lost.lost = True
    with pytest.raises(JobFailed, match="did not come back within 0 s: no route") as raised:
        Site(told, Node(0), lost).restore()
    assert raised.value.where == "node1"


def test_a_node_whose_loss_is_noticed_late(told: Told) -> None:
    silent = Node(1)
    ask, unreachable = silent.ask, [True] * 3

    def sometimes(request: Request[Any], **words: Any) -> Any:
        if isinstance(request, AskIdentity) and unreachable:
            silent.lost = unreachable.pop() and not unreachable
            raise Unreachable("no answer", where="node1")
        return ask(request, **words)

    silent.ask = sometimes  # type: ignore[method-assign]
    site = Site(told, Node(0), silent)
    site.restore()
    assert len(site.started) == 1, "it was connected again"


def test_a_node_that_comes_back_with_another_image(told: Told) -> None:
    lost = Node(1)
    lost.lost, lost.content = True, "sha256:b"
    with pytest.raises(JobFailed, match="image differs"):
        Site(told, Node(0), lost).restore()


def test_memory_of_a_gpu_is_waited_for(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(1, held=4)
    Site(told, Node(0), node).restore()
    assert node.asked.count(FindHeld) == 5
    monkeypatch.setattr(members, "FREE_LIMIT_S", 0.05)
    with pytest.raises(JobFailed, match=r"after the ranks ended: node1: GPU 0 has 9.0 GB in use"):
        Site(told, Node(0), Node(1, held=10_000)).restore()


def test_a_stop_ends_the_wait(told: Told) -> None:
    lost = Node(1, tries=10_000)
    lost.lost = True

    def rejoin(job: str, **_: Any) -> bool:
        raise StopRequested

    lost.rejoin = rejoin  # type: ignore[method-assign]
    with pytest.raises(StopRequested):
        Site(told, Node(0), lost).restore()


# ---- one worker, over an ssh of the test's own -------------------------------------------------

SSH = """#!{python}
import json, pathlib, sys
place = pathlib.Path({folder!r})
with (place / "calls").open("a") as calls:
    calls.write(" ".join(sys.argv[5:]) + "\\n")
if "--start" not in sys.argv and not (place / "lives").exists():
    print("the worker was restarted", file=sys.stderr)
    sys.exit({code})
(place / "lives").touch()
for line in sys.stdin:
    number = json.loads(line)["id"]
    print(json.dumps({{"id": number, "result": {{"protocol": {protocol}}}}}), flush=True)
"""
Ssh = Callable[[int], Worker]


@pytest.fixture
def lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ssh]:
    made: list[Worker] = []

    def make(code: int) -> Worker:
        program = tmp_path / "ssh"
        text = SSH.format(python=sys.executable, folder=str(tmp_path), code=code, protocol=PROTOCOL)
        program.write_text(text)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        words = (["agent", "--start"], ["agent"])
        node = JobNode(1, "10.0.0.12", (0,), 1)
        config = tmp_path / "config"
        made.append(Worker(node, config, words[1], again=words[1], remedies=MADE_BY_UP))
        made[-1]._agent = words[0]
        made[-1].lost = True
        return made[-1]

    yield make
    for worker in made:
        worker.lost = True
        worker.close()


def test_a_worker_whose_agent_is_gone_gets_a_new_one(lost: Ssh, tmp_path: Path) -> None:
    worker = lost(69)
    assert worker.rejoin("j", limit=5) is True
    assert worker.lost is False
    assert (tmp_path / "calls").read_text().splitlines()[-1] == "10.0.0.12 agent --start"


def test_a_worker_whose_agent_lives_keeps_it(lost: Ssh, tmp_path: Path) -> None:
    worker = lost(69)
    (tmp_path / "lives").touch()
    assert worker.rejoin("j", limit=5) is False
    assert "--start" not in (tmp_path / "calls").read_text()


@pytest.mark.parametrize(("code", "kind"), [(255, Unreachable), (75, Unreachable)])
def test_a_worker_that_cannot_be_reached_stays_lost(
    lost: Ssh, code: int, kind: type[Exception]
) -> None:
    worker = lost(code)
    with pytest.raises(kind) as raised:
        worker.rejoin("j", limit=5)
    assert not isinstance(raised.value, AgentGone) and worker.lost
    assert isinstance(raised.value, AgentHangs) == (code == 75) or code == 75
