"""RDMA devices, as the kernel shows them."""

from __future__ import annotations

from pathlib import Path

from dsk.wire.measure import InfiniBand

SYS = Path("/sys/class/infiniband")
DEVICE_FILES = Path("/dev/infiniband")


def ports(node: int, sys: Path = SYS, device_files: Path = DEVICE_FILES) -> list[InfiniBand]:
    """Every port of every device."""
    handed_in = any(device_files.glob("uverbs*"))
    return [
        InfiniBand(
            node,
            device=port.parent.parent.name,
            port=int(port.name),
            state=_read(port / "state"),
            rate=_read(port / "rate"),
            layer=_read(port / "link_layer"),
            handed_in=handed_in,
        )
        for port in sorted(sys.glob("*/ports/*"))
    ]


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
