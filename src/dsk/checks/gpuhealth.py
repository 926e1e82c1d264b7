"""Memory errors, Xid errors and clocks that are held down."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts
from dsk.checks.gpus import not_looked_at
from dsk.checks.model import Check, Finding, State
from dsk.survey.server import ServerFacts
from dsk.survey.values import Xid
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


def judge(facts: Facts) -> Iterator[Finding]:
    for node, server in facts.servers.items():
        if reason := not_looked_at(facts.cluster.devices):
            yield Finding("gpu-health", "skipped", reason, node)
        elif not server.gpus and not server.xids:
            why = Text("nvidia-smi shows no GPU", "nvidia-smi 没有显示 GPU")
            yield Finding("gpu-health", "skipped", why, node, seen=server.problems.get("gpus", ""))
        else:
            in_place = facts.cluster.in_place
            found = [*_memory(node, server, in_place=in_place)]
            found += [*_xids(node, server, in_place=in_place), *_clocks(node, server)]
            yield from found
            if not found:
                text = Text("no errors, full clocks", "没有错误，频率正常")
                yield Finding("gpu-health", "ok", text, node)


def _memory(node: int, server: ServerFacts, *, in_place: bool) -> Iterator[Finding]:
    for gpu in server.gpus:
        if gpu.pending:
            text = Text(
                "GPU {index}: broken memory waits for a reset to be taken out of use",
                "GPU {index}：有损坏的显存等待重置后被停用",
            ).filled(index=gpu.index)
            yield Finding(
                "gpu-health",
                "failed",
                text,
                node,
                fix=_RESET.of(in_place=in_place).filled(index=gpu.index),
            )
        elif gpu.ecc_errors:
            text = Text(
                "GPU {index}: {count} uncorrected memory errors (ECC) since the driver was loaded",
                "GPU {index}：驱动加载以来有 {count} 个不可纠正的显存错误（ECC）",
            ).filled(index=gpu.index, count=gpu.ecc_errors)
            fix = _RESET.of(in_place=in_place).filled(index=gpu.index)
            yield Finding("gpu-health", "warning", text, node, seen=str(gpu.ecc_errors), fix=fix)


def _xids(node: int, server: ServerFacts, *, in_place: bool) -> Iterator[Finding]:
    """One finding a GPU and number: the same error comes in floods."""
    newest: dict[tuple[str, int], Xid] = {(xid.bus, xid.number): xid for xid in server.xids}
    for xid in newest.values():
        if xid.number not in HARDWARE:
            continue
        state: State = "failed" if xid.number in DEAD else "warning"
        text = Text(
            "the kernel's log tells Xid {number} of GPU {bus}: {said}",
            "内核日志里 GPU {bus} 有 Xid {number}：{said}",
        ).filled(number=xid.number, bus=xid.bus, said=xid.text)
        fix = _REBOOT.of(in_place=in_place)
        yield Finding("gpu-health", state, text, node, seen=f"Xid {xid.number}", fix=fix)


def _clocks(node: int, server: ServerFacts) -> Iterator[Finding]:
    for gpu in server.gpus:
        if gpu.slowdowns:
            text = Text(
                "GPU {index} runs slower than it can ({reasons}; {temperature} °C): all ranks "
                "wait for it",
                "GPU {index} 被降频（{reasons}；{temperature} °C）：所有 rank 都要等它",
            ).filled(
                index=gpu.index,
                reasons=", ".join(gpu.slowdowns),
                temperature="?" if gpu.temperature is None else gpu.temperature,
            )
            fix = Text(
                "look at its fans, air and power supply; there: nvidia-smi -q -d PERFORMANCE",
                "检查风扇、风道和供电；在该服务器上：nvidia-smi -q -d PERFORMANCE",
            )
            seen = f"{gpu.clock} MHz" if gpu.clock else ""
            expected = f"{gpu.max_clock} MHz" if gpu.max_clock else ""
            yield Finding("gpu-health", "warning", text, node, None, seen, expected, fix)


_OTHER_SERVER = Text(
    "take a container on another server, and report this one to the platform",
    "换用另一台服务器上的容器，并向平台报告此问题",
)
_RESET = Remedy(
    engine=Text(
        "with nothing running on it, there: sudo nvidia-smi --gpu-reset -i {index}   or reboot",
        "没有程序使用它时，在该服务器上：sudo nvidia-smi --gpu-reset -i {index}，或重启",
    ),
    in_place=_OTHER_SERVER,
)
_REBOOT = Remedy(
    engine=Text(
        "reboot the server; if it comes again, the GPU has to be replaced "
        "(docs.nvidia.com/deploy/xid-errors)",
        "重启服务器；若再次出现，需要更换该 GPU（docs.nvidia.com/deploy/xid-errors）",
    ),
    in_place=_OTHER_SERVER,
)

CHECK = Check("gpu-health", judge, ("server",), "gpu-use", facts=("gpus", "xids"))
