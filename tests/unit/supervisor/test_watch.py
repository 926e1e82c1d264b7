"""A node over a real sshd, with a real agent: connections that break, an agent that is gone."""

from __future__ import annotations

import os
import queue
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dsk.agent import aftermath, processes
from dsk.supervisor import watch
from dsk.supervisor.heard import Heard, Lines, Lost, RankEnded, Reach, Reported
from dsk.supervisor.runtime import MADE_BY_UP
from dsk.supervisor.watch import Watch
from dsk.supervisor.worker import Worker
from dsk.text import Text
from dsk.wire import paths
from dsk.wire.jobspec import JobNode, Needed
from dsk.wire.operations import FindMissing, Marker, TakeLock
from dsk.wire.session import NO_AGENT
from tests.texts import en
from tests.unit.agent import conftest as of_agent
from tests.unit.agent.peers import JOB, Agent, program, start, start_ranks
from tests.unit.connect import conftest as of_connect
from tests.unit.connect.conftest import Sshd

pytestmark = pytest.mark.long
run_folder = of_agent.run_folder
sshd = of_connect.sshd

LINES = 400
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
    command = [*program(tmp_path), "job", "--job", JOB, "--workspace", str(agent.workspace)]
    node = JobNode(1, "127.0.0.1", (0,), 1)
    made = Worker(node, config, command, again=command, remedies=MADE_BY_UP)
    yield made
    made.lost = True
    made.close()


def watching(worker: Worker, heard: queue.Queue[Heard], attempt: int = 0) -> Watch:
    made = Watch(worker)
    made.begin_attempt(attempt, heard.put)
    return made


def hear(heard: queue.Queue[Heard], kind: type[Heard], limit: float = 60.0) -> list[Heard]:
    """All up to the first of that kind."""
    found: list[Heard] = []
    deadline = time.monotonic() + limit
    while not found or not isinstance(found[-1], kind):
        found.append(heard.get(timeout=max(0.1, deadline - time.monotonic())))
    return found


def lines_of(heard: list[Heard]) -> list[str]:
    return [line for each in heard if isinstance(each, Lines) for _, line in each.lines]


def test_every_line_comes_once_over_whatever_connection(agent: Agent, worker: Worker) -> None:
    heard: queue.Queue[Heard] = queue.Queue()
    start(agent.connect(), COUNT.format(lines=LINES))
    watched = watching(worker, heard)
    found = hear(heard, Lines)
    for _ in range(2):
        worker._connection._process.kill()
        found += hear(heard, Lines)
    found += hear(heard, RankEnded)
    while lines_of(found)[-1] != str(LINES - 1):
        found += hear(heard, Lines)
    watched.stop()
    assert lines_of(found) == [str(number) for number in range(LINES)]
    ended = [each for each in found if isinstance(each, RankEnded)]
    assert [(each.rank, each.code) for each in ended] == [(0, 0)]


def test_an_agent_that_is_gone_is_known_at_once_and_how_it_ended(
    agent: Agent, worker: Worker
) -> None:
    heard: queue.Queue[Heard] = queue.Queue()
    start(agent.connect(), "import time; time.sleep(60)")
    watched = watching(worker, heard)
    hear(heard, Reported)
    os.kill(agent.pid, signal.SIGKILL)
    lost = hear(heard, Lost, limit=30)[-1]
    watched.stop()
    assert isinstance(lost, Lost)
    assert en(lost.why) == f"node1 (127.0.0.1): {en(aftermath.KILLED)}"
    assert worker.lost
    assert processes.ranks_of_job(JOB) == {}


def test_each_attempt_is_told_of_itself_alone(agent: Agent, worker: Worker) -> None:
    first: queue.Queue[Heard] = queue.Queue()
    second: queue.Queue[Heard] = queue.Queue()
    start(agent.connect(), "print('first')")
    watched = watching(worker, first)
    found = hear(first, RankEnded)
    watched.begin_attempt(1, second.put)
    start_ranks(agent.connect(), "print('second'); raise SystemExit(3)", attempt=1)
    found_then = hear(second, RankEnded)
    watched.catch_up(5.0)
    watched.stop()
    for told in (found, found_then):
        assert [each.rank for each in told if isinstance(each, RankEnded)] == [0]
    assert (lines_of(found), lines_of(found_then)) == (["first"], ["second"])
    assert isinstance(found_then[-1], RankEnded) and found_then[-1].code == 3


def test_a_node_that_was_lost_before_is_told_to_the_next_attempt(
    agent: Agent, worker: Worker
) -> None:
    first: queue.Queue[Heard] = queue.Queue()
    second: queue.Queue[Heard] = queue.Queue()
    start(agent.connect(), "import time; time.sleep(60)")
    watched = watching(worker, first)
    hear(first, Reported)
    os.kill(agent.pid, signal.SIGKILL)
    lost = hear(first, Lost, limit=30)[-1]
    watched.begin_attempt(1, second.put)
    watched.stop()
    assert second.get(timeout=1) == lost


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> float:
    """Seconds that a node takes over `FindMissing`, more than the watch waits for an answer."""
    monkeypatch.setattr(watch, "NEWS_WAIT_S", 0.5)
    monkeypatch.setattr(watch, "ANSWER_LIMIT_S", 2.0)

    def missing_slowly(_: Any) -> tuple[Text, ...]:
        time.sleep(4.0)
        return ()

    monkeypatch.setattr("dsk.agent.needed.missing", missing_slowly)
    return 4.0


def test_a_question_that_takes_long_does_not_cost_the_connection(
    slow: float, agent: Agent, worker: Worker
) -> None:
    heard: queue.Queue[Heard] = queue.Queue()
    agent.connect().ask(TakeLock())
    worker.ask(Marker("n", "look"))  # logged in
    watched = watching(worker, heard)
    assert worker.ask(FindMissing((Needed("x"),)), limit=5 * slow) == ()
    watched.stop()
    told = [heard.get() for _ in range(heard.qsize())]
    assert not [each for each in told if isinstance(each, Reach | Lost)]


def test_a_node_that_does_not_answer_is_given_up(
    agent: Agent, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "ANSWER_LIMIT_S", 3.0)
    # The third question is asked after STALE_S of dsk.agent.aftermath, when an agent is known to
    # hang.
    monkeypatch.setattr(watch, "LOGIN_LIMIT_S", 3.0)
    monkeypatch.setattr(watch, "SILENT_LIMIT_S", 9.0)
    heard: queue.Queue[Heard] = queue.Queue()
    agent.connect().ask(TakeLock())
    worker.ask(Marker("n", "look"))
    watched = watching(worker, heard)
    os.kill(agent.pid, signal.SIGSTOP)
    lost = hear(heard, Lost)[-1]
    watched.stop()
    assert isinstance(lost, Lost)
    assert "node1 (127.0.0.1) was not heard for 9 s" in en(lost.why)
    assert en(lost.why).endswith("it was stopped by a signal)")


FIRST_LOGIN_S = 4.0


@pytest.fixture
def slow_login(agent: Agent, worker: Worker, tmp_path: Path) -> Iterator[Worker]:
    """A worker whose first login takes longer than any later answer may. Its agent is there only
    after that, as `dsk-agent job --start` would start it."""
    config, bridge = worker._ssh_config, shlex.join(worker._again or [])
    started = tmp_path / "started"
    first = f"sleep {FIRST_LOGIN_S}; touch {started}; exec {bridge}"
    later = f"test -e {started} || exit {NO_AGENT}; exec {bridge}"
    made = Worker(worker.node, config, [first], again=[later], remedies=MADE_BY_UP)
    yield made
    made.lost = True
    made.close()


def test_a_first_login_may_take_long(slow_login: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "ANSWER_LIMIT_S", FIRST_LOGIN_S / 2)
    monkeypatch.setattr(watch, "LOGIN_LIMIT_S", FIRST_LOGIN_S / 2)
    heard: queue.Queue[Heard] = queue.Queue()
    watched = watching(slow_login, heard)
    began = time.monotonic()
    assert slow_login.ask(Marker("n", "look"), limit=1.0) is False
    assert time.monotonic() - began >= FIRST_LOGIN_S
    watched.stop()
    told = [heard.get() for _ in range(heard.qsize())]
    assert not [each for each in told if isinstance(each, Reach | Lost)]
    assert not slow_login.lost


def test_where_no_ssh_can_be_started_the_node_is_lost_like_any_other(
    agent: Agent, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SILENT_LIMIT_S", 2.0)
    heard: queue.Queue[Heard] = queue.Queue()
    agent.connect().ask(TakeLock())
    worker.ask(Marker("n", "look"))
    watched = watching(worker, heard)
    monkeypatch.setenv("PATH", "/nowhere")
    worker._connection._process.kill()
    lost = hear(heard, Lost)[-1]
    watched.stop()
    assert isinstance(lost, Lost) and "was not heard for 2 s (ssh cannot be started" in en(lost.why)


def test_whatever_goes_wrong_in_it_a_watch_does_not_end_in_silence(
    agent: Agent, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("lines")

    monkeypatch.setattr(Watch, "_take", broken)
    heard: queue.Queue[Heard] = queue.Queue()
    watched = watching(worker, heard)
    lost = hear(heard, Lost)[-1]
    watched.stop()
    assert isinstance(lost, Lost) and "node1 (127.0.0.1) can no longer be watched" in en(lost.why)
    assert "KeyError: 'lines'" in en(lost.why)


PAUSED_S = 6.0
SUPERVISOR = """
import io, sys
from dataclasses import replace
from pathlib import Path
from dsk.agent import aftermath, processes
from dsk.supervisor import watch
from dsk.supervisor.inbox import Inbox
from dsk.supervisor.listener import Listener
from dsk.supervisor.runtime import MADE_BY_UP
from dsk.supervisor.record import Record
from dsk.supervisor.watch import Watch
from dsk.supervisor.worker import Worker
from dsk.wire.jobspec import JobNode
from dsk.wire.session import NO_AGENT
from dsk.wire.status import JobStatus
from tests.unit.wire.test_messages import SPEC
watch.SILENT_LIMIT_S, watch.ANSWER_LIMIT_S = 4.0, 3.0
config, *command = sys.argv[1:]
node = JobNode(1, "127.0.0.1", (0,), 1)
worker = Worker(node, Path(config), command, again=command, remedies=MADE_BY_UP)
inbox = Inbox()
Watch(worker).begin_attempt(0, inbox.put)
spec = replace(SPEC, nodes=(node,), limits={"loading": 5.0, "training": 5.0})
status = JobStatus("j", "lab", "starting", (), 1, 1.0, 1.0, "/nowhere")
record = Record(status, io.FileIO(1, "wb", closefd=False))
found = Listener(spec, record, inbox).watch()
record.close()
print("FOUND", found)
"""
TRAINS = """
import json, pathlib, time
path = pathlib.Path({path!r})
for step in range(1, 120):
    said = dict(phase="training", ticks=step, at=1.0, step=step, steps=119)
    path.with_suffix(".new").write_text(json.dumps(said))
    path.with_suffix(".new").rename(path)
    time.sleep(0.1)
"""


def test_a_supervisor_that_was_stopped_asks_again_before_it_judges(
    agent: Agent, worker: Worker
) -> None:
    start(agent.connect(), TRAINS.format(path=str(paths.progress(JOB, 0))))
    command = [sys.executable, "-c", SUPERVISOR, str(worker._ssh_config), *(worker._again or [])]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout
        while "the ranks are running" not in supervisor.stdout.readline():
            assert supervisor.poll() is None
        children = Path(f"/proc/{supervisor.pid}/task/{supervisor.pid}/children").read_text()
        # As docker pause does: ssh too.
        stopped = [supervisor.pid, *map(int, children.split())]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(PAUSED_S)
        for pid in reversed(stopped):
            os.kill(pid, signal.SIGCONT)
        out = supervisor.stdout.read()
    assert out.splitlines()[-1] == "FOUND None", out
