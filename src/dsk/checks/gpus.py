"""As many accelerators as slots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from dsk.checks.facts import Facts
from dsk.checks.model import Check, Finding, Judge, JudgeServer, each_server
from dsk.cluster.model import Node
from dsk.errors import UserError
from dsk.survey.server import ServerFacts
from dsk.text import Text
from dsk.wire.remedies import Remedy

NOT_READ = Text("what {maker}'s tools say is not read yet")
NOT_SHOWN = Text("nvidia-smi shows no GPU")
FEWER = Text("slots: {slots}, but the server has {here} GPU(s){problem}")
FIX_FEWER = Remedy(
    engine=Text("set slots: {here} in dsk.yaml (nodes[{index}]); dsk up"),
    in_place=Text("set slots: {here} in dsk.yaml (nodes[{index}]), or give its container the GPUs"),
)
DEMO = Text("--gpus needs {all} GPUs on this machine, which has {here}")
FIX_DEMO = Text("dsk demo, which trains on CPUs")
HIDDEN = Text("nvidia-smi shows {shown} of {here} GPUs: one does not answer")
FIX_HIDDEN = Text("there: sudo dmesg | grep -i nvrm   and reboot the server")
OK = Text("{here} GPU(s) {names}")
CPUS = Text("{slots} slot(s) on {here} CPU cores")
FEW_CPUS = Text(
    "slots: {slots} on {here} CPU cores: the ranks share them, and each is slower for it"
)
FIX_FEW_CPUS = Remedy(
    engine=Text("set slots: {here} or less in dsk.yaml (nodes[{index}]); dsk up"),
    in_place=Text("set slots: {here} or less in dsk.yaml (nodes[{index}])"),
)


def each_gpu_server(name: str, judge: JudgeServer) -> Judge:
    """`judge` of every server of whose GPUs something is known one by one."""

    def judge_server(facts: Facts, node: Node, server: ServerFacts) -> Iterable[Finding]:
        devices, problem = facts.cluster.devices, server.problems.get("gpus", "")
        if not devices.server_look:
            return [Finding(name, "skipped", NOT_READ.filled(maker=devices.maker), node.index)]
        if not server.gpus and not server.xids:
            return [Finding(name, "skipped", NOT_SHOWN, node.index, seen=problem)]
        return judge(facts, node, server)

    return each_server(name, judge_server, gpus=True)


def _judge(facts: Facts, node: Node, server: ServerFacts) -> Iterator[Finding]:
    cluster = facts.cluster
    if not cluster.devices.server_devices:
        yield _cpus(facts, node, server)
        return
    # A container that was given some of the GPUs sees the others in /proc all the same.
    devices = 0 if cluster.in_place else server.gpu_devices
    here, shown = max(len(server.gpus), devices), len(server.gpus)
    found = Finding("gpus", "ok", OK, node.index, None, str(here), str(node.slots))
    if cluster.demo and here < cluster.world_size:
        found = Finding("gpus", "failed", DEMO, node.index, fix=FIX_DEMO)
    elif here < node.slots:
        fix = FIX_FEWER.of(in_place=cluster.in_place)
        found = replace(found, state="failed", text=FEWER, fix=fix, error=UserError)
    elif shown and shown < devices:
        found = Finding("gpus", "warning", HIDDEN, node.index, fix=FIX_HIDDEN)
    yield found.filled(
        slots=node.slots,
        index=node.index,
        here=here,
        shown=shown,
        all=cluster.world_size,
        names=", ".join(sorted({gpu.name for gpu in server.gpus})) or cluster.devices.maker,
        problem=because(server.problems.get("gpus", "")),
    )


def because(problem: str) -> str:
    return f" ({problem})" if problem else ""


def _cpus(facts: Facts, node: Node, server: ServerFacts) -> Finding:
    found = Finding("gpus", "ok", CPUS, node.index, None, str(server.cpus), str(node.slots))
    if 0 < server.cpus < node.slots:
        fix = FIX_FEW_CPUS.of(in_place=facts.cluster.in_place)
        found = replace(found, state="warning", text=FEW_CPUS, fix=fix)
    return found.filled(slots=node.slots, here=server.cpus, index=node.index)


judge = each_server("gpus", _judge)
CHECK = Check(
    "gpus", judge, ("server",), "toolkit",
    facts=("gpu_devices", "cpus"), more=("gpus",), asked_by=("up",),
)  # fmt: skip
