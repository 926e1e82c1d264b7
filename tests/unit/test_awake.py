"""A clock that stops with its process, in a process that is really stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.long
STOPPED_S = 3.0
PROGRAM = """
import sys, threading, time
from dsk import awake
def both():
    print(time.monotonic(), awake.now(), flush=True)
both()
for _ in sys.stdin:
    both()
"""


def test_it_stops_while_the_process_is_stopped() -> None:
    words = [sys.executable, "-c", PROGRAM]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, bufsize=1) as process:
        assert process.stdin and process.stdout

        def ask() -> tuple[float, float]:
            assert process.stdin and process.stdout
            process.stdin.write("\n")
            real, awake = process.stdout.readline().split()
            return float(real), float(awake)

        process.stdout.readline()
        time.sleep(1.5)
        real, awake = ask()
        os.kill(process.pid, signal.SIGSTOP)
        # Asked while it is stopped: the answer comes at the very moment when it goes on.
        process.stdin.write("\n")
        time.sleep(STOPPED_S)
        os.kill(process.pid, signal.SIGCONT)
        at_once = [float(word) for word in process.stdout.readline().split()]
        time.sleep(1.0)
        later = ask()
        process.stdin.close()
    assert at_once[0] - real >= STOPPED_S
    assert at_once[1] - awake < STOPPED_S - 1.0
    assert later[0] - real >= STOPPED_S + 1.0
    assert 0.9 < later[1] - awake < later[0] - real - (STOPPED_S - 1.5)


def test_it_runs_with_time_otherwise_and_in_a_forked_process() -> None:
    program = (
        "import os, time\nfrom dsk import awake\nawake.now()\npid = os.fork()\n"
        "begin = awake.now()\ntime.sleep(1.5)\npassed = awake.now() - begin\n"
        "assert 1.4 < passed < 20, passed\n"
        "if pid: assert os.waitpid(pid, 0)[1] == 0"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True, timeout=30)
