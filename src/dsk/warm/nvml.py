"""NVIDIA's management library in the warm process: ended before the first fork.

torch and DeepSpeed initialise it when they are imported, and never end it. Its thread and its open
device files would otherwise reach every fork, the thread as memory alone.
"""

from __future__ import annotations

import ctypes
import os

LIBRARY = "libnvidia-ml.so.1"
UNINITIALIZED = 1
"""NVML_ERROR_UNINITIALIZED (nvml.h)."""
MOST = 100


def end() -> int:
    """How often it had been initialised: it counts, and ends with as many calls."""
    try:
        library = ctypes.CDLL(LIBRARY, mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
    except OSError:  # nothing has loaded it
        return 0
    count = ctypes.c_uint()
    for number in range(MOST):
        # Its end says nothing about how many are left: some versions accept any number of calls.
        if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) == UNINITIALIZED:
            return number
        library.nvmlShutdown()
    return MOST


def begin(times: int) -> None:
    """In a fork, what `end` has undone: DeepSpeed asks the library without initialising it."""
    if times:
        library = ctypes.CDLL(LIBRARY)
        for _ in range(times):
            library.nvmlInit_v2()
