"""How fast the network of an address is, as its driver says."""

from __future__ import annotations

import subprocess
from pathlib import Path

INTERFACES = Path("/sys/class/net")
FAST_MBIT_S = 10_000
"""From here on unpacking is what a node waits for (docs/decisions/0008-image-sync.md)."""


def is_fast(address: str) -> bool:
    """False also where the speed is unknown, as it is of most virtual machines."""
    listing = subprocess.run(
        ["ip", "-o", "-4", "address", "show", "to", address],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    # `2: eth0    inet 10.88.0.11/24 …`; none for another host's address.
    words = listing.stdout.split()
    if len(words) < 2:
        return False
    return speed_mbit_s(INTERFACES / words[1]) >= FAST_MBIT_S


def speed_mbit_s(interface: Path) -> int:
    """As its driver says, below 1 where it knows none. `interface` is its folder in INTERFACES."""
    # A virtual cable (veth) always says 10000: only a card, or what stands on one, knows.
    if not (interface / "device").exists() and not any(interface.glob("lower_*")):
        return 0
    try:
        return int((interface / "speed").read_text())
    except (OSError, ValueError):  # or the link is down
        return 0
