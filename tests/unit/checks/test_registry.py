"""All checks: found, in order, documented; and what they tell to do where there is no engine."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

import dsk.checks
from dsk.checks import facts as fact_types
from dsk.checks.facts import (
    Facts,
    GpuNeed,
    HubAnswer,
    InputFile,
    JobFacts,
    Login,
    NodeInputs,
    Trial,
    WorkerFacts,
    Workspace,
)
from dsk.checks.model import Check, Finding
from dsk.checks.registry import CHECKS, in_order, judge_all
from dsk.cluster.model import Cluster
from dsk.errors import DskError
from dsk.survey.server import FACTS, ServerFacts
from dsk.survey.values import Clock, Container, Disk, Gpu, Worker, Xid
from dsk.text import Text, verbatim
from dsk.wire import PROTOCOL, remedies
from dsk.wire.measure import Choice, InfiniBand, Interface, Knock, Packet, Port, Ports, Reach, Speed

DOCS = Path(__file__).parents[3] / "docs"
NEEDS_AN_ENGINE = re.compile(r"dsk up|dsk down|dsk image|docker |restart the worker")


def rows(name: str) -> dict[str, list[str]]:
    """The cells of each row of a table of checks, by the check's name."""
    lines = (DOCS / name).read_text().splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "| `" in line]
    return {row[0].strip("`"): row[1:] for row in cells if re.fullmatch(r"`[\w-]+`", row[0])}


def test_every_check_has_its_row_in_the_documentation() -> None:
    general, network = rows("checks.md"), rows("network.md")
    named = {check.name: "network" in check.needs for check in CHECKS}
    assert general.keys() == {name for name, of_network in named.items() if not of_network}
    assert network.keys() == {name for name, of_network in named.items() if of_network}
    for check in CHECKS:
        cell = "" if named[check.name] else general[check.name][1]
        assert cell == ", ".join(check.asked_by), check.name


def test_every_check_of_every_file_has_its_place() -> None:
    declared = [check for module in modules() for check in module_checks(module)]
    assert sorted(check.name for check in declared) == sorted(check.name for check in CHECKS)
    assert CHECKS[0].name == "server" and [check.name for check in CHECKS[1:3]] == [
        "engine",
        "compose",
    ]
    for check in CHECKS:
        assert {*check.facts, *check.more} <= FACTS.keys(), check.name
        assert check.facts or not check.asked_by or check.name == "clock", check.name


def test_a_new_check_stands_right_behind_the_one_that_it_follows() -> None:
    new = [replace(CHECKS[0], name=name, after="engine") for name in ("zz", "aa")]
    names = [check.name for check in in_order([*CHECKS, *new])]
    assert names[:5] == ["server", "engine", "zz", "aa", "compose"]
    assert len(names) == len(CHECKS) + 2


def modules() -> Iterator[str]:
    for module in pkgutil.walk_packages(dsk.checks.__path__, "dsk.checks."):
        if module.name != "dsk.checks.registry":
            yield module.name


def module_checks(name: str) -> list[Check]:
    values = vars(importlib.import_module(name)).values()
    return [value for value in values if isinstance(value, Check)]


# ---- servers that are containers: no engine, and nothing that `dsk up` made --------------------


def engine_only(name: str) -> bool:
    """Whether the module says nothing in place: all its checks are left out there."""
    found = module_checks(name)
    return bool(found) and not any(check.in_place for check in found)


def texts_for_any_runtime(name: str) -> Iterator[str]:
    """The English of every Text(…) that is not the engine's half of a Remedy."""
    tree = ast.parse(Path(str(importlib.import_module(name).__file__)).read_text())
    of_an_engine: set[ast.AST] = set()
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Remedy":
            for word in call.keywords:
                if word.arg == "engine":
                    of_an_engine |= set(ast.walk(word.value))
    for call in ast.walk(tree):
        named = isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Text"
        if named and call not in of_an_engine:
            assert isinstance(call, ast.Call)
            yield ast.unparse(call.args[0])


ABOUT_AN_ENGINE = {
    # Of an engine's own disk and containers, which are not known in place.
    "dsk.checks.disk": "docker system df",
    "dsk.checks.worker": "docker rm --force",
    # Before an image is sent, which needs engines.
    "dsk.checks.transfer": "docker",
}


def test_no_text_for_every_runtime_names_what_only_an_engine_has() -> None:
    names = [*modules(), "dsk.wire.remedies"]
    for name in names:
        if engine_only(name):
            continue
        for text in texts_for_any_runtime(name):
            allowed = ABOUT_AN_ENGINE.get(name)
            if NEEDS_AN_ENGINE.search(text):
                assert allowed and allowed in text, f"{name}: {text}"


def in_place(cluster: Cluster) -> Cluster:
    return replace(cluster, in_place=True)


def everything_is_wrong(cluster: Cluster) -> Facts:
    """As far as an in-place cluster can be measured."""
    server = ServerFacts(
        clock=Clock(500.0, 0.1),
        worker=Worker("running"),
        gpus=(Gpu(0, "b", "H100", 10, 9 << 30, ecc_errors=3, slowdowns=("hw_slowdown",)),
              Gpu(1, "c", "H100", 10, 0, pending=True)),
        xids=(Xid("b", 79, "fallen off"),),
        workspace_disk=Disk("/", 10, 1),
        workspace=False,
        open_files={"key": "0644"},
    )  # fmt: skip
    room = Workspace(disk=Disk("/workspace", 10, 1))
    good = WorkerFacts(PROTOCOL, "sha256:a", {"torch": "1"}, {"torch": "1"}, "cuda", room)
    workers = {
        0: replace(good, gpus=1, wrong=(Text("wrong"),), modes={"k": "0644"}),
        1: replace(good, protocol=0, accelerator="cpu", workspace=Workspace("read-only")),
        2: replace(good, content_id="sha256:b", packages={"torch": "2"}),
    }
    absent = Text("{path} is missing").filled(path="/w/a", top="/w")
    job = JobFacts(
        values={"template": "no", "cutoff_len": 9999},
        templates=("qwen",),
        config={"max_position_embeddings": 10},
        weight_bytes=1 << 40,
        inputs={0: NodeInputs((absent,), {"/w/b": InputFile(1, "a")}),
                1: NodeInputs((), {"/w/b": InputFile(1, "b")})},
        hub={"r": HubAnswer(problem=Text("no"), fix=Text("x"))},
        saved={0: [(1, True)], 1: [(2, True)]},
        gpu=GpuNeed(1 << 50, "step"),
    )  # fmt: skip
    eth = Interface(0, "eth0", "", ("10.9.9.9/24",), 9000, up=True, carrier=True)
    network = (
        *(replace(eth, node=node) for node in range(3)),
        *(Choice(node, name, "", False) for node, name in enumerate(("eth0", "none", "eth0"))),
        *(Reach(0, 1, "timeout"), Reach(0, 2, "ok", 0.5), Knock(2, "refused")),
        *(Packet(0, 1, 9000, 1500), Speed(0, 1, 1e6), Speed(0, 2, 0.0)),
        *(Port(0, 29500, "x", 7), Ports(0, 29500, 29599, 29501)),
        InfiniBand(0, "mlx5", 1, "4: ACTIVE", "100", "IB", handed_in=False),
        InfiniBand(1, "mlx5", 1, "1: DOWN", "100", "IB", handed_in=True),
    )
    said = ("IDENTIFICATION HAS CHANGED", "Permission denied", "Connection refused")
    return Facts(
        cluster,
        servers={0: server, 1: replace(server, clock=Clock(0.0, 0.1)), 2: server},
        unreachable={0: DskError("gone")},
        workers=workers,
        silent={0: DskError("no answer")},
        logins={node: Login(255, text) for node, text in enumerate(said)},
        network=network,
        job=job,
        collectives=(Trial((0, 1), False, cause=verbatim("x")),),
        smoke=(Trial((0,), False, cause=verbatim("x")),),
    )


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("of_containers", [True, False])
def test_every_field_of_every_text_is_filled(
    cluster: Cluster, language: Any, *, of_containers: bool
) -> None:
    facts = everything_is_wrong(replace(cluster, in_place=of_containers))
    for found in judge_all(facts, CHECKS):
        for text in filter(None, (found.text, found.fix)):
            assert text.in_language(language), "a field that nobody fills is a KeyError"


def test_the_port_of_a_container_is_its_workers(cluster: Cluster) -> None:
    server = ServerFacts(worker=Worker("running"))
    facts = Facts(in_place(cluster), servers=dict.fromkeys(range(3), server))
    found = judge_all(facts, [check for check in CHECKS if check.name in ("engine", "worker-port")])
    assert [(each.check, each.state) for each in found] == [
        ("engine", "skipped"),
        *[("worker-port", "ok")] * 3,
    ]


def complaints(found: list[Finding]) -> list[Finding]:
    return [each for each in found if each.state in ("failed", "warning")]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_remedy_for_a_container_names_an_engine_or_up(cluster: Cluster, language: Any) -> None:
    found = complaints(judge_all(everything_is_wrong(in_place(cluster)), CHECKS))
    told = [each.fix.in_language(language) for each in found if each.fix]
    assert len(told) > 25
    assert [text for text in told if NEEDS_AN_ENGINE.search(text)] == []
    assert len({each.check for each in found}) > 20, "most checks have something to complain about"


def test_the_same_faults_with_engines_are_told_dsk_up(cluster: Cluster) -> None:
    """The test above can fail."""
    found = complaints(judge_all(everything_is_wrong(cluster), CHECKS))
    told = [each.fix.in_language("en") for each in found if each.fix]
    assert sum(bool(NEEDS_AN_ENGINE.search(text)) for text in told) > 8


def test_a_remedy_has_both_runtimes() -> None:
    found = [each for each in vars(remedies).values() if isinstance(each, remedies.Remedy)]
    assert len(found) > 5
    for each in found:
        assert each.of(in_place=False) == each.engine != each.in_place == each.of(in_place=True)


def test_facts_of_a_server_are_declared_once() -> None:
    """In the survey, not beside the facts of workers and jobs."""
    assert not {each.name for each in fields(ServerFacts)} & set(vars(fact_types))
    assert Container.__module__ == "dsk.survey.values"
