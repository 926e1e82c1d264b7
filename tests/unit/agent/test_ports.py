"""Ports for the rendezvous of jobs that start on one node at about the same time."""

from __future__ import annotations

import subprocess
import sys

from dsk.agent.ports import free_port

HOST = "127.0.0.1"
JOB = """
import sys
from dsk.agent.node import Node
from dsk.wire.operations import ReservePort
node = Node("/nowhere", "j")
print(node.reserve_port(ReservePort("127.0.0.1")), flush=True)
for _ in sys.stdin:
    print(node.reserve_port(ReservePort("127.0.0.1")), flush=True)
"""


def start_job() -> tuple[subprocess.Popen[str], int]:
    """An agent's process, and the port that its job gets."""
    process = subprocess.Popen(
        [sys.executable, "-c", JOB], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    return process, int(process.stdout.readline())


def end(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=30)


def test_jobs_that_start_together_get_different_ports() -> None:
    first, port = start_job()
    second, other = start_job()
    try:
        assert free_port(HOST) <= port, "nothing listens on either of them yet"
        assert other > port
    finally:
        end(first)
        end(second)
    third, again = start_job()
    end(third)
    assert again == port, "a job that has ended holds none, even where it was killed"


def test_the_next_attempt_gets_another_port_and_gives_up_the_last_one() -> None:
    first, port = start_job()
    assert first.stdin and first.stdout
    first.stdin.write("again\n")
    first.stdin.flush()
    again = int(first.stdout.readline())
    second, other = start_job()
    end(first)
    end(second)
    assert again > port, "what is late may still connect to the last one"
    assert other == port
