"""What a process hands on to a child by itself: a fork can only stand for a start by the agent
where the agent would hand on the same."""

from __future__ import annotations

import os
import pwd
import resource
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
STATUS = (
    *("Uid", "Gid", "Groups", "Umask", "SigBlk", "SigIgn", "Cpus_allowed", "Mems_allowed"),
    *("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"),
)
"""Lines of /proc/PID/status (proc(5))."""
ALIAS = "RLIMIT_OFILE"
"""BSD's name of RLIMIT_NOFILE."""
IGNORED_BY_PYTHON = (13, 25)
"""SIGPIPE and SIGXFSZ, which every Python ignores, and lets no child inherit."""
LIMITS = tuple(name for name in dir(resource) if name.startswith("RLIMIT_") and name != ALIAS)


def take_groups() -> None:
    """Those that sshd gives a login of this user (sshd(8)): whoever started the container may have
    given it others, and a rank with other groups cannot be forked."""
    user = pwd.getpwuid(os.geteuid())
    # Without the right to change them they are those of the container, in a login too.
    with suppress(PermissionError):
        os.initgroups(user.pw_name, user.pw_gid)


def of(pid: int) -> dict[str, str]:
    """By name, as text to compare. Raises OSError where the process cannot be read."""
    place = PROC / str(pid)
    lines = (line.partition(":") for line in (place / "status").read_text().splitlines())
    found = {name: value.strip() for name, _, value in lines if name in STATUS}
    found["SigIgn"] = f"{int(found['SigIgn'], 16) & ~_bits(IGNORED_BY_PYTHON):x}"
    for name in LIMITS:
        found[name] = str(resource.prlimit(pid, getattr(resource, name)))
    found["nice"] = str(os.getpriority(os.PRIO_PROCESS, pid))
    found["oom_score_adj"] = (place / "oom_score_adj").read_text().strip()
    found["cgroup"] = (place / "cgroup").read_text().strip()
    for space in sorted((place / "ns").iterdir()):
        found[f"namespace {space.name}"] = str(space.readlink())
    return found


def differing(pid: int) -> list[str]:
    """The names of what this process hands on and `pid` does not, or otherwise."""
    ours, theirs = of(os.getpid()), of(pid)
    return sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))


def _bits(signals: tuple[int, ...]) -> int:
    return sum(1 << (number - 1) for number in signals)
