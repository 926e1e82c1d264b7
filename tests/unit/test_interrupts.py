"""Tests that press Ctrl-C work however pytest was started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SEEN_BY_CHILDREN = """
import subprocess, sys
import tests.conftest
child = "import signal; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
subprocess.run([sys.executable, "-c", child], check=True)
"""


def test_programs_that_tests_start_do_not_ignore_sigint() -> None:
    done = subprocess.run(
        ["env", "--ignore-signal=INT", sys.executable, "-c", SEEN_BY_CHILDREN],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "False\n"
