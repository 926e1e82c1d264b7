"""Jobs from their specification to their exit code: a real supervisor, sshd, agent and ranks."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dsk.wire.events import Accepted, Attempt, Event, Exited, Finished, Output, Phase, decode
from tests.unit.supervisor import one_node

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(120),
    pytest.mark.skipif(os.geteuid() != 0, reason="makes namespaces"),
    pytest.mark.skipif(not Path("/usr/sbin/sshd").exists(), reason="needs sshd"),
]

COUNTS = """
import os, pathlib, time
rank = os.environ["RANK"]
path = pathlib.Path(f"/opt/w/attempt-{rank}")
attempt = int(path.read_text()) if path.exists() else 0
path.write_text(str(attempt + 1))
print("attempt", attempt, "rank", rank, "port", os.environ["MASTER_PORT"], flush=True)
"""
"""Each rank says which of its starts this is."""


class Job:
    def __init__(self, code: str, attempts: int, **env: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, one_node.__file__, COUNTS + code, str(attempts)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **env},
            start_new_session=True,
        )
        self.events: list[Event] = []

    def until(self, kind: type[Event], **values: Any) -> None:
        """Read events up to one that has these values."""
        assert self._process.stdout
        for line in self._process.stdout:
            self.events.append(decode(line))
            last = self.events[-1]
            if isinstance(last, kind) and values.items() <= vars(last).items():
                return
        if self._process.wait() == one_node.NO_NAMESPACES:
            pytest.skip("no namespaces here")
        raise AssertionError(self.events)

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGINT)

    def end(self) -> tuple[int, dict[str, Any]]:
        """The exit code and the last status, when nothing of the job is left."""
        self.until(Finished)
        assert self._process.stdout
        status, left = self._process.stdout.read().splitlines()
        assert left == "[]"
        return self._process.wait(60), json.loads(status)

    def close(self) -> None:
        assert self._process.stdout
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process.stdout.close()

    def said(self) -> list[str]:
        return sorted(event.line for event in self.events if isinstance(event, Output))


Start = Callable[[str, int], Job]


@pytest.fixture
def start() -> Iterator[Start]:
    jobs: list[Job] = []

    def make(code: str, attempts: int) -> Job:
        jobs.append(Job(code, attempts))
        return jobs[-1]

    yield make
    for job in jobs:
        job.close()


def test_a_job_whose_third_attempt_succeeds(start: Start) -> None:
    job = start("time.sleep(0.3)\nraise SystemExit(3 if attempt < 2 and rank == '1' else 0)", 3)
    code, status = job.end()
    assert (code, status["state"], status["attempt"], status["ran"]) == (0, "succeeded", 2, True)
    numbers = [event.number for event in job.events if isinstance(event, Attempt)]
    assert numbers == [0, 1, 2]
    kinds = [type(event) for event in job.events]
    assert kinds.index(Accepted) < kinds.index(Attempt)
    assert len(job.said()) == 6, "every line of every attempt, once"
    ports = {line.split()[1]: line.split()[-1] for line in job.said()}
    assert ports["0"] != ports["1"] != ports["2"]
    last = max(n for n, event in enumerate(job.events) if isinstance(event, Attempt))
    after = [event for event in job.events[last:] if isinstance(event, Exited)]
    assert sorted((event.rank, event.code) for event in after) == [(0, 0), (1, 0)]


def test_a_stop_in_the_second_attempt(start: Start) -> None:
    job = start("time.sleep(60) if attempt else exit(3)", 5)
    job.until(Attempt, number=1)
    job.until(Phase, state="running")
    job.stop()
    code, status = job.end()
    assert (code, status["state"], status["attempt"]) == (130, "stopped", 1)
