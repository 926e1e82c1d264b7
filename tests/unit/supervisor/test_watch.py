"""A node over a real sshd, with a real agent: connections that break, an agent that is gone."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dsk.supervisor import watch
from dsk.supervisor.heard import Heard, Lines, Lost, RankEnded, Reach
from dsk.supervisor.place import MADE_BY_UP
from dsk.supervisor.watch import Watch
from dsk.supervisor.worker import Worker
from dsk.wire import paths
from dsk.wire.jobspec import JobNode
from tests.unit.agent import conftest as of_agent
from tests.unit.agent.peers import JOB, Agent, start
from tests.unit.connect import conftest as of_connect
from tests.unit.connect.conftest import Sshd

run_folder = of_agent.run_folder
sshd = of_connect.sshd

BRIDGE = """import sys
from pathlib import PurePosixPath
from dsk.agent import daemon
from dsk.wire import paths, session
paths.AGENTS = PurePosixPath({folder!r})
try:
    daemon.bridge({job!r})
except OSError as error:
    print("no agent", file=sys.stderr)
    sys.exit(session.NO_AGENT)
"""
COUNT = "import time\nfor number in range({lines}): print(number); time.sleep(0.01)"


@pytest.fixture
def agent(tmp_path: Path, run_folder: Path) -> Iterator[Agent]:
    made = Agent(tmp_path / "w", lease=60)
    yield made
    made.end()


@pytest.fixture
def worker(agent: Agent, sshd: Sshd, tmp_path: Path) -> Iterator[Worker]:
    shutil.copy(sshd.target.key or "", tmp_path / "key")
    shutil.copy(sshd.known_hosts, tmp_path / "known_hosts")
    config = tmp_path / "config"
    config.write_text(
        f"Port {sshd.target.port}\nUser {sshd.target.user}\nIdentityFile {tmp_path}/key\n"
        f"UserKnownHostsFile {tmp_path}/known_hosts\nBatchMode yes\nLogLevel ERROR\n"
    )
    program = tmp_path / "bridge.py"
    program.write_text(BRIDGE.format(folder=str(paths.AGENTS), job=JOB))
    command = [sys.executable, str(program)]
    node = JobNode(1, "127.0.0.1", (0,), 1)
    made = Worker(node, config, command, again=command, remedies=MADE_BY_UP)
    yield made
    made.lost = True
    made.close()


def hear(heard: queue.Queue[Heard], kind: type[Heard], limit: float = 60.0) -> list[Heard]:
    """All up to the first of that kind."""
    found: list[Heard] = []
    deadline = time.monotonic() + limit
    while not found or not isinstance(found[-1], kind):
        found.append(heard.get(timeout=max(0.1, deadline - time.monotonic())))
    return found


def test_every_line_comes_once_over_whatever_connection(agent: Agent, worker: Worker) -> None:
    heard: queue.Queue[Heard] = queue.Queue()
    start(agent.connect(), COUNT.format(lines=300))
    watched = Watch(worker, heard.put)
    found = hear(heard, Lines)
    for _ in range(2):
        worker._connection._process.kill()
        found += hear(heard, Lines)
    found += hear(heard, RankEnded)
    watched.catch_up(10)
    while not heard.empty():
        found.append(heard.get())
    watched.stop()
    lines = [line for each in found if isinstance(each, Lines) for _, line in each.lines]
    assert lines == [str(number) for number in range(300)]
    ended = [each for each in found if isinstance(each, RankEnded)]
    assert [(each.rank, each.code) for each in ended] == [(0, 0)]


def test_an_agent_that_is_gone_is_known_at_once(agent: Agent, worker: Worker) -> None:
    heard: queue.Queue[Heard] = queue.Queue()
    agent.connect().ask("lock")
    watched = Watch(worker, heard.put)
    os.kill(agent.pid, signal.SIGKILL)
    lost = hear(heard, Lost)[-1]
    watched.stop()
    assert isinstance(lost, Lost)
    assert "the worker of node1 (127.0.0.1) was restarted" in lost.why
    assert worker.lost


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> float:
    """Seconds that a node takes over `missing`, more than the watch waits for an answer."""
    monkeypatch.setattr(watch, "NEWS_WAIT_S", 0.5)
    monkeypatch.setattr(watch, "ANSWER_LIMIT_S", 2.0)

    def missing_slowly(needed: Any) -> Any:
        time.sleep(4.0)
        return needed

    monkeypatch.setattr("dsk.agent.session.missing", missing_slowly)
    return 4.0


def test_a_question_that_takes_long_does_not_cost_the_connection(
    slow: float, agent: Agent, worker: Worker
) -> None:
    heard: queue.Queue[Heard] = queue.Queue()
    agent.connect().ask("lock")
    worker.ask("marker", name="n", action="look")  # logged in
    watched = Watch(worker, heard.put)
    assert worker.ask("missing", needed=["x"], limit=5 * slow) == ["x"]
    watched.stop()
    told = [heard.get() for _ in range(heard.qsize())]
    assert not [each for each in told if isinstance(each, Reach | Lost)]


def test_a_node_that_does_not_answer_is_given_up(
    agent: Agent, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SILENT_LIMIT_S", 4.0)
    monkeypatch.setattr(watch, "ANSWER_LIMIT_S", 3.0)
    heard: queue.Queue[Heard] = queue.Queue()
    agent.connect().ask("lock")
    watched = Watch(worker, heard.put)
    os.kill(agent.pid, signal.SIGSTOP)
    lost = hear(heard, Lost)[-1]
    watched.stop()
    os.kill(agent.pid, signal.SIGCONT)
    assert isinstance(lost, Lost)
    assert "node1 (127.0.0.1) was not heard for 4 s" in lost.why
