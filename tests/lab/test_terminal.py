"""dsk in a terminal: what it asks, and what Ctrl-C means there."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pexpect
import pytest
from hosts import Lab
from tests.lab.cluster import Cluster
from tests.lab.test_jobs import LONG, job_state, running_job

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

START_S = 180
ANSWER_S = 60
QUESTION = "stop the job, or detach"


@contextmanager
def terminal(cluster: Cluster, *words: str, term: str = "dumb") -> Iterator[Any]:
    """dsk with a terminal of its own; killed at the end where it still runs."""
    program, *arguments = cluster.argv(*words)
    child = pexpect.spawn(
        program,
        arguments,
        cwd=str(cluster.folder),
        env={**os.environ, "TERM": term},
        encoding="utf-8",
        timeout=ANSWER_S,
        dimensions=(40, 200),
    )
    try:
        yield child
    finally:
        child.close(force=True)


def exit_code(child: Any) -> int:
    child.expect(pexpect.EOF)
    child.wait()
    return int(child.exitstatus)


@pytest.fixture
def stopped_after(cluster: Cluster) -> Iterator[None]:
    yield
    cluster.dsk("stop", code=None)


@pytest.mark.usefixtures("stopped_after")
def test_ctrl_c_asks_and_detaching_lets_the_job_go_on(cluster: Cluster) -> None:
    with terminal(cluster, "launch", cluster.train(**LONG)) as child:
        child.expect("'loss'", timeout=START_S)
        child.sendintr()
        child.expect(QUESTION)
        child.sendline("d")
        child.expect("the job continues; follow it with: dsk logs -f")
        assert exit_code(child) == 0
    job = running_job(cluster)
    assert cluster.processes_of(job)

    with terminal(cluster, "logs", "-f") as child:
        child.expect("'loss'")
        child.sendintr()
        exit_code(child)
    assert cluster.processes_of(job), "Ctrl-C in `dsk logs` is not the job's"
    cluster.dsk("stop")
    assert cluster.processes_of(job) == []


@pytest.mark.usefixtures("stopped_after")
def test_ctrl_c_twice_stops(cluster: Cluster) -> None:
    with terminal(cluster, "launch", cluster.train(**LONG)) as child:
        child.expect("'loss'", timeout=START_S)
        child.sendintr()
        child.expect(QUESTION)
        child.sendintr()
        assert exit_code(child) == 130
    job = running_job(cluster)
    assert cluster.processes_of(job) == []
    assert job_state(cluster, job) == "stopped"


@pytest.mark.usefixtures("stopped_after")
def test_a_terminal_that_is_closed_leaves_the_job_running(cluster: Cluster) -> None:
    with terminal(cluster, "launch", cluster.train(**LONG)) as child:
        child.expect("'loss'", timeout=START_S)
        child.kill(signal.SIGHUP)
    job = running_job(cluster)
    assert cluster.processes_of(job)
    cluster.dsk("stop")


@pytest.mark.usefixtures("stopped_after")
def test_an_output_that_is_closed_leaves_the_job_running_and_says_so(cluster: Cluster) -> None:
    launch = shlex.join(cluster.argv("launch", cluster.train(**LONG)))
    done = subprocess.run(
        ["bash", "-c", f"{launch} | grep -m 1 \"'loss'\"; exit ${{PIPESTATUS[0]}}"],
        cwd=cluster.folder,
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    job = running_job(cluster)
    assert done.returncode == 141
    assert f"dsk logs -f {job}   stop it with: dsk stop {job}" in done.stderr
    assert cluster.processes_of(job)


def test_a_new_host_key_is_shown_and_asked_for(lab: Lab, small: Cluster) -> None:
    with terminal(small, "up") as child:
        for node in lab.nodes:
            child.expect(rf"the host key of \S*{node.host}\S* is \S+ SHA256:\S+")
            child.expect("is that the server's own")
            child.sendline("n")
        assert exit_code(child) == 3
    with terminal(small, "up") as child:
        for _ in lab.nodes:
            child.expect("is that the server's own")
            child.sendline("y")
        child.expect("2 of 2 nodes are up", timeout=START_S)
        assert exit_code(child) == 0
