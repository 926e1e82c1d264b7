"""Memory errors, Xid errors and clocks that are held down."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.gpus import each_gpu_server
from dsk.checks.model import Check, Finding, State
from dsk.cluster.model import Node
from dsk.survey.server import ServerFacts
from dsk.survey.values import Gpu, Xid
from dsk.text import Text
from dsk.wire.remedies import Remedy

# NVIDIA's table of Xid errors (docs.nvidia.com/deploy/xid-errors) tells a broken device or link
# from an error of a program on it.
HARDWARE = {
    *(46, 48, 61, 62, 63, 64, 74, 79, 92, 94, 95),
    *(109, 110, 119, 120, 122, 136, 140, 143, 154),
}
DEAD = {48, 64, 79, 95, 110, 119, 120, 136, 140}
"""Nothing computes on the GPU before a reset."""
PENDING = Text("GPU {index}: broken memory waits for a reset to be taken out of use")
ECC = Text("GPU {index}: {count} uncorrected memory errors (ECC) since the driver was loaded")
XID = Text("the kernel's log shows Xid {number} of GPU {bus}: {said}")
SLOW = Text(
    "GPU {index} runs slower than it can ({reasons}; {temperature} °C): all ranks wait for it"
)
FIX_SLOW = Text("look at its fans, air and power supply; there: nvidia-smi -q -d PERFORMANCE")
_OTHER_SERVER = Text("take a container on another server, and report this one to the platform")
RESET = Remedy(
    engine=Text(
        "with nothing running on it, there: sudo nvidia-smi --gpu-reset -i {index}   or reboot"
    ),
    in_place=_OTHER_SERVER,
)
REBOOT = Remedy(
    engine=Text(
        "reboot the server; if it happens again, the GPU has to be replaced "
        "(docs.nvidia.com/deploy/xid-errors)"
    ),
    in_place=_OTHER_SERVER,
)


def _judge(facts: Facts, node: Node, server: ServerFacts) -> Iterator[Finding]:
    in_place = facts.cluster.in_place
    newest: dict[tuple[str, int], Xid] = {(xid.bus, xid.number): xid for xid in server.xids}
    found = [each for gpu in server.gpus for each in _memory(node.index, gpu, in_place=in_place)]
    # One finding a GPU and number: the same error comes in floods.
    found += [
        _xid(node.index, xid, in_place=in_place)
        for xid in newest.values()
        if xid.number in HARDWARE
    ]
    found += [_slow(node.index, gpu) for gpu in server.gpus if gpu.slowdowns]
    text = Text("no errors, full clocks")
    yield from found or [Finding("gpu-health", "ok", text, node.index)]


def _memory(node: int, gpu: Gpu, *, in_place: bool) -> Iterator[Finding]:
    fix = RESET.of(in_place=in_place)
    if gpu.pending:
        found = Finding("gpu-health", "failed", PENDING, node, fix=fix)
        yield found.filled(index=gpu.index)
    elif gpu.ecc_errors:
        seen = str(gpu.ecc_errors)
        found = Finding("gpu-health", "warning", ECC, node, seen=seen, fix=fix)
        yield found.filled(index=gpu.index, count=seen)


def _xid(node: int, xid: Xid, *, in_place: bool) -> Finding:
    state: State = "failed" if xid.number in DEAD else "warning"
    seen, fix = f"Xid {xid.number}", REBOOT.of(in_place=in_place)
    found = Finding("gpu-health", state, XID, node, seen=seen, fix=fix)
    return found.filled(number=xid.number, bus=xid.bus, said=xid.text)


def _slow(node: int, gpu: Gpu) -> Finding:
    seen = f"{gpu.clock} MHz" if gpu.clock else ""
    expected = f"{gpu.max_clock} MHz" if gpu.max_clock else ""
    found = Finding("gpu-health", "warning", SLOW, node, None, seen, expected, FIX_SLOW)
    temperature = "?" if gpu.temperature is None else gpu.temperature
    reasons = ", ".join(gpu.slowdowns)
    return found.filled(index=gpu.index, reasons=reasons, temperature=temperature)


judge = each_gpu_server("gpu-health", _judge)
CHECK = Check("gpu-health", judge, ("server",), "gpu-use", facts=("gpus", "xids"))
