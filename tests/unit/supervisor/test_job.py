"""A job's end, however it comes: what is told, in which order, and with which exit code."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from dsk.supervisor.job import Job
from dsk.supervisor.place import MADE_BY_UP, Place
from dsk.supervisor.record import Record
from dsk.wire.events import Event, Failure, Finished, decode
from dsk.wire.status import JobStatus
from tests.unit.wire.test_messages import SPEC


class Told:
    """A record whose events can be looked at."""

    def __init__(self) -> None:
        self._out = io.StringIO()
        self.record = Record(JobStatus("j", "lab", "starting", (), 3, 1.0, 1.0, "/o"), self._out)

    @property
    def events(self) -> list[Event]:
        return [decode(line) for line in self._out.getvalue().splitlines()]


@pytest.fixture
def told() -> Told:
    return Told()


def test_what_nobody_expects_is_a_failure_with_a_last_word(told: Told, tmp_path: Path) -> None:
    class Unlucky(Job):
        def _run(self) -> None:
            raise OSError(28, "No space left on device", "/run/dsk/ssh_config")

    assert Unlucky(SPEC, told.record, Place(tmp_path, MADE_BY_UP)).run() == 1
    failure, finished = told.events
    assert isinstance(failure, Failure) and isinstance(finished, Finished)
    assert "OSError: [Errno 28] No space left on device: '/run/dsk/ssh_config'" in failure.cause
    assert "in _run" in "\n".join(failure.lines)
    assert (finished.state, finished.exit_code) == ("failed", 1)
