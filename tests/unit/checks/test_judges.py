"""Each check's judgement, from facts written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from dsk.agent.needed import FORBIDDEN
from dsk.checks import (
    clock,
    content,
    inputs,
    login,
    results,
    room,
    template,
    workergpus,
    workspace,
)
from dsk.checks.facts import (
    Facts,
    InputFile,
    JobFacts,
    Login,
    Need,
    NodeInputs,
    WorkerFacts,
    Workspace,
)
from dsk.checks.registry import CHECKS, chosen, judge_all
from dsk.cluster.model import User
from dsk.errors import UserError
from dsk.jobs.stacks import outdated
from dsk.survey.values import Clock, Disk
from dsk.text import Text, verbatim
from dsk.wire import PROTOCOL
from dsk.wire.measure import Choice, Interface, Knock, Silent
from tests.unit.checks.conftest import WORKER, with_server

GOOD = replace(WORKER, protocol=PROTOCOL)


def workers(facts: Facts, *found: WorkerFacts) -> Facts:
    return replace(facts, workers=dict(enumerate(found)))


@pytest.mark.parametrize(
    ("ahead", "state"), [(0.5, "ok"), (3.0, "warning"), (90.0, "failed"), (-90.0, "failed")]
)
def test_clock_against_the_middle(facts: Facts, ahead: float, state: str) -> None:
    """The operator's own clock, 1000 s off, does not count."""
    for node in range(3):
        facts = with_server(facts, node, clock=Clock(1000.0, 0.05))
    facts = with_server(facts, 1, clock=Clock(1000.0 + ahead, 0.05))
    assert [each.state for each in clock.judge(facts)] == ["ok", state, "ok"]


def test_clock_asked_over_a_slow_line(facts: Facts) -> None:
    facts = with_server(facts, 1, clock=Clock(4.0, 3.0))
    assert {each.state for each in clock.judge(facts)} == {"ok"}


def test_an_older_image_is_named_with_what_it_trains_wrongly(facts: Facts) -> None:
    problem = outdated({"name": "cu128"})[0]
    found = list(results.judge(workers(facts, replace(GOOD, wrong=(problem,)), GOOD)))
    assert [(each.node, each.state) for each in found] == [(0, "warning"), (1, "ok")]
    assert problem.in_language("en") in found[0].text.in_language("en")
    assert found[0].fix is not None
    assert outdated({"name": "cu128", "revision": 2}) == ()


def test_the_odd_image_out_is_named(facts: Facts) -> None:
    other = replace(GOOD, content_id="sha256:bbbb")
    found = list(content.judge(workers(facts, other, GOOD, GOOD)))
    assert [each.state for each in found] == ["failed", "ok", "ok"]


@pytest.mark.parametrize(
    ("seen", "state"), [(4, "ok"), (8, "ok"), (3, "failed"), (0, "failed"), (None, "skipped")]
)
def test_the_gpus_that_a_worker_sees(facts: Facts, seen: int | None, state: str) -> None:
    lost = "Failed to initialize NVML: Unknown Error"
    worker = replace(GOOD, gpus=seen, gpu_problem=None if seen else verbatim(lost))
    (found,) = workergpus.judge(workers(facts, worker))
    assert found.state == state
    assert (lost in found.text.in_language("en")) == (seen == 0)


def test_package_by_package(facts: Facts) -> None:
    other = replace(GOOD, packages={"torch": "2.8.0"})
    found = list(content.judge(workers(facts, GOOD, GOOD, other)))
    assert "torch 2.8.0 instead of 2.9.1" in found[2].text.in_language("en")


def test_packages_that_were_changed_on_all_nodes(facts: Facts) -> None:
    changed = replace(GOOD, stack={"torch": "2.9.0", "name": "cu128"})
    found = list(content.judge(workers(facts, changed, changed)))
    assert {each.state for each in found} == {"failed"}


@pytest.mark.parametrize(
    ("shared", "states"),
    [
        ([{0}, {1}, {2}], ["ok", "ok", "ok"]),
        ([{0, 1, 2}] * 3, ["ok", "ok", "ok"]),
        ([{0, 1}, {0, 1}, {2}], ["ok", "ok", "ok", "failed"]),
    ],
)
def test_shared_by_all_or_by_none(facts: Facts, shared: list[set[int]], states: list[str]) -> None:
    found = [
        replace(GOOD, workspace=Workspace(kind="nfs4", shared_with=frozenset(nodes)))
        for nodes in shared
    ]
    assert [each.state for each in workspace.judge(workers(facts, *found))] == states


@pytest.mark.parametrize(
    ("seen", "half"),
    [
        # node1 cannot write, and so node0 sees no mark of it.
        ([{0}, {0}], False),
        ([{0}, set()], False),
        ([{0}, {0}, {0}], False),
        ([set(), set(), {2}], False),
        ([{0, 2}, {0, 2}, {0, 2}], False),
        ([{0, 2}, set(), {0, 2}], True),
        ([{0}, {0}, {2}], True),
    ],
)
def test_a_node_that_leaves_no_mark(facts: Facts, seen: list[set[int]], *, half: bool) -> None:
    found = [
        replace(
            GOOD,
            workspace=Workspace(
                problem="" if node in marks else "read-only file system",
                kind="nfs4",
                shared_with=frozenset(marks),
            ),
        )
        for node, marks in enumerate(seen)
    ]
    said = list(workspace.judge(workers(facts, *found)))
    complaints = [each for each in said if each.node is None]
    assert [each.state for each in complaints] == ["failed"] * half
    for each in said:
        if each.state == "ok":
            others = [marks for node, marks in enumerate(seen) if node != each.node]
            with_others = len(seen[each.node or 0]) > 1 or any(each.node in one for one in others)
            assert ("shared" in each.text.in_language("en")) == with_others


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("", "the login failed: ?"),
        ("root@10.0.0.12: Permission denied (publickey).", "it refuses the cluster's key"),
        ("Host key verification failed.", "the master does not know its host key"),
        (
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
            "its host key is not the one that the master knows",
        ),
        ("connect to host 10.0.0.12 port 2222: Connection refused", "nothing listens"),
        ("connect to host 10.0.0.12 port 2222: Connection timed out", "does not reach"),
    ],
)
def test_why_a_login_failed(facts: Facts, said: str, text: str) -> None:
    (found,) = login.judge(replace(facts, logins={1: Login(255, said)}))
    assert found.state == "failed" and text in found.text.in_language("en")


def job(**changed: Any) -> JobFacts:
    return JobFacts(**{"values": {"template": "qwen"}, "templates": ("qwen", "llama3"), **changed})


def test_a_byte_a_missing_file_and_the_same(facts: Facts) -> None:
    good = {"/w/a": InputFile(5, "aa"), "/w/b": InputFile(5, "bb")}
    nodes = {
        0: NodeInputs((), good),
        1: NodeInputs((), {**good, "/w/a": InputFile(5, "ab")}),
        2: NodeInputs((), {"/w/a": InputFile(5, "aa")}),
    }
    found = list(inputs.judge(replace(facts, job=job(inputs=nodes))))
    texts = [(each.node, each.state, each.text.in_language("en")) for each in found]
    assert [(node, state) for node, state, _ in texts] == [(0, "ok"), (1, "failed"), (2, "failed")]
    assert "/w/a differs" in texts[1][2] and "/w/b is missing" in texts[2][2]


def test_nodes_that_would_resume_from_different_steps(facts: Facts) -> None:
    nodes = {node: NodeInputs((), {}) for node in (0, 1)}
    same = job(inputs=nodes, output_dir="/w/out", saved={0: [(20, True)], 1: [(20, True)]})
    assert {each.state for each in inputs.judge(replace(facts, job=same))} == {"ok"}
    other = replace(same, saved={0: [(10, True), (20, True)], 1: [(10, True)]})
    found = next(iter(inputs.judge(replace(facts, job=other))))
    assert found.state == "failed" and "node1" in found.text.in_language("en")
    assert found.fix and "=/w/out/checkpoint-10" in found.fix.in_language("en")


def test_a_missing_checkpoint_is_not_to_be_copied(facts: Facts) -> None:
    path = "/w/out/checkpoint-5"
    absent = Text("{path} does not exist").filled(path=path)
    wrong = job(inputs={1: NodeInputs((absent,), {})}, own=(path,))
    (found,) = inputs.judge(replace(facts, job=wrong))
    assert found.fix and "dsk push" not in found.fix.in_language("en")


def test_a_template_that_nobody_knows_and_a_cutoff_too_long(facts: Facts) -> None:
    wrong = job(
        values={"template": "qwn", "cutoff_len": 8192}, config={"max_position_embeddings": 4096}
    )
    found = list(template.judge(replace(facts, job=wrong)))
    assert [each.state for each in found] == ["failed", "warning"]
    assert found[0].fix and found[0].fix.in_language("en") == "write template: qwen"
    (fine,) = template.judge(replace(facts, job=job()))
    assert fine.state == "ok"


@pytest.mark.parametrize(
    ("kind", "name", "state"),
    [
        ("qwen2", "qwen", "ok"),
        ("llama", "qwen", "warning"),
        ("qwen2", "llama3", "warning"),
        ("llama", "llama3", "ok"),
        ("mistral", "mistral", "ok"),
        ("mistral", "alpaca", "ok"),  # plain: it fits any
        ("somebodys", "qwen", "ok"),
        ("llama", "somebodys", "ok"),
        (None, "qwen", "ok"),
    ],
)
def test_a_template_of_another_family(facts: Facts, kind: Any, name: str, state: str) -> None:
    asked = job(values={"template": name}, templates=(name,), config={"model_type": kind})
    [found] = template.judge(replace(facts, job=asked))
    assert found.state == state
    english = found.text.in_language("en")
    assert found.text.in_language("zh") and "{" not in english
    if state == "ok":
        known = kind in ("qwen2", "llama", "mistral") and name in ("qwen", "llama3", "mistral")
        assert ("is not known here" in english) != known
    else:
        assert found.fix and "write template: " in found.fix.in_language("en")


def test_what_was_looked_at_is_said(facts: Facts) -> None:
    def said(**changed: Any) -> str:
        [found] = template.judge(replace(facts, job=job(**changed)))
        assert found.state == "ok"
        return found.text.in_language("en")

    config = {"model_type": "qwen2", "max_position_embeddings": 4096}
    assert said(config=config) == (
        "qwen is a template of qwen2 models; cutoff_len 2048 of 4096 positions"
    )
    assert "how many positions the model has is not known" in said()
    nothing = replace(facts, job=job(templates=()))
    assert list(template.judge(nothing)) == []
    [skipped] = judge_all(nothing, chosen(["template"]))
    assert skipped.state == "skipped"


def test_positions_of_a_multimodal_model(facts: Facts) -> None:
    below = {"text_config": {"max_position_embeddings": 1024}}
    [found] = template.judge(replace(facts, job=job(config=below)))
    assert found.state == "warning" and "1024 positions" in found.text.in_language("en")


def test_room_for_checkpoints(facts: Facts) -> None:
    """7 B weights of 2 bytes: a full checkpoint is 98 GB with the optimizer's states."""
    full = job(values={"finetuning_type": "full"}, weight_bytes=14 * 10**9)
    assert room.checkpoint_bytes(full) == 98 * 10**9
    disk = Disk("/workspace", 10**12, 150 * 10**9)
    found = workers(facts, replace(GOOD, workspace=Workspace(disk=disk)))
    assert [each.state for each in room.judge(replace(found, job=full))] == ["warning"]
    lora = job(weight_bytes=14 * 10**9)
    assert [each.state for each in room.judge(replace(found, job=lora))] == ["ok"]


def test_what_is_not_measured_is_skipped_with_the_reason(facts: Facts) -> None:
    missing: Mapping[Need, Mapping[int | None, Text]] = {
        "server": {2: Text("the server cannot be reached")},
        "worker": {None: Text("none")},
    }
    facts = replace(facts, servers={0: facts.servers[0], 1: facts.servers[1]}, missing=missing)
    found = judge_all(facts, chosen(["clock", "image"]))
    assert [(each.check, each.node, each.state) for each in found] == [
        ("clock", 0, "ok"),
        ("clock", 1, "ok"),
        ("clock", 2, "skipped"),
        ("image", None, "skipped"),
    ]
    assert found[2].text.in_language("zh") == "无法连接服务器"


NETWORK = ["interface", "mtu", "bandwidth", "latency", "port", "infiniband"]


def test_where_nothing_was_measured_nothing_is_well(facts: Facts) -> None:
    """Such as where the master cannot log in to its own worker."""
    silent = replace(facts, network=(Silent(0, verbatim("Permission denied (publickey).")),))
    found = judge_all(silent, chosen(["reach", *NETWORK]))
    assert [(each.check, each.state) for each in found] == [
        (name, "skipped") for name in ("interface", "reach", *NETWORK[1:])
    ]
    assert found[0].text.in_language("zh") == "没有测到任何结果"


def test_a_port_that_drops_packets_leaves_one_node_and_nothing_between(facts: Facts) -> None:
    pair = replace(facts.cluster, nodes=facts.cluster.nodes[:2])
    eth0 = Interface(0, "eth0", "", ("10.0.0.11/24",), 1500, up=True, carrier=True)
    measured = (eth0, Choice(0, "eth0", "10.0.0.11", False), Knock(1, "timeout"))
    dropped = Facts(pair, network=measured)
    found = judge_all(dropped, chosen(["interface", "reach", "mtu", "bandwidth", "latency"]))
    states = {each.check: each.state for each in found}
    assert states == {
        "interface": "ok",
        "reach": "failed",
        "mtu": "skipped",
        "bandwidth": "skipped",
        "latency": "skipped",
    }


def test_one_node_alone_needs_no_network(facts: Facts) -> None:
    single = Facts(replace(facts.cluster, nodes=facts.cluster.nodes[:1]))
    found = judge_all(single, chosen(["reach", "mtu", "bandwidth", "latency"]))
    assert {each.state for each in found} == {"ok"} and len(found) == 4
    assert "one node" in found[0].text.in_language("en")


def test_what_stands_on_a_recipe_that_does_not_resolve(facts: Facts) -> None:
    wrong = replace(facts, job=JobFacts(problem=Text("no such key")))
    found = judge_all(wrong, chosen(["recipe", "inputs", "template", "room"]))
    states = [(each.check, each.state) for each in found]
    assert states[0] == ("recipe", "failed")
    assert states[1:] == [(name, "skipped") for name in ("inputs", "template", "room")]
    assert {each.text.in_language("en") for each in found[1:]} == {"train.yaml does not resolve"}


def test_room_without_a_job(facts: Facts) -> None:
    why = Text("no train.yaml was named")
    disk = replace(GOOD, workspace=Workspace(disk=Disk("/workspace", 10**12, 10**12)))
    none = replace(workers(facts, disk), missing={"job": {None: why}})
    [found] = judge_all(none, chosen(["room"]))
    assert (found.state, found.text) == ("skipped", why)


def test_names() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)
    with pytest.raises(UserError, match="no check nonsense"):
        chosen(["nonsense"])


def test_a_workspace_that_is_not_the_servers(facts: Facts) -> None:
    """The folder was made again, or mounted over, while the worker kept the one it had."""
    facts = with_server(facts, 0, place="8:1234")
    for seen, state in (("8:1234", "ok"), ("8:999", "failed"), ("", "ok")):
        worker = replace(GOOD, workspace=Workspace(place=seen))
        [found] = workspace.judge(workers(facts, worker))
        assert found.state == state
    [other] = workspace.judge(workers(facts, replace(GOOD, workspace=Workspace(place="8:999"))))
    for language in ("en", "zh"):
        assert other.fix and "dsk up" in other.fix.in_language(language)


def test_packages_changed_in_a_container_need_it_anew(facts: Facts) -> None:
    """`dsk up` sees no difference; where the images differ it does."""
    installed = replace(GOOD, packages={"torch": "2.8.0"})
    for other, force in ((installed, True), (replace(installed, content_id="sha256:b"), False)):
        found = list(content.judge(workers(facts, GOOD, GOOD, other)))
        assert found[2].fix
        assert ("dsk up --force" in found[2].fix.in_language("en")) == force


def test_a_workspace_that_the_workers_user_may_not_write(facts: Facts) -> None:
    def fix(user: User | None, problem: str) -> Text:
        changed = replace(facts, cluster=replace(facts.cluster, user=user))
        seen = replace(GOOD, workspace=Workspace(problem=problem))
        found = next(iter(workspace.judge(workers(changed, seen))))
        assert found.state == "failed" and found.fix
        return found.fix

    denied = fix(User(1234, 100), "permission denied")
    for language in ("en", "zh"):
        assert "chown 1234:100 /workspace" in denied.in_language(language)
    assert "chown" not in fix(User(1234, 100), "read-only file system").in_language("en")
    assert "chown" not in fix(None, "permission denied").in_language("en")


def test_a_file_that_the_workers_user_may_not_read_has_a_fix_that_works(facts: Facts) -> None:
    closed = FORBIDDEN.filled(path="/w/m/a b.bin", uid=1000, mode="0600", owner="0:0", top="/w/m m")
    owned = replace(facts, cluster=replace(facts.cluster, user=User(1000, 1000)))
    unread = {"/w/m/a b.bin": InputFile(0, None)}
    nodes = {0: NodeInputs((closed,), unread), 1: NodeInputs((), unread)}
    first, second = inputs.judge(replace(owned, job=job(inputs=nodes)))
    assert (
        first.text.in_language("en") == "uid 1000 may not read /w/m/a b.bin (mode 0600, owner 0:0)"
    )
    assert first.fix and first.fix.in_language("en") == (
        "on that server, as root: chmod -R a+rX '/w/m m'   # or: chown -R 1000:1000 '/w/m m'"
    )
    # Without a reason from the agent, as of an older image, at least the file can be made readable.
    assert second.fix and "chmod -R a+rX '/w/m/a b.bin'" in second.fix.in_language("en")
