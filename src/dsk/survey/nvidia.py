"""What NVIDIA's tools and driver say, read. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from dsk.survey.values import Gpu, GpuProcess, Xid

MIB = 1 << 20
# Idle, the user's own settings and the configured power limit are how GPUs are run; the rest is
# something wrong (nvidia-smi(1), CLOCKS EVENT REASONS; called CLOCKS THROTTLE REASONS before 535).
HELD_DOWN = ("hw_slowdown", "hw_thermal_slowdown", "hw_power_brake_slowdown", "sw_thermal_slowdown")
# `NVRM: Xid (PCI:0000:44:00): 79, pid=1234, name=python, GPU has fallen off the bus.`
_XID = re.compile(r"NVRM: Xid \(PCI:(?P<bus>[0-9a-fA-F:.]+)\): (?P<number>\d+),? ?(?P<text>.*)")


def gpus(xml: str) -> tuple[Gpu, ...]:
    """Of `nvidia-smi -q -x`. Raises ValueError where it is not that."""
    try:
        root = ElementTree.fromstring(xml)  # noqa: S314 - the server's own
    except ElementTree.ParseError as error:
        raise ValueError(f"nvidia-smi printed no XML: {error}") from error
    return tuple(_gpu(index, gpu) for index, gpu in enumerate(root.iter("gpu")))


def _gpu(index: int, gpu: ElementTree.Element) -> Gpu:
    def text(path: str) -> str:
        found = gpu.find(path)
        return "" if found is None or not found.text else found.text.strip()

    return Gpu(
        index=index,
        bus=gpu.get("id", ""),
        name=text("product_name"),
        memory=(_number(text("fb_memory_usage/total")) or 0) * MIB,
        used=(_number(text("fb_memory_usage/used")) or 0) * MIB,
        temperature=_number(text("temperature/gpu_temp")),
        clock=_number(text("clocks/sm_clock")),
        max_clock=_number(text("max_clocks/sm_clock")),
        slowdowns=tuple(_slowdowns(gpu)),
        ecc_errors=_ecc(gpu),
        pending="Yes"
        in (
            text("remapped_rows/remapped_row_pending"),
            text("retired_pages/pending_retirement"),
            text("retired_pages/pending_blacklist"),
        ),
        processes=tuple(
            GpuProcess(
                int(each.findtext("pid", "0")),
                each.findtext("process_name", ""),
                (_number(each.findtext("used_memory", "")) or 0) * MIB,
            )
            for each in gpu.iter("process_info")
        ),
    )


def _slowdowns(gpu: ElementTree.Element) -> Iterator[str]:
    """Those that hold now; one that says more exactly why stands for hw_slowdown."""
    active = {
        name
        for kind in ("clocks_event_reason", "clocks_throttle_reason")
        for name in HELD_DOWN
        if (gpu.findtext(f"{kind}s/{kind}_{name}") or "").strip() == "Active"
    }
    exact = active - {"hw_slowdown"}
    yield from sorted(exact or active)


def _ecc(gpu: ElementTree.Element) -> int | None:
    """Uncorrected since the driver was loaded; None where the GPU counts none."""
    volatile = gpu.find("ecc_errors/volatile")
    if volatile is None:
        return None
    total = None
    for each in volatile.iter():
        # sram_uncorrectable and dram_uncorrectable since Turing, the former in two parts since
        # driver 535 (_parity and _secded); before them double_bit/total.
        counted = "uncorrectable" in each.tag
        if counted and (number := _number(each.text or "")) is not None:
            total = (total or 0) + number
    if total is None:
        return _number((volatile.findtext("double_bit/total") or "").strip())
    return total


def _number(text: str) -> int | None:
    """`81559 MiB`, `35 C`, `1980 MHz`; None of `N/A`."""
    found = re.match(r"\d+", text.strip())
    return int(found[0]) if found else None


def xids(log: str) -> tuple[Xid, ...]:
    """Of the kernel's log, the oldest first."""
    return tuple(
        Xid(match["bus"], int(match["number"]), match["text"].strip())
        for match in _XID.finditer(log)
    )
