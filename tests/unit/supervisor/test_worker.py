"""A worker whose agent answers what it should not: each answer is an error with the node's name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dsk.errors import DskError, JobFailed, Unreachable
from dsk.supervisor.runtime import MADE_BY_UP
from dsk.supervisor.worker import Worker
from dsk.wire import session
from dsk.wire.jobspec import JobNode
from dsk.wire.operations import CountDevices, Devices, TakeLock

SSH = """#!{python}
import sys
for line in sys.stdin.buffer:
    sys.stdout.buffer.write({answer!r})
    sys.stdout.flush()
"""
"""In place of ssh: the agent's end of the connection."""

Answering = Callable[[bytes], Worker]


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answering]:
    made: list[Worker] = []

    def make(answer: bytes) -> Worker:
        program = tmp_path / "ssh"
        program.write_text(SSH.format(python=sys.executable, answer=answer))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        node = JobNode(1, "10.0.0.12", (0,), 1)
        made.append(Worker(node, tmp_path / "config", ["dsk-agent"], remedies=MADE_BY_UP))
        return made[-1]

    yield make
    for worker in made:
        worker.lost = True
        worker.close()


def test_an_answer(answering: Answering) -> None:
    worker = answering(b'{"id": 0, "result": {"count": 2, "problem": null, "later": 1}}\n')
    assert worker.ask(CountDevices("cuda")) == Devices(2)


def test_an_answer_of_another_shape_names_the_version(answering: Answering) -> None:
    worker = answering(b'{"id": 0, "result": {"count": "two"}}\n')
    with pytest.raises(JobFailed) as raised:
        worker.ask(CountDevices("cuda"))
    assert raised.value.where == "node1 (10.0.0.12)"
    assert "another version of dsk" in raised.value.message and "count is 'two'" in str(
        raised.value
    )
    assert raised.value.remedy == MADE_BY_UP.difference


def test_a_lock_that_another_job_has(answering: Answering) -> None:
    worker = answering(b'{"id": 0, "error": "busy with job j7", "busy": "j7"}\n')
    with pytest.raises(JobFailed, match="job j7 is running here") as raised:
        worker.ask(TakeLock())
    assert "dsk stop j7" in (raised.value.fix or "")


def test_no_answer_within_the_limit(answering: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dsk.supervisor.worker.FIRST_ANSWER_LIMIT_S", 0.1)
    with pytest.raises(Unreachable, match="no answer to 'take_lock' within"):
        answering(b"").ask(TakeLock(), limit=0.1)


def test_a_message_without_an_end_is_not_read_for_ever(
    answering: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "MESSAGE_BYTES", 1 << 20)
    worker = answering(b"x" * (2 << 20))
    with pytest.raises(DskError, match="a message of more than 1 MiB"):
        worker.ask(TakeLock())
