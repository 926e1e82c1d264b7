"""Memory errors, Xid errors and clocks that are held down."""

from __future__ import annotations

from collections.abc import Iterator

from dsk.checks.facts import Facts, ServerFacts, Xid
from dsk.checks.gpus import not_looked_at
from dsk.checks.model import Finding, State
from dsk.text import Text

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
            why = Text("nvidia-smi shows no GPU")
            yield Finding("gpu-health", "skipped", why, node, seen=server.gpu_problem)
        else:
            found = [*_memory(node, server), *_xids(node, server), *_clocks(node, server)]
            yield from found
            if not found:
                text = Text("no errors, full clocks")
                yield Finding("gpu-health", "ok", text, node)


def _memory(node: int, server: ServerFacts) -> Iterator[Finding]:
    for gpu in server.gpus:
        if gpu.pending:
            text = Text(
                "GPU {index}: broken memory waits for a reset to be taken out of use"
            ).filled(index=gpu.index)
            yield Finding("gpu-health", "failed", text, node, fix=_reset(gpu.index))
        elif gpu.ecc_errors:
            text = Text(
                "GPU {index}: {count} uncorrected memory errors (ECC) since the driver was loaded"
            ).filled(index=gpu.index, count=gpu.ecc_errors)
            fix = _reset(gpu.index)
            yield Finding("gpu-health", "warning", text, node, seen=str(gpu.ecc_errors), fix=fix)


def _xids(node: int, server: ServerFacts) -> Iterator[Finding]:
    """One finding a GPU and number: the same error comes in floods."""
    newest: dict[tuple[str, int], Xid] = {(xid.bus, xid.number): xid for xid in server.xids}
    for xid in newest.values():
        if xid.number not in HARDWARE:
            continue
        state: State = "failed" if xid.number in DEAD else "warning"
        text = Text("the kernel's log tells Xid {number} of GPU {bus}: {said}").filled(
            number=xid.number, bus=xid.bus, said=xid.text
        )
        fix = Text(
            "reboot the server; if it comes again, the GPU has to be replaced "
            "(docs.nvidia.com/deploy/xid-errors)"
        )
        yield Finding("gpu-health", state, text, node, seen=f"Xid {xid.number}", fix=fix)


def _clocks(node: int, server: ServerFacts) -> Iterator[Finding]:
    for gpu in server.gpus:
        if gpu.slowdowns:
            text = Text(
                "GPU {index} runs slower than it can ({reasons}; {temperature} °C): all ranks "
                "wait for it"
            ).filled(
                index=gpu.index,
                reasons=", ".join(gpu.slowdowns),
                temperature="?" if gpu.temperature is None else gpu.temperature,
            )
            fix = Text(
                "look at its fans, air and power supply; there: nvidia-smi -q -d PERFORMANCE"
            )
            seen = f"{gpu.clock} MHz" if gpu.clock else ""
            expected = f"{gpu.max_clock} MHz" if gpu.max_clock else ""
            yield Finding("gpu-health", "warning", text, node, None, seen, expected, fix)


def _reset(index: int) -> Text:
    return Text(
        "with nothing running on it, there: sudo nvidia-smi --gpu-reset -i {index}   or reboot"
    ).filled(index=index)
