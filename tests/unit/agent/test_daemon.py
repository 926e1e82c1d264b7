"""A job's agent as the supervisor meets it: a process behind a socket, its ranks, its end."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dsk.agent import lock
from dsk.agent.daemon import Daemon
from dsk.wire import paths, session
from dsk.wire.news import News
from dsk.wire.progress import Progress

JOB = "20260101-120000-ab12"
LEASE_S = 1.5
PYTHON = [sys.executable, "-u", "-c"]


class Peer:
    """One connection to the agent."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(20)
        self._socket.connect(path)
        self._file = self._socket.makefile("rwb")
        self._numbers = itertools.count()

    def ask(self, op: str, **arguments: Any) -> Any:
        number = next(self._numbers)
        self._file.write(session.encode({"id": number, "op": op, **arguments}))
        self._file.flush()
        answer = session.decode(self._file.readline())
        assert answer["id"] == number
        assert "error" not in answer, answer
        return answer["result"]

    def news(
        self, offsets: dict[int, int] | None = None, *, exits: int = 0, wait: float = 5.0
    ) -> News:
        known = list((offsets or {}).items())
        raw = self.ask("news", offsets=known, exits=exits, report=10**9, wait=wait)
        return News.from_raw(raw)

    def close(self) -> None:
        self._file.close()
        self._socket.close()


class Agent:
    """The agent in a process of its own, as its ranks' parent and subreaper."""

    def __init__(self, workspace: Path, run: Path, *, lease: float) -> None:
        self.path = str(run / "agent.sock")
        self.workspace = workspace
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                from dsk.agent import processes

                processes.become_subreaper()
                Daemon(listener, str(workspace), JOB, lease=lease).serve()
            finally:
                os._exit(0)
        listener.close()
        self._peers: list[Peer] = []

    def connect(self) -> Peer:
        self._peers.append(Peer(self.path))
        return self._peers[-1]

    def wait(self, limit: float) -> None:
        """Until it has ended by itself."""
        deadline = time.monotonic() + limit
        while os.waitpid(self.pid, os.WNOHANG) == (0, 0):
            assert time.monotonic() < deadline, f"the agent is still there after {limit} s"
            time.sleep(0.05)
        self.pid = 0

    def end(self) -> None:
        for peer in self._peers:
            peer.close()
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


@pytest.fixture
def agent(tmp_path: Path, run_folder: Path) -> Iterator[Agent]:
    run_folder.mkdir()
    made = Agent(tmp_path / "w", run_folder, lease=LEASE_S)
    yield made
    made.end()


def start(peer: Peer, *codes: str, **env: str) -> None:
    """Ranks 0, 1, …, each a Python program."""
    peer.ask("lock")
    ranks = [
        {"rank": rank, "argv": [*PYTHON, code], "env": {"DSK_JOB": JOB, "RANK": str(rank), **env}}
        for rank, code in enumerate(codes)
    ]
    peer.ask("start", attempt=0, ranks=ranks, files={})


def exits(peer: Peer, number: int) -> dict[int, int]:
    deadline = time.monotonic() + 20
    while len(found := peer.news({0: 10**6, 1: 10**6}, exits=number - 1).exits) < number:
        assert time.monotonic() < deadline, found
    return {each.rank: each.code for each in found}


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_lines_come_with_their_rank_and_are_asked_for_by_offset(agent: Agent) -> None:
    peer = agent.connect()
    start(peer, "print('a'); print('b 雪')", "import os; print(os.environ['SECRET'])", SECRET="x")
    assert exits(peer, 2) == {0: 0, 1: 0}
    found = {each.rank: each for each in peer.news(wait=0).lines}
    assert found[0].lines == ("a", "b 雪")
    assert found[1].lines == ("x",)
    again = peer.news({0: found[0].next, 1: found[1].next}, exits=2, wait=0)
    assert (again.lines, again.exits) == ((), ())


def test_a_new_connection_goes_on_where_the_last_one_was(agent: Agent) -> None:
    first = agent.connect()
    go = agent.workspace / "go"
    code = (
        f"import os, time\nprint('before')\nwhile not os.path.exists({str(go)!r}): time.sleep(0.05)"
        "\nprint('after')"
    )
    start(first, code)
    [before] = first.news().lines
    assert before.lines == ("before",)
    first.close()
    second = agent.connect()
    go.touch()
    [after] = second.news({0: before.next}).lines
    assert after.lines == ("after",)
    assert exits(second, 1) == {0: 0}


def test_exits_are_real_and_in_their_order(agent: Agent) -> None:
    peer = agent.connect()
    start(
        peer,
        "import time; time.sleep(0.6); raise SystemExit(3)",
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    )
    assert exits(peer, 2) == {0: 3, 1: -11}
    both = peer.news({0: 10**6, 1: 10**6}, wait=0).exits
    assert [each.rank for each in both] == [1, 0]
    assert both[0].ago > both[1].ago >= 0


def test_a_rank_that_cannot_be_started_is_told_and_leaves_none(agent: Agent) -> None:
    peer = agent.connect()
    peer.ask("lock")
    good = {"rank": 0, "argv": [*PYTHON, "import time; time.sleep(60)"], "env": {}}
    bad = {"rank": 1, "argv": ["/nowhere"], "env": {}}
    with pytest.raises(AssertionError, match="FileNotFoundError"):
        peer.ask("start", attempt=0, ranks=[good, bad], files={})
    assert [each.rank for each in peer.news().exits] == [0]


def test_a_file_of_the_job_that_was_changed_is_refused(agent: Agent) -> None:
    peer = agent.connect()
    peer.ask("lock")
    digest = peer.ask("put", name="recipe.yaml", text="a: 1\n")
    path = agent.workspace / f".dsk/jobs/{JOB}/recipe.yaml"
    path.write_text("a: 2\n")
    with pytest.raises(AssertionError, match=r"recipe\.yaml is not what was put there"):
        peer.ask("start", attempt=0, ranks=[], files={"recipe.yaml": digest})
    path.write_text("a: 1\n")
    peer.ask("start", attempt=0, ranks=[], files={"recipe.yaml": digest})


DETACHED = (
    "import subprocess, sys, time\n"
    "sleeper = 'import time; time.sleep(60)'\n"
    'middle = f\'import subprocess, sys; p = subprocess.Popen([sys.executable, "-c", {sleeper!r}],'
    " start_new_session=True, env={{}}); print(p.pid)'\n"
    "subprocess.run([sys.executable, '-c', middle])\n"
    "time.sleep(60)"
)
"""A rank whose child's child has another session, another parent, and no label."""


def test_the_end_takes_all_that_ranks_have_started(agent: Agent) -> None:
    peer = agent.connect()
    start(peer, DETACHED)
    [lines] = peer.news().lines
    orphan = int(lines.lines[0])
    assert alive(orphan)
    assert peer.ask("end") == 0
    assert not alive(orphan)
    assert exits(peer, 1) == {0: -15}
    assert lock.holder() == JOB


def test_a_clean_end_gives_up_everything_at_once(agent: Agent, run_folder: Path) -> None:
    peer = agent.connect()
    start(peer, "import time; time.sleep(60)")
    [rank] = reported(peer)["ranks"]
    assert peer.ask("close") == 0
    agent.wait(2)
    assert not alive(rank["pid"])
    assert lock.holder() is None
    assert not [path for path in run_folder.rglob("*") if JOB in path.name]
    assert not Path(agent.path).exists()


def test_the_lease_ends_the_ranks_when_nobody_asks(agent: Agent) -> None:
    peer = agent.connect()
    start(peer, "import time; time.sleep(60)")
    [rank] = reported(peer)["ranks"]
    # The connection is still open: that it lives does not count, only what is asked.
    agent.wait(LEASE_S + 5)
    assert not alive(rank["pid"])
    assert lock.holder() is None


def test_a_lost_connection_does_not_end_anything_within_the_lease(agent: Agent) -> None:
    first = agent.connect()
    start(first, "import time; time.sleep(60)")
    for _ in range(4):
        first.close()
        time.sleep(LEASE_S / 2)
        first = agent.connect()
        assert first.news(wait=0).exits == ()


def test_a_daemon_that_is_busy_with_one_question_answers_others(agent: Agent) -> None:
    peer, other = agent.connect(), agent.connect()
    waiting = threading.Thread(target=lambda: peer.news(wait=1.0))
    waiting.start()
    began = time.monotonic()
    assert other.ask("marker", name="n", action="look") is False
    assert time.monotonic() - began < 0.5
    waiting.join()


def reported(peer: Peer) -> dict[str, Any]:
    while not (raw := peer.ask("news", offsets=[], exits=9, report=0, wait=5.0)["report"]):
        pass
    return dict(raw)


def test_a_report_says_how_the_ranks_and_the_node_are(agent: Agent, run_folder: Path) -> None:
    peer = agent.connect()
    said = Progress("training", 7, 1.0, 3, 9, 0.5)
    path = paths.progress(JOB, 0)
    code = (
        "import os, pathlib, signal\n"
        f"pathlib.Path({str(path)!r}).write_text({said.to_json()!r})\n"
        "os.kill(os.getpid(), signal.SIGSTOP)"
    )
    start(peer, code)
    deadline = time.monotonic() + 15
    while (found := reported(peer)["ranks"][0])["state"] != "T" and time.monotonic() < deadline:
        pass
    assert found["state"] == "T" and alive(found["pid"])
    assert Progress(**found["progress"]) == said
    host = reported(peer)["host"]
    assert host["memory_total"] > host["memory_available"] > 0
    assert host["disk_free"] > 0
    assert json.dumps(host)
    assert peer.ask("end") == 0


def test_one_job_at_a_time(agent: Agent) -> None:
    with lock.take("other"), pytest.raises(AssertionError, match="other"):
        agent.connect().ask("lock")
