"""Which nodes' workspaces are nearly full. Pure: what nodes report goes in."""

from __future__ import annotations

from dsk.wire.figures import LOW_DISK_BYTES, HostFigures

ROOMY_BYTES = 2 * LOW_DISK_BYTES
"""From here on a disk counts as roomy again: one at the limit is not reported at every save."""


class LowDisks:
    def __init__(self) -> None:
        self._low: set[int] = set()

    def became_low(self, node: int, host: HostFigures) -> bool:
        """Return whether the node's disk has fallen below LOW_DISK_BYTES since it was roomy."""
        free = host.disk_free
        if free is None:
            return False
        if free >= ROOMY_BYTES:
            self._low.discard(node)
        if free >= LOW_DISK_BYTES or node in self._low:
            return False
        self._low.add(node)
        return True
