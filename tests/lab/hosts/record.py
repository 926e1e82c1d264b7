"""What the lab started, written down so that a later run can end it, and exactly that.

Everything a lab makes in the kernel (namespaces, links, mounts, engines, containers) lives in the
namespaces of a few processes and goes with them. So the record is these processes: pid and start
time, for a pid alone may be another's by now.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hosts.command import LabError, wait_until
from hosts.which import NAME

# One place for each of a machine's labs (their addresses are fixed), whatever DSK_LAB_DIR says.
STATE = Path("/run") / NAME
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Process:
    pid: int
    started: int
    """Field 22 of /proc/PID/stat: clock ticks since the machine's boot."""

    @classmethod
    def of(cls, pid: int) -> Process:
        started = _started(pid)
        if started is None:
            raise LabError(f"process {pid} ended before it could be written down")
        return cls(pid, started)

    def alive(self) -> bool:
        return _started(self.pid) == self.started

    def kill(self, what: str) -> None:
        """End it and, as it is process 1 of its namespace, all that run in there; at most 20 s."""
        if not self.alive():
            return
        os.kill(self.pid, signal.SIGKILL)
        wait_until(lambda: not self.alive(), f"{what} (pid {self.pid}) to end", seconds=20)


def _started(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *fields = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(fields[18])


@dataclass
class Record:
    """The processes of the lab that is up, or of what a cut-off run left."""

    folder: str
    switch: Process | None = None
    nodes: dict[int, Process] = field(default_factory=dict)
    """Process 1 of each node, by the node's number (from 1)."""

    @classmethod
    def load(cls) -> Record | None:
        """None where no lab is written down, or one of before the machine's last boot."""
        try:
            saved = json.loads((STATE / "lab.json").read_text())
        except FileNotFoundError:
            return None
        if saved.pop("boot_id") != BOOT_ID.read_text().strip():
            return None
        switch, nodes = saved.pop("switch"), saved.pop("nodes")
        return cls(
            switch=Process(**switch) if switch else None,
            nodes={int(number): Process(**process) for number, process in nodes.items()},
            **saved,
        )

    def save(self) -> None:
        STATE.mkdir(mode=0o700, exist_ok=True)
        text = json.dumps({"boot_id": BOOT_ID.read_text().strip(), **asdict(self)}, indent=1)
        new = STATE / "lab.json.new"
        new.write_text(text + "\n")
        new.replace(STATE / "lab.json")

    @staticmethod
    def forget() -> None:
        (STATE / "lab.json").unlink(missing_ok=True)


@contextmanager
def machine_lock(*, wait: float) -> Iterator[None]:
    """Hold this lab; the kernel lets go of it whatever way the holder ends.

    Raises:
        LabError: another process still held it after `wait` seconds.
    """
    STATE.mkdir(mode=0o700, exist_ok=True)
    deadline = time.monotonic() + wait
    with (STATE / "lock").open("a+") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    lock.seek(0)
                    holder = lock.read().strip()
                    raise LabError(f"the lab is in use by process {holder}") from None
                time.sleep(0.2)
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield
