"""Whether a fork of this process can use the GPU.

Tried, and not derived: torch.cuda.is_initialized() knows torch's own calls alone, and some versions
of torch load the driver's library without initialising it.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from dsk.text import Text

LIMIT_S = 60.0


def problem_of_a_fork() -> Text | None:
    """Let a child compute on the GPU; what went wrong, None where nothing did."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            torch = sys.modules["torch"]
            total = float(torch.ones(1000, device="cuda").sum())
            code = 0 if total == 1000.0 else 2
        finally:
            os._exit(code)
    deadline = time.monotonic() + LIMIT_S
    while (status := os.waitpid(child, os.WNOHANG))[0] == 0:
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            text = Text("a forked process did not finish a CUDA operation within {limit:.0f} s")
            return text.filled(limit=LIMIT_S)
        time.sleep(0.05)
    code = os.waitstatus_to_exitcode(status[1])
    text = Text("a CUDA operation in a forked process failed (exit code {code})")
    return text.filled(code=code) if code else None
