"""`dsk launch --detach`: it returns when it is known whether the job goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pexpect
import pytest

from dsk.cli import launch
from dsk.cli.listen import JsonLines, Shows
from dsk.cli.printing import ReaderGone
from dsk.cli.screen import Screen
from dsk.errors import Unreachable
from dsk.jobs import history
from dsk.jobs.runtime import Supervisor
from dsk.text import verbatim
from dsk.wire.events import Accepted, Event, Failure, Finished, Notice, Phase, decode
from tests.texts import en

CONNECTS = Phase(1.0, "starting", verbatim("connecting to 2 workers"))
STARTS = Phase(2.0, "starting", verbatim("starting 2 ranks, rendezvous at 10.0.0.11:29500"))
BUSY = Failure(
    2.0, verbatim("node0 (10.0.0.11): job j1 is running here"), fix=verbatim("dsk stop j1")
)
REFUSED = Finished(3.0, "failed", 1, 2.0, "/jobs/j2", "/out")


class Saying(Supervisor):
    """Says `events`, then goes on in silence where it `goes_on`, or raises `error`."""

    job = "j2"

    def __init__(
        self, *events: Event, goes_on: bool = False, error: Exception | None = None
    ) -> None:
        self._events = events
        self._goes_on = goes_on
        self._error = error

    def events(self) -> Iterator[Event]:
        yield from self._events
        if self._error:
            raise self._error
        if self._goes_on:
            threading.Event().wait()

    def exit_code(self) -> int:
        return 1

    def request_stop(self) -> None: ...

    def request_save(self) -> None: ...

    def stop(self) -> None: ...


class Shown(list[Event]):
    def show(self, event: Event) -> None:
        self.append(event)

    def tick(self) -> None: ...

    def close(self) -> None: ...


def test_a_job_past_its_checks_goes_on() -> None:
    disk = Notice(1.5, "workspace", verbatim("the workspace /w is one disk that all nodes share"))
    assert launch._passes_its_checks(Saying(CONNECTS, disk, Accepted(1.6), goes_on=True))


def test_however_many_phases_a_job_has_before_its_checks() -> None:
    assert not launch._passes_its_checks(Saying(CONNECTS, CONNECTS, STARTS, BUSY, REFUSED))


def test_a_job_that_is_refused_ends_as_in_the_foreground(
    capsys: pytest.CaptureFixture[str],
) -> None:
    supervisor = Saying(CONNECTS, BUSY, REFUSED)
    assert not launch._passes_its_checks(supervisor)
    shown = Shown()
    assert launch.follow(supervisor, shown, explain=True) == 1
    assert shown == [CONNECTS, BUSY, REFUSED]
    assert "dsk diagnose j2" in capsys.readouterr().out


@pytest.mark.parametrize("as_json", [False, True])
def test_detaching_after_ctrl_c_is_said_as_everything_else(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    shows: Shows = JsonLines() if as_json else Screen(2, 2)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dsk.cli.listen.show_all", interrupted)
    monkeypatch.setattr(launch, "_wants_to_detach", lambda: True)
    assert launch.follow(Saying(CONNECTS, goes_on=True), shows, explain=False) == 0
    [line] = capsys.readouterr().out.splitlines()
    sentence = "the job continues; follow it with: dsk logs -f j2   stop it with: dsk stop j2"
    if as_json:
        event = decode(line)
        assert isinstance(event, Notice) and en(event.text) == sentence
    else:
        assert line == f"dsk: {sentence}"


DETACHES = ("d", "D", "detach", " Detach ", "后台", "转到后台", "分离")
STOPS = ("s", "S", "stop", "停止", "停", "")
ASKS = f"""
from dsk.cli import launch
for _ in range({len(DETACHES) + len(STOPS)}):
    print("RESULT", launch._wants_to_detach())
"""


@pytest.mark.parametrize(
    ("locale", "question"),
    [("C.UTF-8", "stop the job, or detach"), ("zh_CN.UTF-8", "s = 停止")],
)
def test_the_answers_at_ctrl_c(locale: str, question: str) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-c", ASKS],
        env={**os.environ, "LC_ALL": locale, "PYTHONUTF8": "1", "TERM": "dumb"},
        encoding="utf-8",
        timeout=30,
    )
    child.delaybeforesend = None
    for answer in (*DETACHES, *STOPS):
        child.expect(question)
        child.sendline("x")
        child.expect("d = ")
        child.expect("d = ")
        child.sendline(answer)
        child.expect(f"RESULT {answer in DETACHES}")
    child.close()


FOLLOW = """
import sys
from dsk.cli import launch
from dsk.cli.listen import JsonLines
from dsk.cli.printing import prepare
from dsk.cli.screen import Screen
from tests.unit.cli.test_launch import CONNECTS, Saying
prepare()
shows = JsonLines() if "json" in sys.argv else Screen(2, 2)
supervisor = Saying(*[CONNECTS] * 3000, goes_on=True)
launch.follow(supervisor, shows, explain=False)
"""


@pytest.mark.parametrize("shows", ["json", "text"])
def test_a_closed_output_is_told_with_how_to_go_on(shows: str) -> None:
    program = f"{sys.executable} -c '{FOLLOW}' {shows} | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.splitlines()[-1] == "141"
    assert done.stderr == (
        "dsk: nobody reads this output any more; the job continues; follow it with: dsk logs -f j2"
        "   stop it with: dsk stop j2\n"
    )


def test_a_job_that_has_ended_does_not_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    class Closed(Shown):
        def show(self, event: Event) -> None:
            if isinstance(event, Finished):
                raise ReaderGone(141)

    with pytest.raises(ReaderGone):
        launch.follow(Saying(CONNECTS, REFUSED), Closed(), explain=False)
    assert capsys.readouterr().err == ""


def test_a_supervisor_without_a_last_word_is_no_job_that_goes_on() -> None:
    assert not launch._passes_its_checks(Saying(CONNECTS))


def test_a_lost_way_is_told() -> None:
    with pytest.raises(Unreachable):
        launch._passes_its_checks(Saying(CONNECTS, error=Unreachable("lost")))


def test_the_wait_has_a_limit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(history, "STARTS_WITHIN_S", 0.2)
    assert launch._passes_its_checks(Saying(CONNECTS, goes_on=True))
    assert "still being checked" in capsys.readouterr().err
