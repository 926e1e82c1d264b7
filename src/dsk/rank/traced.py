"""Lets the agent's py-spy look into a rank that is not root (prctl(2), PR_SET_PTRACER)."""

from __future__ import annotations

import ctypes
import os

PR_SET_PTRACER = 0x59616D61
PR_SET_PTRACER_ANY = ctypes.c_ulong(-1)


def allow() -> None:
    """Where Yama's ptrace_scope is 1, only a process's ancestors may look into it, and py-spy is
    none. After this, any process of the same user may, as it may without Yama, where this does
    nothing. A root worker has SYS_PTRACE instead."""
    if os.geteuid():
        ctypes.CDLL(None).prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)
