"""From the master's worker to every worker, its own too, with the cluster's key."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

CONNECT_S = 5
LIMIT_S = 8.0
AT_ONCE = 16
TIMED_OUT = 124


def log_in(hosts: Sequence[str]) -> dict[str, tuple[int, str]]:
    """How `ssh HOST true` ended, and what it said."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(hosts, pool.map(_log_in, hosts), strict=True))


def _log_in(host: str) -> tuple[int, str]:
    argv = ["ssh", "-T", "-n", "-o", f"ConnectTimeout={CONNECT_S}", "--", host, "true"]
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return TIMED_OUT, f"did not end within {LIMIT_S:g} s"
    return done.returncode, done.stderr.strip()
