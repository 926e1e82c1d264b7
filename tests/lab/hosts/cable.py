"""A long cable in user space: two TAP interfaces; what goes into one leaves the other later.

For kernels without netem. A TAP interface takes no large or half-checksummed frames, as veth pairs
do among themselves: the kernel finishes them first. Run as a program in the switch's namespace:

    cable.py SWITCH_PID NEAR FAR SECONDS

makes both interfaces, says "ready", and ends when one of them is deleted or the switch ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import struct
import sys
import time
from collections import deque

# linux/if_tun.h
TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000

FRAME_BYTES = 65536
MAX_FRAMES = 20_000
"""On their way in one direction; as on a real line, what comes on top is lost."""


class Direction:
    """What is under way from one end to the other."""

    def __init__(self, source: int, target: int, delay: float) -> None:
        self.source = source
        self._target = target
        self._delay = delay
        self._frames: deque[tuple[float, bytes]] = deque()

    @property
    def due(self) -> float | None:
        """When the next frame arrives, by the monotonic clock."""
        return self._frames[0][0] if self._frames else None

    def take(self) -> None:
        frame = os.read(self.source, FRAME_BYTES)
        if len(self._frames) < MAX_FRAMES:
            self._frames.append((time.monotonic() + self._delay, frame))

    def deliver(self) -> None:
        while self._frames and self._frames[0][0] <= time.monotonic():
            _, frame = self._frames.popleft()
            try:
                os.write(self._target, frame)
            except OSError as error:
                if error.errno != errno.EIO:  # that end is down
                    raise


def tap(name: str) -> int:
    """A new TAP interface, gone when its descriptor is closed."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return descriptor


def main(switch_pid: str, near: str, far: str, seconds: str) -> None:
    switch = os.pidfd_open(int(switch_pid))
    ends = tap(near), tap(far)
    directions = [Direction(*pair, float(seconds)) for pair in (ends, ends[::-1])]
    print("ready", flush=True)
    while True:
        dues = [each.due for each in directions if each.due is not None]
        wait = max(0.0, min(dues) - time.monotonic()) if dues else None
        readable, _, _ = select.select([switch, *ends], [], [], wait)
        if switch in readable:
            return
        try:
            for each in directions:
                if each.source in readable:
                    each.take()
                each.deliver()
        except OSError as error:
            if error.errno in (errno.EBADFD, errno.EFAULT):  # deleted; EFAULT: just now
                return
            raise


if __name__ == "__main__":
    main(*sys.argv[1:])
