"""What is measured of workers that answer, and of those that do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dsk.checks.facts import Login, WorkerFacts, Workspace
from dsk.checks.model import Finding
from dsk.checks.registry import chosen, judge_all
from dsk.cluster.model import Cluster, Local, Node
from dsk.errors import DskError, JobFailed, Unreachable, UserError
from dsk.jobs.planning import Request
from dsk.preflight import measure
from dsk.preflight.measure import Measuring, unreachable
from dsk.servers.contact import Fleet
from dsk.survey import values
from dsk.survey.server import ServerFacts
from dsk.survey.values import RUNNING, Clock, Engine
from dsk.text import Text

CLUSTER = Cluster(
    "lab",
    tuple(Node(index, f"10.0.0.{11 + index}", 1, Local()) for index in range(3)),
    Path("/somewhere/dsk.yaml"),
)
SERVER = ServerFacts(engine=Engine("27.0.3"), worker=values.Worker(RUNNING), health="")
SLOW = Unreachable(Text("no answer within {limit:g} s", {"limit": 45}))
OLD = DskError("No module named dsk.agent.examine")


class Worker(AbstractContextManager["Worker"]):
    """As Inside; `errors` by node and op."""

    errors: dict[tuple[int, str], DskError]

    def __init__(self, _server: object, _cluster: Cluster, node: Node) -> None:
        self.node = node.index

    def ask(self, op: str, **arguments: Any) -> Any:
        if error := self.errors.get((self.node, op)):
            raise error
        return [False] * len(arguments["names"]) if op == "marks" else True

    def facts(self) -> WorkerFacts:
        self.ask("look")
        return WorkerFacts(0, "sha256:1", {}, {}, "cuda", Workspace())

    def logins(self, nodes: Sequence[Node]) -> dict[int, Login]:
        self.ask("logins")
        return {node.index: Login(0) for node in nodes}

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> type[Worker]:
    """Three nodes whose workers run; the network is not measured."""

    def opened(_cluster: Cluster, nodes: Sequence[Node], **_: object) -> Fleet:
        fleet = Fleet(nodes)
        fleet.servers = dict.fromkeys(range(len(nodes)), Nothing())  # type: ignore[arg-type]
        return fleet

    class Asked(Worker):
        errors: dict[tuple[int, str], DskError] = {}  # noqa: RUF012 - this test's own

    monkeypatch.setattr(measure, "open_fleet", opened)
    monkeypatch.setattr(measure, "survey", lambda *_, **__: SERVER)
    monkeypatch.setattr(measure, "ask_clock", lambda _: Clock(0.0, 0.01))
    monkeypatch.setattr(measure, "Inside", Asked)
    monkeypatch.setattr("dsk.preflight.measure.mesh.measure", lambda *_, **__: ())
    return Asked


class Nothing:
    def close(self) -> None:
        pass


def found(*names: str) -> tuple[dict[tuple[str, int | None], Finding], Sequence[DskError]]:
    checks = chosen(names)
    facts = Measuring(CLUSTER).run({need for each in checks for need in each.needs})
    findings = judge_all(facts, checks)
    return {(each.check, each.node): each for each in findings}, unreachable(facts)


@pytest.mark.parametrize(("error", "code_3"), [(SLOW, True), (OLD, False)])
def test_a_worker_that_runs_and_does_not_answer_has_failed(
    workers: type[Worker], error: DskError, *, code_3: bool
) -> None:
    workers.errors[1, "look"] = error
    said, three = found("worker", "image", "login", "interface")
    assert said["worker", 0].state == "ok"
    assert said["worker", 1].state == "failed"
    for language in ("en", "zh"):
        why = error.told.in_language(language)
        for name in ("worker", "image", "login", "interface"):
            assert why in said[name, 1].text.in_language(language), name
    assert bool(three) == code_3


def test_a_master_that_does_not_answer_is_the_reason_of_all_that_it_tells(
    workers: type[Worker],
) -> None:
    workers.errors[0, "look"] = OLD
    said, _ = found("worker", "login", "interface")
    assert said["worker", 0].state == "failed"
    for name in ("login", "interface"):
        text = said[name, None].text.in_language("en")
        assert text == f"the master: its worker does not answer: {OLD.message}"


def test_a_master_that_stops_answering(workers: type[Worker]) -> None:
    workers.errors[0, "logins"] = SLOW
    said, three = found("worker", "image", "login")
    assert said["worker", 0].state == "failed" and three == [SLOW]
    assert said["image", 0].state != "skipped"
    assert SLOW.message in said["login", None].text.in_language("en")


def test_what_it_had_told_before_stays(workers: type[Worker]) -> None:
    """A mark that cannot be left in time: the disk hangs."""
    workers.errors[2, "mark"] = SLOW
    said, three = found("worker", "workspace", "login")
    assert said["worker", 2].state == "failed" and three == [SLOW]
    assert said["workspace", 2].state == "ok"
    assert said["login", 2].state == "skipped" and said["login", 1].state == "ok"


class Elsewhere:
    """A place whose opening, or whose job, is in the way."""

    def __init__(self, error: DskError | None) -> None:
        self._error = error

    @contextmanager
    def open(self, _cluster: Cluster) -> Iterator[Elsewhere]:
        if self._error:
            raise self._error
        yield self

    def running(self) -> list[Any]:
        return [SimpleNamespace(job="20261124-1")]


DOWN = Unreachable("the master's server is down", fix="dsk status")
WRONG = UserError("no such key", where="train.yaml:3")
KILLED = JobFailed("the supervisor of trial trial-1 exited without reporting a result")


@pytest.mark.usefixtures("workers")
@pytest.mark.parametrize(
    ("error", "state", "code_3"),
    [
        (None, "skipped", False),
        (DOWN, "failed", True),
        (WRONG, "failed", False),
        (KILLED, "failed", False),
    ],
)
def test_a_trial_that_cannot_be_made_leaves_all_else(
    monkeypatch: pytest.MonkeyPatch, error: DskError | None, state: str, *, code_3: bool
) -> None:
    monkeypatch.setattr(measure, "runtime_kind", lambda _: Elsewhere(error))
    said, three = found("worker", "collectives")
    assert said["worker", 0].state == "ok"
    tried = said["collectives", None]
    assert tried.state == state and bool(three) == code_3
    text = tried.text.in_language("en")
    assert (error.message if error else "job 20261124-1 is running") in text
    assert error is None or error.where is None or f"{error.where}: " in text
    assert tried.text.in_language("zh") and tried.fix == (error.remedy if error else None)


@pytest.mark.usefixtures("workers")
def test_a_smoke_whose_recipe_is_wrong_leaves_all_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "runtime_kind", lambda _: Elsewhere(None))

    def wrong(*_: object) -> None:
        raise WRONG

    monkeypatch.setattr(measure, "one_step", wrong)
    facts = Measuring(CLUSTER, cast("Request", object())).run({"server", "smoke"})
    findings = judge_all(facts, chosen(["server", "smoke"]))
    states = [(each.check, each.state) for each in findings]
    assert states == [("server", "ok")] * 3 + [("smoke", "failed")]
