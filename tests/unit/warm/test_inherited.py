"""What a process hands on, compared with what another one does."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dsk.warm import inherited

WAITS = "import sys; print(flush=True); sys.stdin.read()"


def differing(prepare: str) -> list[str]:
    with subprocess.Popen(
        [sys.executable, "-c", f"import os, resource, signal\n{prepare}\n{WAITS}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout
        other.stdout.readline()
        return inherited.differing(other.pid)


def test_a_child_hands_on_the_same() -> None:
    assert differing("") == []


def test_every_difference_is_named() -> None:
    limit = "resource.setrlimit(resource.RLIMIT_NOFILE, (77, 77))"
    # Not SIGHUP: who starts the tests may ignore that, as nohup does.
    ignored = "signal.signal(signal.SIGUSR2, signal.SIG_IGN)"
    found = differing(f"os.umask(0o27); {limit}; {ignored}")
    assert found == ["RLIMIT_NOFILE", "SigIgn", "Umask"]
    if os.getpriority(os.PRIO_PROCESS, 0) < 19:  # the highest that there is
        assert differing("os.nice(1)") == ["nice"]
    if len(os.sched_getaffinity(0)) > 1:
        assert differing("os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])") == [
            "Cpus_allowed"
        ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may set groups")
def test_the_groups_are_those_of_a_login() -> None:
    code = (
        "import os; os.setgroups([7]); from dsk.warm.inherited import take_groups; take_groups();"
        "print(*sorted(os.getgroups()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(group) for group in sorted(os.getgrouplist("root", 0))]
