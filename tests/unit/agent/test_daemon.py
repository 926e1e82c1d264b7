"""A job's agent as the supervisor meets it: a process behind a socket, its ranks, its end."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dsk.agent import lock, threads
from dsk.agent.ranks import Ranks
from dsk.text import Text
from dsk.wire import paths
from dsk.wire.figures import NodeFigures, RankFigures
from dsk.wire.jobspec import Needed
from dsk.wire.news import News
from dsk.wire.operations import (
    AskNews,
    Close,
    EndRanks,
    FindMissing,
    Marker,
    RankSpec,
    StartRanks,
    TakeLock,
    WatchRanks,
)
from dsk.wire.progress import Progress
from tests.unit.agent.peers import JOB, PYTHON, Agent, Peer, start, start_ranks

LEASE_S = 2.0
ASKED, DISK = "asked", "disk"
NEEDED = (Needed("x"),)
NEWS = AskNews(0, (), 0, 10**9, 0.0)


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path / "w", lease=LEASE_S)
    yield made
    made.end()


def exits(peer: Peer, number: int) -> dict[int, int]:
    deadline = time.monotonic() + 20
    while len(found := peer.news({0: 10**6, 1: 10**6}, exits=number - 1).exits) < number:
        assert time.monotonic() < deadline, found
    return {each.rank: each.code for each in found}


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


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
        "import time; time.sleep(0.2); raise SystemExit(3)",
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    )
    assert exits(peer, 2) == {0: 3, 1: -11}
    both = peer.news({0: 10**6, 1: 10**6}, wait=0).exits
    assert [each.rank for each in both] == [1, 0]
    assert both[0].ago > both[1].ago >= 0


def test_a_rank_that_cannot_be_started_is_told_and_leaves_none(agent: Agent) -> None:
    peer = agent.connect()
    peer.ask(TakeLock())
    good = RankSpec(0, (*PYTHON, "import time; time.sleep(60)"), {})
    bad = RankSpec(1, ("/nowhere",), {})
    with pytest.raises(AssertionError, match="FileNotFoundError"):
        peer.ask(StartRanks(0, (good, bad)))
    assert [each.rank for each in peer.news().exits] == [0]


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
    assert peer.ask(EndRanks(0)) == 0
    assert not alive(orphan)
    assert exits(peer, 1) == {0: -15}
    assert lock.holder() == JOB


def test_a_clean_end_gives_up_everything_at_once(agent: Agent, run_folder: Path) -> None:
    peer = agent.connect()
    start(peer, "import time; time.sleep(60)")
    [rank] = reported(peer).ranks
    peer.ask(Close())
    agent.wait(20)
    assert rank.pid and not alive(rank.pid)
    assert lock.holder() is None
    assert not [path for path in run_folder.rglob("*") if JOB in path.name]
    assert not Path(agent.path).exists()


@pytest.mark.long
def test_the_lease_ends_the_ranks_when_nobody_asks(impatient: Agent) -> None:
    peer = impatient.connect()
    start(peer, "import os, time; print(os.getpid()); time.sleep(60)")
    [said] = peer.news(wait=LEASE_S / 2).lines
    # The connection is still open: that it lives does not count, only what is asked.
    impatient.wait(LEASE_S + 5)
    assert not alive(int(said.lines[0]))
    assert lock.holder() is None


@pytest.mark.long
def test_a_lost_connection_does_not_end_anything_within_the_lease(impatient: Agent) -> None:
    peer = impatient.connect()
    start(peer, "import time; time.sleep(60)")
    for _ in range(3):
        peer.close()
        time.sleep(LEASE_S / 2)
        peer = impatient.connect()
        assert peer.news(wait=0).exits == ()


@pytest.mark.long
def test_an_agent_that_was_paused_itself_first_hears_what_it_was_asked(impatient: Agent) -> None:
    """As with its whole server: its supervisor could ask, and it could not hear."""
    peer = impatient.connect()
    start(peer, "import time; time.sleep(60)")
    peer.news(wait=0)
    os.kill(impatient.pid, signal.SIGSTOP)
    number = peer.send(NEWS)
    time.sleep(2 * LEASE_S)
    os.kill(impatient.pid, signal.SIGCONT)
    assert peer.answer(NEWS, number).exits == ()
    time.sleep(LEASE_S / 2)
    assert peer.news(wait=0).exits == ()


def test_a_daemon_that_is_busy_with_one_question_answers_others(agent: Agent) -> None:
    peer, other = agent.connect(), agent.connect()
    peer.send(replace(NEWS, wait=60.0))
    assert other.ask(Marker("n", "look")) is False
    assert not peer.has_answer()


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    """One whose disk does not answer `missing`, nor make the folder of the ranks' logs, before
    there is a file DISK in its workspace; there is a file ASKED as soon as it is asked."""
    make = Ranks.__init__

    def wait_for_disk() -> None:
        (tmp_path / "w" / ASKED).touch()
        wait_until((tmp_path / "w" / DISK).exists)

    def slowly(*arguments: Any) -> None:
        wait_for_disk()
        make(*arguments)

    def missing_slowly(_: Any) -> tuple[Text, ...]:
        wait_for_disk()
        return ()

    monkeypatch.setattr("dsk.agent.needed.missing", missing_slowly)
    monkeypatch.setattr(Ranks, "__init__", slowly)
    made = Agent(tmp_path / "w", lease=60)
    yield made
    made.end()


def test_a_long_answer_keeps_no_other_waiting_on_its_own_connection(slow: Agent) -> None:
    peer = slow.connect()
    peer.ask(TakeLock())
    request = FindMissing(NEEDED)
    number = peer.send(request)
    # Answered first: the other answer needs the disk.
    assert peer.news(wait=0.0).exits == ()
    (slow.workspace / DISK).touch()
    assert peer.answer(request, number) == ()


def test_a_start_that_comes_after_its_end_starts_nothing(agent: Agent) -> None:
    """Each question has a thread of its own: either of two may be answered first."""
    peer = agent.connect()
    peer.ask(TakeLock())
    assert peer.ask(EndRanks(1)) == 0
    for late in (0, 1):
        with pytest.raises(AssertionError, match="the job was ended"):
            start_ranks(peer, "import time; time.sleep(60)", attempt=late)
        assert peer.news(attempt=late, wait=0.0).exits == ()
    start_ranks(peer, "pass", attempt=2)
    assert [each.code for each in peer.news({0: 10**6}, attempt=2).exits] == [0]


def test_news_is_of_the_attempt_that_is_asked_for(agent: Agent) -> None:
    peer = agent.connect()
    start(peer, "print('first')")
    assert exits(peer, 1) == {0: 0}
    # Of an attempt that has not begun there is none; whoever waits is told when it begins.
    assert peer.news(attempt=1, wait=0.0) == News()
    waiting = AskNews(0, ((0, 10**6),), 1, 10**9, 60.0)
    number = peer.send(waiting)
    other = agent.connect()
    start_ranks(other, "import time; print('second', flush=True); time.sleep(60)", attempt=1)
    assert peer.answer(waiting, number) == News()
    assert peer.news(attempt=0, wait=0.0) == News(), "nothing of the last one is told any more"
    [lines] = peer.news(attempt=1).lines
    assert (lines.lines, peer.news({0: 1}, attempt=1, wait=0.0).exits) == (("second",), ())
    [rank] = reported(peer, attempt=1).ranks
    assert rank.pid and alive(rank.pid), "no report of the ranks of the last one"
    assert peer.ask(EndRanks(1)) == 0


def test_an_end_comes_before_the_ranks_that_are_still_to_be_started(slow: Agent) -> None:
    peer = slow.connect()
    peer.ask(TakeLock())
    request = StartRanks(0, (RankSpec(0, (*PYTHON, "import time; time.sleep(60)"), {}),))
    number = peer.send(request)
    wait_until((slow.workspace / ASKED).exists)
    assert peer.ask(EndRanks(0)) == 0
    (slow.workspace / DISK).touch()
    with pytest.raises(AssertionError, match="the job was ended"):
        peer.answer(request, number)
    assert peer.news(wait=0.0).exits == ()


def reported(peer: Peer, attempt: int = 0) -> NodeFigures:
    while not (found := peer.news(attempt=attempt, exits=9, report=0).report):
        pass
    return found


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
    while not (ranks := reported(peer).ranks) or ranks[0].state != "T":
        assert time.monotonic() < deadline
    (found,) = ranks
    assert found.state == "T" and found.pid and alive(found.pid)
    assert found.progress == said
    while (host := reported(peer).host).disk_free is None:
        assert time.monotonic() < deadline + 15, "the disk has not answered"
    assert host.memory_total > host.memory_available > 0
    assert host.disk_free > 0
    assert peer.ask(EndRanks(0)) == 0


def test_the_end_of_ranks_of_another_launcher_is_reported(agent: Agent) -> None:
    """DeepSpeed's runner starts them, so the agent is not their parent and hears of no exit."""
    peer = agent.connect()
    peer.ask(TakeLock())
    peer.ask(WatchRanks(0))
    said = Progress("ending", 7, 1.0, 10, 10, 0.5)
    path = str(paths.progress(JOB, 0))
    code = f"import pathlib; pathlib.Path({path!r}).write_text({said.to_json()!r})"
    subprocess.run([*PYTHON, code], env={"DSK_JOB": JOB, "RANK": "0"}, check=True)
    before = newest.number if (newest := peer.news(wait=0.0, report=0).report) else 0
    assert peer.ask(EndRanks(0)) == 0
    report = peer.news(wait=0.0, report=before).report
    assert report, "nothing is reported between the end and the supervisor's last question"
    assert report.ranks == (RankFigures(0, None, None, said),)


def test_one_job_at_a_time(agent: Agent) -> None:
    with lock.take("other"), pytest.raises(AssertionError, match="other"):
        agent.connect().ask(TakeLock())


def test_ranks_share_the_workers_cores(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)  # the agent inherits this environment
    peer = request.getfixturevalue("agent").connect()
    show = "import os; print(os.environ['OMP_NUM_THREADS'])"
    start(peer, show, show)
    assert exits(peer, 2) == {0: 0, 1: 0}
    share = threads.default({}, 2)["OMP_NUM_THREADS"]
    assert {each.lines for each in peer.news(wait=0).lines} == {(share,)}


def test_the_users_number_of_threads(agent: Agent) -> None:
    peer = agent.connect()
    start(peer, "import os; print(os.environ['OMP_NUM_THREADS'])", OMP_NUM_THREADS="77")
    assert exits(peer, 1) == {0: 0}
    assert [each.lines for each in peer.news(wait=0).lines] == [("77",)]
