"""Where each rank stands in its program, by py-spy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dsk.agent import processes
from dsk.wire.operations import RankStack

LIMIT_S = 8.0
PY_SPY = Path(sys.executable).with_name("py-spy")


def stacks(pids: Mapping[int, int | None]) -> tuple[RankStack, ...]:
    """All threads' stacks of each living rank, or why there are none."""
    alive = {rank: pid for rank, pid in pids.items() if pid and processes.stat(pid)}
    if not alive:
        return ()
    with ThreadPoolExecutor(len(alive)) as pool:
        return tuple(pool.map(lambda rank: _stack(rank, alive[rank]), sorted(alive)))


def _stack(rank: int, pid: int) -> RankStack:
    found = processes.stat(pid)
    return RankStack(rank, found.state if found else None, _dump(pid))


def _dump(pid: int) -> str:
    # Without a pause: one that is stopped already cannot be stopped and continued.
    command = [str(PY_SPY), "dump", "--nonblocking", "--pid", str(pid)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT_S,
            check=False,
        )
    except FileNotFoundError:
        return "no stack: py-spy is not in this image\n"
    except subprocess.TimeoutExpired:
        return f"no stack: py-spy did not answer within {LIMIT_S:.0f} s\n"
    return done.stdout or f"no stack: {done.stderr.strip() or done.returncode}\n"
